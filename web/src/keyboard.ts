/** The page's keys, never while something is being written; `?` shows them. */
import { signal } from "@preact/signals";
import { canSteer, steered } from "./body";
import type { Messages } from "./messages/en";
import { selected, selectedId, shown } from "./search";
import { ask, asking, compare, go, route, undo } from "./state";
import { closeTopmost } from "./ui/escape";
import { undoLabels } from "./views/labels/changes";

interface Key {
  keys: readonly string[];
  /** Its words, in the messages. */
  does: keyof Messages["help"]["keys"];
  act: () => void;
  /** In every view; else in the search alone. */
  everywhere?: boolean;
}

export const isHelpOpen = signal(false);

export function writing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.closest) return false;
  if (element.closest("dialog")) return true;
  const input = element.closest("input, textarea, select") as HTMLInputElement | null;
  return input !== null && !["checkbox", "radio", "button", "range"].includes(input.type);
}

export function move(by: number): void {
  const at = shown.value.findIndex((hit) => hit.id === selectedId.value);
  const next = shown.value[Math.max(0, Math.min(shown.value.length - 1, at + by))];
  if (!next) return;
  selectedId.value = next.id;
  if (route.value.compare) return compare(next.id);
  const card = document.getElementById(`hit-${next.rank}`);
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}

const steer = (way: "more" | "less"): void => {
  if (selected.value && canSteer(asking.value)) ask(steered(asking.value, selected.value.id, way));
};

function find(): void {
  const focus = (): void => document.getElementById("find")?.focus();
  if (route.value.view === "search") return focus();
  go("search");
  requestAnimationFrame(focus);
}

export const KEYS: readonly Key[] = [
  { keys: ["/"], does: "find", act: find, everywhere: true },
  { keys: ["j"], does: "next", act: () => move(1) },
  { keys: ["k"], does: "before", act: () => move(-1) },
  {
    keys: ["c"],
    does: "compare",
    act: () => selected.value && compare(route.value.compare ? null : selected.value.id),
  },
  { keys: ["+", "="], does: "more", act: () => steer("more") },
  { keys: ["-"], does: "less", act: () => steer("less") },
  {
    keys: ["u"],
    does: "undo",
    act: () => (route.value.view === "labels" ? void undoLabels() : undo()),
    everywhere: true,
  },
  { keys: ["?"], does: "help", act: () => (isHelpOpen.value = true), everywhere: true },
];

/** What is on top is closed first: a dialog by itself, then the compare view, then what was opened in the page. */
function escape(event: KeyboardEvent): void {
  const inside = (event.target as HTMLElement | null)?.closest?.("dialog, .compare");
  if (inside || event.defaultPrevented) return;
  if (route.value.compare) compare(null);
  else if (closeTopmost()) event.preventDefault();
}

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") return escape(event);
    const key = KEYS.find((one) => one.keys.includes(event.key));
    if (!key || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
    if (route.value.view !== "search" && !key.everywhere) return;
    event.preventDefault();
    key.act();
  });
}
