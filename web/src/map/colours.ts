/** A colour for each value of a field: categories by frequency, numbers on a scale. Pure. */
import type { Attribute } from "../types";

/** An attribute, or the labels, of a point; none of a point that is not known yet. */
type Value = Attribute | readonly string[] | null | undefined;

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
const [LOW, HIGH]: readonly [Colour, Colour] = [
  [52, 66, 120],
  [250, 212, 120],
];

export interface Legend {
  name: string;
  colour: string;
  count: number | null;
}

interface Coloured {
  /** r, g, b per point. */
  bytes: Uint8Array;
  legend: Legend[];
}

const css = ([r, g, b]: Colour): string => `rgb(${r}, ${g}, ${b})`;

export function coloured(values: readonly Value[], numeric: boolean): Coloured {
  return numeric ? scaled(values) : sorted(values);
}

function fill(colours: readonly Colour[]): Uint8Array {
  const bytes = new Uint8Array(colours.length * 3);
  colours.forEach((colour, at) => bytes.set(colour, at * 3));
  return bytes;
}

/** Of several values (labels) the first counts. */
const wordOf = (value: Value): string => {
  const one = Array.isArray(value) ? (value as readonly unknown[])[0] : value;
  return one === undefined || one === null || one === "" ? "" : String(one);
};

function sorted(values: readonly Value[]): Coloured {
  const words = values.map(wordOf);
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const named = [...counts]
    .filter(([word]) => word)
    .toSorted((a, b) => b[1] - a[1])
    .map(([word]) => word);
  const shown = named.slice(0, CATEGORIES.length);
  const colours = new Map(shown.map((word, at) => [word, CATEGORIES[at]!]));
  const legend = shown.map((name) => ({ name, colour: css(colours.get(name)!), count: counts.get(name)! }));
  const rest = words.filter((word) => !colours.has(word)).length;
  if (rest)
    legend.push({
      name: named.length > shown.length ? `${named.length - shown.length} others, or none` : "none",
      colour: css(OTHER),
      count: rest,
    });
  return { bytes: fill(words.map((word) => colours.get(word) ?? OTHER)), legend };
}

function scaled(values: readonly Value[]): Coloured {
  const numbers = values.map((value) =>
    value === null || value === undefined || value === "" ? NaN : Number(value),
  );
  const known = numbers.filter((value) => !Number.isNaN(value));
  const [low, high] = known.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  const mixed = (share: number): Colour =>
    [0, 1, 2].map((part) => Math.round(LOW[part]! + (HIGH[part]! - LOW[part]!) * share)) as unknown as Colour;
  const colours = numbers.map((value) => (Number.isNaN(value) ? OTHER : mixed((value - low) / (high - low || 1))));
  const legend: Legend[] = known.length
    ? [0, 0.5, 1].map((share) => ({
        name: String(+(low + (high - low) * share).toPrecision(4)),
        colour: css(mixed(share)),
        count: null,
      }))
    : [];
  if (known.length < values.length)
    legend.push({ name: "none", colour: css(OTHER), count: values.length - known.length });
  return { bytes: fill(colours), legend };
}
