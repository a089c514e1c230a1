/** Files that were dropped or chosen and wait to be added. */
import { signal } from "@preact/signals";

export const pending = signal<readonly File[]>([]);

/** The files of a chosen folder, of those below it where these are wanted; no hidden ones. */
export const ofFolder = (files: readonly File[], deep: boolean): File[] =>
  files.filter((file) => {
    const within = file.webkitRelativePath.split("/").slice(1); // after the folder's own name
    return (deep || within.length === 1) && !within.some((part) => part.startsWith("."));
  });
