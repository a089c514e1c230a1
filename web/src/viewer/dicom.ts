/** DICOM files in a Cornerstone3D stack: full depth, windowed in the browser. */
import { Enums, RenderingEngine, cache, imageLoader, init, metaData, type Types } from "@cornerstonejs/core";
import { init as initLoader, wadouri } from "@cornerstonejs/dicom-image-loader";
import { messages } from "../messages";
import { gridOf, takenOf, type Header } from "./header";
import { galleryOrder, isCut, type Plane } from "./order";
import type { Pane, Place, View, Window } from "./pane";

const ENGINE = "lookalike";

let engine: RenderingEngine | null = null;
let panes = 0;
/** What sets the view of each open pane again: a change of one pane's size fits them all anew. */
const viewed = new Set<() => void>();

function start(): RenderingEngine {
  if (engine) return engine;
  init();
  // The dicom-parser headers: the newer provider brings the whole of dcmjs (1.1 MB) for the same picture.
  initLoader({ maxWebWorkers: 1, useLegacyMetadataProvider: true });
  return (engine = new RenderingEngine(ENGINE));
}

function framesOf(imageId: string): string[] {
  const { NumberOfFrames: frames } = (metaData.get("multiframeModule", imageId) ?? {}) as {
    NumberOfFrames?: number;
  };
  return Number(frames) > 1
    ? Array.from({ length: Number(frames) }, (_, n) => `${imageId}?frame=${n + 1}`)
    : [imageId];
}

/**
 * Opens at a frame. cut, depth: the plane that the gallery cuts it along and the number of slices; "" for pictures.
 * Raises where the files cannot be decoded here, or would be shown in another way than the gallery's; the caller shows
 * the server's picture instead.
 */
export async function openDicom(
  element: HTMLDivElement,
  files: readonly Blob[],
  { frame, cut, depth, hounsfield }: { frame: number; cut: string; depth: number; hounsfield: boolean },
): Promise<Pane> {
  const rendering = start();
  const ids = files.map((file) => wadouri.fileManager.add(file));
  await Promise.all(
    ids.map((id) => wadouri.dataSetCacheManager.load(wadouri.parseImageId(id).url, wadouri.loadFileRequest, id)),
  );
  const frames = ids.flatMap(framesOf);
  const stack = cut || ids.length > 1 ? inOrder(frames, cut, depth) : frames;
  if (!stack) throw new Error("slices that lie another way");
  const first = Math.min(frame, stack.length - 1);
  // A viewport takes a stack that it cannot decode without a word: this raises.
  await imageLoader.loadImage(stack[first]!);
  const viewportId = `pane-${(panes += 1)}`;
  rendering.enableElement({ viewportId, element, type: Enums.ViewportType.STACK });
  const viewport = rendering.getViewport(viewportId) as Types.IStackViewport;
  try {
    await viewport.setStack(stack, first);
    viewport.render();
    return paneOf(rendering, viewport, { viewportId, stack, hounsfield, forgetFiles: () => forget(ids) });
  } catch (error) {
    rendering.disableElement(viewportId);
    throw error;
  }
}

function inOrder(frames: readonly string[], cut: string, depth: number): string[] | null {
  if (!isCut(cut) || frames.length !== depth) return null;
  const order = galleryOrder(
    frames.map((id) => (metaData.get("imagePlaneModule", id) ?? {}) as Plane),
    cut,
  );
  return order?.map((at) => frames[at]!) ?? null;
}

function forget(ids: readonly string[]): void {
  for (const id of ids) {
    const { url } = wadouri.parseImageId(id);
    wadouri.dataSetCacheManager.unload(url);
    wadouri.fileManager.remove(Number(url));
  }
}

interface Opened {
  viewportId: string;
  stack: readonly string[];
  hounsfield: boolean;
  forgetFiles: () => void;
}

const headerOf = (imageId: string): Header => {
  const { url } = wadouri.parseImageId(imageId);
  const plane = (metaData.get("imagePlaneModule", imageId) ?? {}) as Header["plane"];
  const words = wadouri.dataSetCacheManager.get(url) as { string: (tag: string) => string | undefined } | undefined;
  return { plane, text: (tag) => words?.string(tag) ?? "" };
};

/** In the files' own units. Values are mostly asked for one slice after the other: the last one is kept at hand. */
function valuesOf(stack: readonly string[]): Pane["valueAt"] {
  let held: { slice: number; image: Types.IImage; data: Types.PixelDataTypedArray } | null = null;
  return (column, row, slice = 0) => {
    if (held?.slice !== slice) {
      const image = cache.getImage(stack[slice]!);
      if (!image) return null;
      held = { slice, image, data: image.getPixelData() };
    }
    const { image, data } = held!;
    const [x, y] = [Math.floor(column), Math.floor(row)];
    if (image.color || x < 0 || y < 0 || x >= image.columns || y >= image.rows) return null;
    const stored = data[y * image.columns + x];
    if (stored === undefined) return null;
    return image.preScale?.scaled ? stored : stored * (image.slope || 1) + (image.intercept || 0);
  };
}

async function loadAll(stack: readonly string[]): Promise<void> {
  const { rows = 0, columns = 0 } = headerOf(stack[0]!).plane;
  if (rows * columns * stack.length > MOST_VOXELS) throw new Error(messages.peek().compare.tooLarge);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < stack.length) await imageLoader.loadAndCacheImage(stack[next++]!);
  };
  await Promise.all(Array.from({ length: 4 }, work));
}
const MOST_VOXELS = 1 << 28;

function paneOf(
  rendering: RenderingEngine,
  viewport: Types.IStackViewport,
  { viewportId, stack, hounsfield, forgetFiles }: Opened,
): Pane {
  let view: View = { zoom: 1, pan: [0, 0] };
  const applyView = (): void => {
    const { clientWidth, clientHeight } = viewport.element;
    viewport.setZoom(view.zoom);
    viewport.setPan([view.pan[0] * clientWidth, view.pan[1] * clientHeight]);
    viewport.render();
  };
  viewed.add(applyView);
  const started = viewport.getProperties().invert ?? false;
  let inverted = false;
  const valueAt = valuesOf(stack);
  const headers = [headerOf(stack[0]!), headerOf(stack.at(-1)!)] as const;
  return {
    drawnBy: "Cornerstone3D",
    note: "",
    slices: stack.length,
    taken: takenOf(headers[0]),
    hounsfield,
    reversed: started,
    grid: () => gridOf(headerOf(stack[viewport.getCurrentImageIdIndex()]!), headers, stack.length),
    valueAt: (column, row, slice = viewport.getCurrentImageIdIndex()) => valueAt(column, row, slice),
    loadWhole: () => loadAll(stack),
    slice: () => viewport.getCurrentImageIdIndex(),
    setSlice: async (slice) => {
      const kept = viewport.getProperties().voiRange;
      await viewport.setImageIdIndex(Math.max(0, Math.min(stack.length - 1, slice)));
      viewport.setProperties({ ...(kept && { voiRange: kept }), invert: started !== inverted });
      viewport.render();
    },
    window: () => windowOf(viewport),
    setWindow: ([center, width]) => {
      viewport.setProperties({ voiRange: { lower: center - width / 2, upper: center + width / 2 } });
      viewport.render();
    },
    setInverted: (next) => {
      inverted = next;
      viewport.setProperties({ invert: started !== inverted });
      viewport.render();
    },
    setView: (next) => {
      view = next;
      applyView();
    },
    place: () => placeOf(viewport),
    resize: () => {
      rendering.resize(true, false);
      for (const apply of viewed) apply();
    },
    dispose: () => {
      viewed.delete(applyView);
      rendering.disableElement(viewportId);
      forgetFiles();
    },
  };
}

/** From the viewer's own camera: the outer edges of the first and the last pixel. */
function placeOf(viewport: Types.IStackViewport): Place | null {
  const image = viewport.getImageData();
  if (!image) return null;
  const { origin, direction, spacing, dimensions } = image;
  const corner = (column: number, row: number): Types.Point2 =>
    viewport.worldToCanvas(
      [0, 1, 2].map(
        (axis) =>
          origin[axis]! +
          direction[axis]! * spacing[0] * (column - 0.5) +
          direction[3 + axis]! * spacing[1] * (row - 0.5),
      ) as Types.Point3,
    );
  const [first, last] = [corner(0, 0), corner(dimensions[0], dimensions[1])];
  return { left: first[0], top: first[1], width: last[0] - first[0], height: last[1] - first[1] };
}

function windowOf(viewport: Types.IStackViewport): Window {
  const range = viewport.getProperties().voiRange;
  return range ? [(range.lower + range.upper) / 2, range.upper - range.lower] : [127.5, 255];
}
