/** Records selected for labelling; the map's lasso fills it too. */
import { signal } from "@preact/signals";

export const selection = signal<ReadonlySet<string>>(new Set());
