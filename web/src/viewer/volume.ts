/** A volume in NiiVue, in the plane, the order and the direction in which the gallery cuts it. */
import { Niivue, SLICE_TYPE } from "@niivue/niivue";
import { isCut, type Cut } from "./order";
import type { Vector } from "./orientation";
import type { Grid, Pane, Place, View } from "./pane";

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
  const voxels = voxelsOf(volume, cut);
  return {
    drawnBy: "NiiVue",
    note: "",
    taken: [],
    slices,
    hounsfield,
    reversed: false,
    grid: () => voxels.grid(at),
    valueAt: (column, row, slice = at) => voxels.valueAt(column, row, slice),
    loadWhole: async () => undefined,
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
    setInverted: (inverted) => {
      volume.colormapInvert = inverted;
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

/**
 * The values and the place of a volume as it is shown: columns to the patient's left or back, rows to the back or the
 * feet, which are NiiVue's axes (right, front, head) counted from their ends.
 */
function voxelsOf(volume: Niivue["volumes"][number], cut: Cut): Voxels {
  const { across, down, through, along } = CUT[cut];
  const { dimsRAS, pixDimsRAS, permRAS, img2RASstart: start, img2RASstep: step, hdr, img } = volume;
  if (!dimsRAS || !pixDimsRAS || !permRAS || !start || !step || !hdr || !img) throw new Error("no voxels in this file");
  const size = (axis: Axis): number => dimsRAS[axis + 1]!;
  const mm = (axis: Axis): number => Math.abs(pixDimsRAS[axis + 1]!);
  const isGrey = img.length % (size(0) * size(1) * size(2)) === 0 && hdr.datatypeCode !== RGB && hdr.datatypeCode !== RGBA;
  const [slope, intercept] = [hdr.scl_slope || 1, hdr.scl_inter || 0];
  /** Of the patient (DICOM), against NiiVue's axis or along it. The affine speaks of right, front and head. */
  const towards = (axis: Axis, sign: number): Vector => {
    const native = permRAS[axis]!;
    const [right, front, head] = [0, 1, 2].map((row) => (hdr.affine[row]![Math.abs(native) - 1]! * Math.sign(native) * sign) / mm(axis));
    return [-right!, -front!, head!];
  };
  const slice = (at: number): number => (along ? at : size(through) - 1 - at);
  const place = [0, 0, 0].map((_, axis) => (size(axis as Axis) - 1) / 2);
  return {
    grid: (at) => ({
      columns: size(across),
      rows: size(down),
      spacing: [mm(across), mm(down)],
      atDetector: false,
      between: mm(through),
      right: towards(across, -1),
      down: towards(down, -1),
      through: towards(through, along ? 1 : -1),
      position: positionOf(volume, place.with(through, slice(at)), through),
    }),
    valueAt: (column, row, at) => {
      const [x, y] = [Math.floor(column), Math.floor(row)];
      if (!isGrey || x < 0 || y < 0 || x >= size(across) || y >= size(down)) return null;
      let index = start[0]! + start[1]! + start[2]! + slice(at) * step[through]!;
      index += (size(across) - 1 - x) * step[across]! + (size(down) - 1 - y) * step[down]!;
      const value = img[index];
      return value === undefined || Number.isNaN(value) ? null : value * slope + intercept;
    },
  };
}

const [RGB, RGBA] = [128, 2304]; // datatype codes of NIfTI-1
interface Voxels {
  grid: (slice: number) => Grid;
  valueAt: (column: number, row: number, slice: number) => number | null;
}

/** In DICOM's directions, in millimetres. */
function positionOf(volume: Niivue["volumes"][number], place: readonly number[], through: Axis): number | null {
  const { permRAS, hdr, dims } = volume as { permRAS: number[]; hdr: NonNullable<typeof volume.hdr>; dims?: number[] };
  const native = [0, 0, 0];
  for (const axis of [0, 1, 2]) {
    const [own, sign] = [Math.abs(permRAS[axis]!) - 1, Math.sign(permRAS[axis]!)];
    native[own] = sign > 0 ? place[axis]! : (dims ?? hdr.dims)[own + 1]! - 1 - place[axis]!;
  }
  const row = hdr.affine[through]!;
  const mm = row[0]! * native[0]! + row[1]! * native[1]! + row[2]! * native[2]! + row[3]!;
  return through === 2 ? mm : -mm;
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
