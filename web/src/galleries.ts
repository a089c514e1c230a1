/** All galleries of the service: which there are for who asks, and whether one has to be chosen first. */
import { computed, signal } from "@preact/signals";
import { api, locked } from "./api";
import type { GalleryList } from "./types";

export const galleries = signal<GalleryList | null>(null);
/** Whether the server was asked, be it in vain: until then nobody knows which page this is. */
export const isAsked = signal(false);

/** The address names a gallery: /g/NAME/. */
const named = /\/g\/[^/]+\/$/.test(location.pathname);
const toTheTop = named ? "../../" : "./";

/** There is no gallery yet: the page says how the first one comes about. */
export const isFirstRun = computed(() => (galleries.value?.first_steps.length ?? 0) > 0);
/** There are several, and the address names none. */
export const isChoosing = computed(() => (galleries.value?.several ?? false) && !named);
/** The page of no gallery. */
export const isFront = computed(() => isFirstRun.value || isChoosing.value);
/** Where the other galleries stand, as an address; "" where there are none. */
export const others = computed(() => (galleries.value?.several && named ? toTheTop : ""));

/** Those besides this page's that whoever asks may choose. */
export const otherGalleries = computed(() =>
  named ? (galleries.value?.items ?? []).filter(({ address, role }) => role && !location.pathname.endsWith(address)) : [],
);

export const pageOf = (address: string): string => `${toTheTop}${address.replace(/^\//, "")}`;

export async function loadGalleries(): Promise<void> {
  try {
    galleries.value = await api.galleries();
    if (isChoosing.value && !galleries.value.known) locked.value = true;
  } catch {
    // The server is gone, or its answer says elsewhere what is wrong.
  } finally {
    isAsked.value = true;
  }
}
