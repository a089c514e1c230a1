/** Opens an upload or a record in the viewer that its files call for; the server's picture where that fails. */
import { api, paths, Problem, type Thing } from "../api";
import { messages } from "../messages";
import type { ViewerKind } from "../types";
import type { Pane } from "./pane";
import { openPicture } from "./picture";

const MOST_FILES = 1000; // of a series; every slice is fetched
const AT_ONCE = 6;

export interface Subject {
  thing: Thing;
  name: string;
  depth: number;
  modality: string | null;
  /** Of a file with several, the one that is the record. */
  frame: number;
  /** That a volume is cut along, for people to read; "" for a picture. */
  plane: string;
}

interface Files {
  viewer: ViewerKind | null;
  count: number;
  /** The plane that a volume is cut along; "" for a picture. */
  plane: string;
  rows: number;
  columns: number;
  /** "HU" where the values can only be Hounsfield units, whatever the file. */
  units: string;
}

async function filesOf(thing: Thing): Promise<Files> {
  if ("record" in thing) return api.recordFiles(thing.record);
  const { files, ...rest } = await api.uploaded(thing.upload);
  return { ...rest, count: files };
}

async function fetchAll(
  thing: Thing,
  count: number,
  told: (done: number) => void,
  abort: AbortSignal,
): Promise<File[]> {
  const found: File[] = [];
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < count) {
      const n = next++;
      found[n] = await api.file(thing, n, abort);
      told((done += 1));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
  return found;
}

const because = (error: unknown): string => {
  const words = messages.peek().compare;
  if (error instanceof Problem && error.reason === "source-gone")
    return words.sourceGone;
  if (error instanceof Problem) return words.serverPicture(error.message);
  return words.notDecoded;
};

/** element: an empty block of the pane's size, which the viewer fills. told: how many files of how many are here. */
export async function openPane(
  element: HTMLElement,
  { thing, name, depth, frame }: Subject,
  told: (words: string) => void,
  abort: AbortSignal,
): Promise<Pane> {
  const canvas = (): HTMLCanvasElement => {
    const made = document.createElement("canvas");
    made.className = "drawn";
    element.replaceChildren(made);
    return made;
  };
  let known: Files | null = null;
  const picture = (note: string): Promise<Pane> =>
    openPicture(
      canvas(),
      Math.max(1, depth),
      (slice) => api.blob(paths.picture(thing, depth > 1 ? slice : null, 1024), abort),
      known,
      note,
    );
  try {
    known = await filesOf(thing);
    const { viewer, count, plane, units } = known;
    const hounsfield = units === "HU";
    if (viewer === "picture" || viewer === null) return await picture("");
    if (count > MOST_FILES) return await picture(messages.peek().compare.manyFiles(count));
    const files = await fetchAll(
      thing,
      count,
      (done) => told(count > 1 ? messages.peek().compare.filesOf(done, count) : messages.peek().compare.reading),
      abort,
    );
    if (viewer === "volume") {
      const { openVolume } = await import("./volume");
      // A file as it is has no telling name: the source's suffix says what it is. One made anew says it itself.
      const called = files[0]!.name.endsWith(".bin") ? name : files[0]!.name;
      return await openVolume(canvas(), files[0]!, { name: called, cut: plane, depth, hounsfield });
    }
    const { openDicom } = await import("./dicom");
    const block = document.createElement("div");
    block.className = "drawn";
    element.replaceChildren(block);
    return await openDicom(block, files, { frame, cut: plane, depth, hounsfield });
  } catch (error) {
    if (abort.aborted) throw error;
    return picture(because(error));
  }
}
