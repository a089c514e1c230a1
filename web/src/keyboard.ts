/** / find, j k move (in the compare view to the next pair), c compare, + - more and less, u undo. Never while something is being written. */
import { canSteer, steered } from "./body";
import { selected, selectedId, shown } from "./search";
import { ask, asking, compare, go, route, undo } from "./state";
import { undoLabels } from "./views/labels/changes";

function writing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.closest) return false;
  if (element.closest("dialog")) return true;
  const input = element.closest("input, textarea, select") as HTMLInputElement | null;
  return input !== null && !["checkbox", "radio", "button"].includes(input.type);
}

function move(by: number): void {
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

const KEYS: Record<string, () => void> = {
  "/": () => {
    const focus = (): void => document.getElementById("find")?.focus();
    if (route.value.view === "search") return focus();
    go("search");
    requestAnimationFrame(focus);
  },
  j: () => move(1),
  k: () => move(-1),
  c: () => selected.value && compare(route.value.compare ? null : selected.value.id),
  "+": () => steer("more"),
  "=": () => steer("more"),
  "-": () => steer("less"),
  u: () => (route.value.view === "labels" ? void undoLabels() : undo()),
};

const EVERYWHERE = new Set(["/", "u"]);

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
    if (route.value.view !== "search" && !EVERYWHERE.has(event.key)) return;
    event.preventDefault();
    act();
  });
}
