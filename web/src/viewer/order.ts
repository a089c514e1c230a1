/** Where the slices of a series lie, by DICOM PS3.3 C.7.6.2, and whether they are shown as the gallery shows them. Pure. */

type Vector = readonly [number, number, number];
export interface Plane {
  imagePositionPatient?: Vector | readonly number[];
  imageOrientationPatient?: readonly number[];
}

export const CUTS = ["axial", "coronal", "sagittal"] as const;
export type Cut = (typeof CUTS)[number];

export const isCut = (name: string): name is Cut => (CUTS as readonly string[]).includes(name);

/** The patient's axes (DICOM: to the left, to the back, to the head) along columns, rows and slices, and their signs. */
const SHOWN: Record<Cut, readonly (readonly [axis: number, sign: number])[]> = {
  axial: [[0, 1], [1, 1], [2, 1]],
  coronal: [[0, 1], [2, -1], [1, 1]],
  sagittal: [[1, 1], [2, -1], [0, 1]],
};

/**
 * The slices in the gallery's order. null where they were cut or stored another way than the gallery shows them, so
 * that a viewer of the files would show something else under the same number.
 */
export function galleryOrder(planes: readonly Plane[], cut: Cut): number[] | null {
  const [across, down, through] = SHOWN[cut] as [Axis, Axis, Axis];
  const axis = through[0];
  for (const { imageOrientationPatient: o, imagePositionPatient: p } of planes) {
    if (!o || o.length < 6 || !p || p.length < 3) return null;
    if (!isAlong(o.slice(0, 3), across) || !isAlong(o.slice(3, 6), down)) return null;
  }
  const places = planes.map((plane) => Number(plane.imagePositionPatient![axis]));
  if (new Set(places).size < places.length) return null;
  return [...planes.keys()].sort((a, b) => places[a]! - places[b]!);
}

type Axis = readonly [axis: number, sign: number];

/** Nearest to this axis of all three, and in its direction. */
function isAlong(direction: readonly number[], [axis, sign]: Axis): boolean {
  const most = Math.max(...direction.map((part) => Math.abs(Number(part))));
  return sign * Number(direction[axis]) >= most && most > 0;
}
