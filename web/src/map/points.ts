/** A map's points as arrays, as the server packs them: a million points are no million objects. Pure. */

/** Steps in which the server tells a place. */
const STEPS = 65_535;
const ID = 8; // bytes
const POINT = 2 + 2 + ID + 1; // bytes
export const NO_GROUP = 255;

export interface Points {
  count: number;
  /** In [0, 1]. */
  x: Float32Array;
  y: Float32Array;
  /** Eight bytes each. */
  ids: Uint8Array;
  /** The number of the group that each shows in; NO_GROUP for none. */
  groups: Uint8Array;
}

/** Both places and ids are little-endian, as are all machines that browsers run on. */
export function unpacked(bytes: ArrayBuffer): Points {
  const count = Math.floor(bytes.byteLength / POINT);
  const places = new Uint16Array(bytes, 0, 2 * count);
  const scaled = new Float32Array(2 * count);
  for (let at = 0; at < places.length; at++) scaled[at] = places[at]! / STEPS; // many times as fast as Float32Array.from
  return {
    count,
    x: scaled.subarray(0, count),
    y: scaled.subarray(count),
    ids: new Uint8Array(bytes, 4 * count, ID * count),
    groups: new Uint8Array(bytes, (4 + ID) * count, count),
  };
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

export const idOf = ({ ids }: Points, row: number): string =>
  Array.from(ids.subarray(row * ID, row * ID + ID), hex).join("");

/** -1 if the map does not have it. */
export function rowOf({ ids, count }: Points, id: string): number {
  const bytes = Uint8Array.from({ length: ID }, (_, at) => parseInt(id.slice(2 * at, 2 * at + 2), 16));
  for (let row = 0, from = 0; row < count; row++, from += ID) {
    let at = 0;
    while (at < ID && ids[from + at] === bytes[at]) at++;
    if (at === ID) return row;
  }
  return -1;
}

export function rowsOfGroup({ groups }: Points, group: number): Int32Array {
  const rows: number[] = [];
  for (let row = 0; row < groups.length; row++) if (groups[row] === group) rows.push(row);
  return Int32Array.from(rows);
}
