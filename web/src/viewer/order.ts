/** Where the slices of a series lie, by DICOM PS3.3 C.7.6.2. Pure. */

const AXIAL = 0.8; // least |cosine| of the slice normal with the patient's long axis

type Vector = readonly [number, number, number];
export interface Plane {
  imagePositionPatient?: Vector;
  imageOrientationPatient?: readonly number[];
}

function normalOf({ imageOrientationPatient: o }: Plane): Vector | null {
  if (!o || o.length < 6) return null;
  const [a, b, c, d, e, f] = o as [number, number, number, number, number, number];
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

/** Feet first, as the gallery numbers axial slices; null where the series was not cut that way. */
export function feetFirst(planes: readonly Plane[]): number[] | null {
  const normal = planes[0] ? normalOf(planes[0]) : null;
  if (!normal || Math.abs(normal[2]) < AXIAL) return null;
  const heights = planes.map((plane) => plane.imagePositionPatient?.[2]);
  if (heights.some((height) => height === undefined)) return null;
  return [...planes.keys()].sort((a, b) => heights[a]! - heights[b]!);
}
