/** Which way the patient lies in a picture, and how the picture is turned and mirrored on the screen. Pure. */

/** In the patient (DICOM PS3.3 C.7.6.2.1.1): to the left, to the back, to the head. */
export type Vector = readonly [left: number, back: number, head: number];
export type Point = readonly [x: number, y: number];

/** First mirrored left to right, then turned clockwise. */
export interface Turn {
  quarters: number; // 0 to 3
  flipped: boolean;
}
export const UPRIGHT: Turn = { quarters: 0, flipped: false };

/** What is shown, turned by one more quarter; and mirrored, as it is shown. */
export const turnedRight = ({ quarters, flipped }: Turn): Turn => ({ quarters: (quarters + 1) % 4, flipped });
export const mirrored = ({ quarters, flipped }: Turn): Turn => ({ quarters: (4 - quarters) % 4, flipped: !flipped });

/** Where the picture's right and its down point on the screen. */
export function axesOf({ quarters, flipped }: Turn): readonly [right: Point, down: Point] {
  const [cos, sin] = ([[1, 0], [0, 1], [-1, 0], [0, -1]] as const)[quarters]!;
  const side = flipped ? -1 : 1;
  return [[zeroed(side * cos), zeroed(side * sin)], [zeroed(-sin), cos]];
}
const zeroed = (value: number): number => value + 0; // no -0

interface Size {
  width: number;
  height: number;
}

/** The room of a picture that is turned into a room of the screen. */
export const roomOf = ({ quarters }: Turn, { width, height }: Size): Size =>
  quarters % 2 ? { width: height, height: width } : { width, height };

/** A direction on the screen as one of the picture before it was turned. */
export function unturned(turn: Turn, [x, y]: Point): Point {
  const [right, down] = axesOf(turn);
  return [right[0] * x + right[1] * y, down[0] * x + down[1] * y];
}

/** A place on the screen, from its room's upper left corner, as one in the room of the picture. */
export function toLocal(turn: Turn, room: Size, [x, y]: Point): Point {
  const own = roomOf(turn, room);
  const [across, along] = unturned(turn, [x - room.width / 2, y - room.height / 2]);
  return [across + own.width / 2, along + own.height / 2];
}

const LETTERS = [["R", "L"], ["A", "P"], ["F", "H"]] as const;
const OBLIQUE = 0.26; // sine of 15 degrees: a second letter from there on

/** Of a direction, the letters of DICOM PS3.3 C.7.6.1.1.1, the nearest first. */
export function letterOf(direction: Vector): string {
  const length = Math.hypot(...direction);
  if (!length) return "";
  return [0, 1, 2]
    .map((axis) => [axis, direction[axis]! / length] as const)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .filter(([, share], at) => at === 0 || (at === 1 && Math.abs(share) > OBLIQUE))
    .map(([axis, share]) => LETTERS[axis]![share > 0 ? 1 : 0])
    .join("");
}

/** The letters of PatientOrientation (0020,0020) as a direction; null where they are none. */
export function directionOf(letters: string): Vector | null {
  const found: [number, number, number] = [0, 0, 0];
  for (const [at, letter] of [...letters.trim()].entries()) {
    const axis = LETTERS.findIndex((ends) => (ends as readonly string[]).includes(letter));
    if (axis < 0) return null;
    found[axis] = (LETTERS[axis]![1] === letter ? 1 : -1) / (at + 1);
  }
  return letters.trim() ? found : null;
}

export interface Edges {
  top: string;
  right: string;
  bottom: string;
  left: string;
}

/** The letters at the four edges of what is shown. right, down: of the picture before it was turned. */
export function edgesOf(right: Vector, down: Vector, turn: Turn): Edges {
  const to = (x: number, y: number): string => {
    const [across, along] = unturned(turn, [x, y]);
    return letterOf([0, 1, 2].map((axis) => across * right[axis]! + along * down[axis]!) as unknown as Vector);
  };
  return { top: to(0, -1), right: to(1, 0), bottom: to(0, 1), left: to(-1, 0) };
}
