/** A volume in NiiVue, in the plane, the order and the direction in which the gallery cuts it. */
import { Niivue, SLICE_TYPE } from "@niivue/niivue";
import { isCut, type Cut } from "./order";
import type { Pane, Place, View } from "./pane";

type Axis = 0 | 1 | 2; // of the patient: to the right, to the front, to the head

/** across, down: the axes of the screen; through: that of the slices, counted along it or against it. */
const CUT: Record<Cut, { type: SLICE_TYPE; across: Axis; down: Axis; through: Axis; along: boolean }> = {
  axial: { type: SLICE_TYPE.AXIAL, across: 0, down: 1, through: 2, along: true },
  coronal: { type: SLICE_TYPE.CORONAL, across: 0, down: 2, through: 1, along: false },
  sagittal: { type: SLICE_TYPE.SAGITTAL, across: 1, down: 2, through: 0, along: false },
};

interface Told {
  name: string;
  cut: string;
  depth: number;
  hounsfield: boolean;
}

/** Raises where the file is none that NiiVue reads, or would be shown in other slices than the gallery's. */
export async function openVolume(
  canvas: HTMLCanvasElement,
  file: Blob,
  { name, cut, depth, hounsfield }: Told,
): Promise<Pane> {
  if (!isCut(cut)) throw new Error("a volume that does not say where it lies");
  const { type, through, along } = CUT[cut];
  const niivue = new Niivue({
    backColor: [0, 0, 0, 1],
    show3Dcrosshair: false,
    crosshairWidth: 0,
    isColorbar: false,
    isOrientCube: false,
    isOrientationTextVisible: false,
    isRadiologicalConvention: true,
    sagittalNoseLeft: true,
    loadingText: "",
    dragAndDropEnabled: false,
    multiplanarShowRender: 0,
    isCornerOrientationText: false,
    logLevel: "silent",
  });
  await niivue.attachToCanvas(canvas, false);
  await niivue.loadFromFile(new File([file], name));
  const volume = niivue.volumes[0];
  if (!volume) throw new Error("no volume in this file");
  const slices = volume.dimsRAS?.[through + 1] ?? 1;
  if (slices !== depth) throw new Error("other slices than the gallery's");
  niivue.setSliceType(type);
  let at = Math.floor(slices / 2);
  const place = (): void => {
    const share = (at + 0.5) / slices;
    const cross: [number, number, number] = [0.5, 0.5, 0.5];
    cross[through] = along ? share : 1 - share;
    niivue.scene.crosshairPos = cross;
    niivue.drawScene();
  };
  place();
  return {
    drawnBy: "NiiVue",
    note: "",
    slices,
    hounsfield,
    slice: () => at,
    setSlice: async (slice) => {
      at = Math.max(0, Math.min(slices - 1, slice));
      place();
    },
    window: () => [
      ((volume.cal_min ?? 0) + (volume.cal_max ?? 1)) / 2,
      (volume.cal_max ?? 1) - (volume.cal_min ?? 0),
    ],
    setWindow: ([center, width]) => {
      [volume.cal_min, volume.cal_max] = [center - width / 2, center + width / 2];
      niivue.updateGLVolume();
    },
    setView: (view) => setView(niivue, cut, view),
    place: () => placeOf(niivue, canvas, cut),
    resize: () => niivue.resizeListener(),
    dispose: () => {
      niivue.cleanup();
      // Browsers keep a handful of WebGL contexts: this one is given back at once.
      niivue.gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}

/** NiiVue moves by millimetres of the patient, the page by shares of the pane. */
function setView(niivue: Niivue, cut: Cut, { zoom, pan }: View): void {
  const { across, down } = CUT[cut];
  const extent = niivue.screenSlices[0]?.fovMM.map((side) => Math.abs(side) * niivue.scene.pan2Dxyzmm[3]) ?? [0, 0];
  const moved: [number, number, number, number] = [0, 0, 0, zoom];
  moved[across] = -pan[0] * extent[0]!;
  moved[down] = -pan[1] * extent[1]!;
  niivue.setPan2Dxyzmm(moved);
}

/** From what NiiVue says of the one slice that it draws: its corner and extent in millimetres, and in pixels. */
function placeOf(niivue: Niivue, canvas: HTMLCanvasElement, cut: Cut): Place | null {
  const shown = niivue.screenSlices[0];
  if (!shown) return null;
  const { across, down } = CUT[cut];
  const [left, top, width, height] = shown.leftTopWidthHeight as [number, number, number, number];
  const density = canvas.width / (canvas.clientWidth || 1);
  const [near, far] = [niivue.frac2mm([0, 0, 0]), niivue.frac2mm([1, 1, 1])];
  const x = (mm: number): number => (left + ((mm - shown.leftTopMM[0]!) / shown.fovMM[0]!) * width) / density;
  const y = (mm: number): number => (top + (1 - (mm - shown.leftTopMM[1]!) / shown.fovMM[1]!) * height) / density;
  const sides = [x(near[across]!), x(far[across]!)].sort((a, b) => a - b) as [number, number];
  const ends = [y(near[down]!), y(far[down]!)].sort((a, b) => a - b) as [number, number];
  return { left: sides[0], top: ends[0], width: sides[1] - sides[0], height: ends[1] - ends[0] };
}
