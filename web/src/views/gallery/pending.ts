/** Files that were dropped or chosen and wait to be added. */
import { signal } from "@preact/signals";

export const pending = signal<readonly File[]>([]);
