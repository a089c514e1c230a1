/** The server's own picture on a plain canvas: PNG and JPEG sources, and whatever a viewer cannot decode. */
import { messages } from "../messages";
import { fitted, PIXELS_ALONE, type Grid, type Pane, type View, type Window } from "./pane";

const WHOLE: Window = [127.5, 255];

export async function openPicture(
  canvas: HTMLCanvasElement,
  slices: number,
  fetchSlice: (slice: number) => Promise<Blob>,
  /** Of the source: the server's picture may be smaller. */
  size: { columns: number; rows: number } | null,
  note = "",
): Promise<Pane> {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const source = document.createElement("canvas");
  const state = { slice: Math.floor(slices / 2), window: WHOLE, inverted: false, view: { zoom: 1, pan: [0, 0] } as View };
  let original: ImageData | null = null;

  const load = async (slice: number): Promise<void> => {
    const bitmap = await createImageBitmap(await fetchSlice(slice));
    [source.width, source.height] = [bitmap.width, bitmap.height];
    const painter = source.getContext("2d", { willReadFrequently: true })!;
    painter.drawImage(bitmap, 0, 0);
    original = painter.getImageData(0, 0, bitmap.width, bitmap.height);
    bitmap.close();
  };
  const paint = (): void => {
    if (!original) return;
    source.getContext("2d")!.putImageData(windowed(original, state.window, state.inverted), 0, 0);
    const density = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * density, canvas.clientHeight * density];
    const { left, top, width, height } = fitted(source, canvas, state.view);
    context.drawImage(source, left, top, width, height);
  };
  await load(state.slice);
  paint();
  const grid = (): Grid => ({ columns: size?.columns || source.width, rows: size?.rows || source.height, ...PIXELS_ALONE });
  return {
    drawnBy: "picture",
    note,
    taken: [],
    slices,
    hounsfield: false,
    reversed: false,
    grid,
    valueAt: (column, row, slice = state.slice) => {
      if (!original || slice !== state.slice) return null;
      const { columns, rows } = grid();
      const [x, y] = [Math.floor((column / columns) * original.width), Math.floor((row / rows) * original.height)];
      if (x < 0 || y < 0 || x >= original.width || y >= original.height) return null;
      const [red, green, blue] = original.data.subarray((y * original.width + x) * 4);
      return red === green && green === blue ? red! : null;
    },
    loadWhole: async () => {
      if (slices > 1) throw new Error(messages.peek().compare.oneByOne);
    },
    slice: () => state.slice,
    setSlice: async (slice) => {
      state.slice = Math.max(0, Math.min(slices - 1, slice));
      await load(state.slice);
      paint();
    },
    window: () => state.window,
    setWindow: (window) => {
      state.window = window;
      paint();
    },
    setInverted: (inverted) => {
      state.inverted = inverted;
      paint();
    },
    setView: (view) => {
      state.view = view;
      paint();
    },
    place: () => fitted(source, { width: canvas.clientWidth, height: canvas.clientHeight }, state.view),
    resize: paint,
    dispose: () => (original = null),
  };
}

/** Grey values 0..255 spread over the window; the three colours alike, alpha kept. */
function windowed(original: ImageData, [center, width]: Window, inverted: boolean): ImageData {
  if (center === WHOLE[0] && width === WHOLE[1] && !inverted) return original;
  const shown = (value: number): number => ((value - center) / width + 0.5) * 255;
  const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => (inverted ? 255 - shown(value) : shown(value)));
  const data = new Uint8ClampedArray(original.data);
  for (let at = 0; at < data.length; at += 1) if (at % 4 !== 3) data[at] = table[data[at]!]!;
  return new ImageData(data, original.width, original.height);
}
