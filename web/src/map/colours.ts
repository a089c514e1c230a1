/** A colour for each value of a field: categories by frequency, numbers on a scale. Pure. */

/** What the records of a map say, a byte each, as the server explains it (`GET /map/column`). */
export interface Column {
  kind: "text" | "number";
  codes: Uint8Array;
  names: readonly string[];
  counts: readonly number[];
  /** How many values there are beyond those named. */
  others: number;
  /** How many records were looked at, where that was not all of them. */
  sampled: number | null;
  low: number | null;
  high: number | null;
}

const NO_VALUE = 255;
const HIGHEST = 253; // the code of the highest number
const BEHIND = 0xff << 24;

type Colour = readonly [number, number, number];

// Okabe and Ito (2008), told apart by the colour-blind, on dark ground; then two more.
const CATEGORIES: readonly Colour[] = [
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [240, 228, 66],
  [213, 94, 0],
  [120, 140, 255],
  [160, 210, 120],
];
const OTHER: Colour = [110, 122, 134];
// Numbers: from blue by rose to yellow, lighter all the way, so that it reads without colour, too.
const SCALE: readonly Colour[] = [
  [52, 66, 140],
  [176, 90, 140],
  [250, 212, 120],
];

export interface Legend {
  name: string;
  colour: string;
  count: number | null;
}

interface Coloured {
  /** r, g, b in a number per point, and in its highest byte whether it lies behind the others. */
  shades: Uint32Array;
  legend: Legend[];
  /** Of numbers: the ends of the scale, and its colours from one to the other. */
  scale: { low: number; high: number; colours: string[] } | null;
}

/** What stands in the legend for values that have no colour of their own. */
export interface Unnamed {
  none: string;
  others: (count: number) => string;
}

const css = ([r, g, b]: Colour): string => `rgb(${r}, ${g}, ${b})`;

export function column(bytes: ArrayBuffer): Column {
  const all = new Uint8Array(bytes);
  const end = all.indexOf(10);
  const told = JSON.parse(new TextDecoder().decode(all.subarray(0, end))) as Omit<Column, "codes">;
  return { ...told, codes: all.subarray(end + 1) };
}

export const NOTHING_SAID: Column = {
  kind: "text",
  codes: new Uint8Array(),
  names: [],
  counts: [],
  others: 0,
  sampled: null,
  low: null,
  high: null,
};

/** Groups of a map as a column, by their numbers. */
export function groupColumn(groups: Uint8Array, nameOf: (group: number) => string): Column {
  const counts = new Uint32Array(256);
  for (const group of groups) counts[group]!++;
  const many = counts.subarray(0, NO_VALUE).findLastIndex((count) => count > 0) + 1;
  const names = Array.from({ length: many }, (_, group) => nameOf(group));
  return { ...NOTHING_SAID, codes: groups, names, counts: [...counts.subarray(0, many)] };
}

export function coloured(said: Column, words: Unnamed): Coloured {
  return said.kind === "number" ? scaled(said, words) : sorted(said, words);
}

/** The colour of each point, from one for each code. Of a million points those that say nothing hide none that does. */
function painted(codes: Uint8Array, palette: (code: number) => Colour): Uint32Array {
  const of = Uint32Array.from({ length: 256 }, (_, code) => {
    const [r, g, b] = palette(code);
    return (r | (g << 8) | (b << 16) | (code === NO_VALUE ? BEHIND : 0)) >>> 0;
  });
  const shades = new Uint32Array(codes.length);
  for (let at = 0; at < codes.length; at++) shades[at] = of[codes[at]!]!;
  return shades;
}

function sorted({ codes, names, counts, others }: Column, words: Unnamed): Coloured {
  const shown = CATEGORIES.slice(0, names.length);
  const legend: Legend[] = shown.map((colour, at) => ({ name: names[at]!, colour: css(colour), count: counts[at]! }));
  const rest = codes.length - shown.reduce((sum, _, at) => sum + counts[at]!, 0);
  const unseen = names.length - shown.length + others;
  if (rest > 0) legend.push({ name: unseen > 0 ? words.others(unseen) : words.none, colour: css(OTHER), count: rest });
  return { shades: painted(codes, (code) => shown[code] ?? OTHER), legend, scale: null };
}

function scaled({ codes, low, high }: Column, words: Unnamed): Coloured {
  const shades = painted(codes, (code) => (code > HIGHEST ? OTHER : mixed(code / HIGHEST)));
  let bare = 0;
  for (const code of codes) if (code === NO_VALUE) bare++;
  const legend = bare ? [{ name: words.none, colour: css(OTHER), count: bare }] : [];
  if (low === null || high === null) return { shades, legend, scale: null };
  return { shades, legend, scale: { low, high, colours: SCALE.map(css) } };
}

/** A colour of the scale, 0 to 1. */
function mixed(share: number): Colour {
  const place = Math.min(share, 1) * (SCALE.length - 1);
  const at = Math.min(Math.floor(place), SCALE.length - 2);
  const [from, to] = [SCALE[at]!, SCALE[at + 1]!];
  const part = (index: number): number => Math.round(from[index]! + (to[index]! - from[index]!) * (place - at));
  return [part(0), part(1), part(2)];
}

/** What was not taken steps back towards the ground that it lies on, 0 to 255 a channel. */
export function faded(shades: Uint32Array, taken: ArrayLike<number>, ground: Colour): Uint32Array {
  if (taken.length === 0) return shades;
  const dim = (byte: number, under: number): number => ((byte & 255) * SEEN + under * (1 - SEEN)) | 0;
  const [r, g, b] = ground;
  const back = new Uint32Array(shades.length);
  for (let at = 0; at < back.length; at++) {
    const of = shades[at]!;
    back[at] = (dim(of, r) | (dim(of >> 8, g) << 8) | (dim(of >> 16, b) << 16) | BEHIND) >>> 0;
  }
  for (let at = 0; at < taken.length; at++) back[taken[at]!] = shades[taken[at]!]!;
  return back;
}

/** How much stays of a colour that steps back. */
const SEEN = 0.28;
