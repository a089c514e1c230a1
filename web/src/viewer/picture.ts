/** The server's own picture on a plain canvas: PNG and JPEG sources, and whatever a viewer cannot decode. */
import { fitted, type Pane, type View, type Window } from "./pane";

const WHOLE: Window = [127.5, 255];

export async function openPicture(
  canvas: HTMLCanvasElement,
  slices: number,
  fetchSlice: (slice: number) => Promise<Blob>,
  note = "",
): Promise<Pane> {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const source = document.createElement("canvas");
  const state = { slice: Math.floor(slices / 2), window: WHOLE, view: { zoom: 1, pan: [0, 0] } as View };
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
    source.getContext("2d")!.putImageData(windowed(original, state.window), 0, 0);
    const density = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * density, canvas.clientHeight * density];
    const { left, top, width, height } = fitted(source, canvas, state.view);
    context.drawImage(source, left, top, width, height);
  };
  await load(state.slice);
  paint();
  return {
    drawnBy: "picture",
    note,
    slices,
    hounsfield: false,
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
function windowed(original: ImageData, [center, width]: Window): ImageData {
  if (center === WHOLE[0] && width === WHOLE[1]) return original;
  const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => ((value - center) / width + 0.5) * 255);
  const data = new Uint8ClampedArray(original.data);
  for (let at = 0; at < data.length; at += 1) if (at % 4 !== 3) data[at] = table[data[at]!]!;
  return new ImageData(data, original.width, original.height);
}
