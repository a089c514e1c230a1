/** What the page knows. Views read these signals; only the functions below and in search.ts change them. */
import { computed, signal } from "@preact/signals";
import { api, gone, alive } from "./api";
import { comeBack } from "./comeback";
import { nothing, remembered, undone, type Past } from "./past";
import { addressOf, routeOf, EMPTY, type Asking, type Route } from "./route";
import type { View } from "./views/shown";
import type { Gallery } from "./types";

comeBack();
export const route = signal<Route>(routeOf(location.hash));
export const gallery = signal<Gallery | null>(null);
/** Whether the caller may change something here: not as long as it is not known who asks. */
export const mayChange = computed(() => gallery.value !== null && gallery.value.role !== "reader");
export const galleryProblem = signal<string>("");
export const asking = computed<Asking>(() => route.value.asking);

const past = signal<Past<Asking>>(nothing);
export const canUndo = computed(() => past.value.steps.length > 0);

function show(next: Route, asStep: boolean): void {
  route.value = next;
  const address = addressOf(next);
  if (address === location.hash) return;
  if (asStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** Ask something else. It can be undone, and it is in the address. */
export function ask(change: Partial<Asking>): void {
  past.value = remembered(past.value, asking.value);
  show({ ...route.value, asking: { ...asking.value, ...change } }, true);
}

/** The same question by other names: no step, and nothing to undo. */
export function rename(change: Partial<Asking>): void {
  show({ ...route.value, asking: { ...asking.value, ...change } }, false);
}

export function undo(): void {
  const back = undone(past.value);
  if (!back) return;
  past.value = back[1];
  show({ ...route.value, asking: back[0] }, true);
}

export function go(view: View): void {
  show({ ...route.value, view, compare: null }, true);
}

export function compare(id: string | null): void {
  show({ ...route.value, compare: id }, true);
}

/** Ask for what looks like these, from any view. */
export function searchFor(asked: Asking["asked"]): void {
  past.value = remembered(past.value, asking.value);
  const { space, k, per } = asking.value;
  const next = { ...EMPTY, asked, space, k, per };
  show({ view: "search", asking: next, compare: null }, true);
}

addEventListener("popstate", () => (route.value = routeOf(location.hash)));
addEventListener("hashchange", () => (route.value = routeOf(location.hash)));

export async function loadGallery(): Promise<void> {
  try {
    gallery.value = await api.gallery();
    document.title = `${gallery.value.title} · lookalike`;
    galleryProblem.value = "";
  } catch (error) {
    galleryProblem.value = (error as Error).message;
  }
}

/** While the server is gone it is asked now and then, at most every ten seconds; then `back` is called. */
export function keepTrying(back: () => void): void {
  let wait = 1000;
  gone.subscribe((isGone) => {
    if (!isGone) return;
    wait = 1000;
    const again = async (): Promise<void> => {
      if (await alive()) {
        gone.value = false;
        back();
      } else {
        wait = Math.min(wait * 1.6, 10_000);
        setTimeout(() => void again(), wait);
      }
    };
    setTimeout(() => void again(), wait);
  });
}
