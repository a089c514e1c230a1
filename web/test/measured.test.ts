import { describe, expect, it } from "vitest";
import { airOf } from "../src/viewer/air";
import { heatAt, opacities } from "../src/viewer/glow";
import { gridOf, takenOf, type Header } from "../src/viewer/header";
import { angleOf, lengthOf, wordsOf } from "../src/viewer/measure";
import { axesOf, directionOf, edgesOf, letterOf, mirrored, toLocal, turnedRight, UPRIGHT, unturned, type Turn } from "../src/viewer/orientation";
import { PIXELS_ALONE, sameWindow, type Grid } from "../src/viewer/pane";
import { greysOf, nameOf, placeOf, planesOf, voxelAt } from "../src/viewer/planes";
import { followed, partner } from "../src/views/compare/linked";
import { boxOf } from "../src/views/compare/tools";

const AXIAL = [[1, 0, 0], [0, 1, 0]] as const;

describe("orientation letters", () => {
  const shown = (turn: Turn) => Object.values(edgesOf(...AXIAL, turn)).join("");

  it("go round with the picture, and change sides in a mirror", () => {
    expect(shown(UPRIGHT)).toBe("ALPR"); // top, right, bottom, left
    expect(shown(turnedRight(UPRIGHT))).toBe("RALP");
    expect(shown(mirrored(UPRIGHT))).toBe("ARPL");
    expect(shown(mirrored(turnedRight(UPRIGHT)))).toBe("RPLA");
    expect(shown(turnedRight(mirrored(UPRIGHT)))).toBe("LARP");
  });

  it("come back after four turns and after two mirrors, from wherever", () => {
    let turn: Turn = mirrored(turnedRight(UPRIGHT));
    const first = { ...turn };
    for (let n = 0; n < 4; n += 1) turn = turnedRight(turn);
    expect(turn).toEqual(first);
    expect(mirrored(mirrored(turn))).toEqual(first);
  });

  it("name the nearest axis first, and a second one of an oblique slice", () => {
    expect(letterOf([0.9, 0.1, -0.42])).toBe("LF");
    expect(letterOf([0, 0, -1])).toBe("F");
    expect(letterOf([0, 0, 0])).toBe("");
    expect(letterOf(directionOf("PL")!)).toBe("PL");
    expect(directionOf("?")).toBeNull();
    expect(directionOf("")).toBeNull();
  });
});

describe("a place on the screen", () => {
  it("is the same pixel again where its picture has been turned", () => {
    const room = { width: 400, height: 200 };
    expect(toLocal(UPRIGHT, room, [30, 50])).toEqual([30, 50]);
    expect(toLocal(turnedRight(UPRIGHT), room, [400, 0])).toEqual([0, 0]); // the upper left corner has gone right
    expect(toLocal(mirrored(UPRIGHT), room, [400, 0])).toEqual([0, 0]);
    expect(unturned(turnedRight(UPRIGHT), [0, 1])).toEqual([1, 0]);
    expect(axesOf(turnedRight(UPRIGHT))).toEqual([[0, 1], [-1, 0]]);
  });
});

const grid = (part: Partial<Grid>): Grid => ({ columns: 100, rows: 50, ...PIXELS_ALONE, ...part });

describe("a measure", () => {
  it("is in millimetres, each axis by its own spacing", () => {
    expect(lengthOf([0, 0], [3, 4], null)).toBe(5);
    expect(lengthOf([10, 10], [13, 12], [1, 2])).toBe(5);
    expect(angleOf([1, 0], [0, 0], [0, 1], [0.5, 5])).toBeCloseTo(90);
    expect(angleOf([1, 0], [0, 0], [1, 1], null)).toBeCloseTo(45);
    expect(angleOf([1, 0], [0, 0], [1, 1], [1, Math.sqrt(3)])).toBeCloseTo(60);
    expect(angleOf([1, 0], [0, 0], [-1, 0], [2, 3])).toBeCloseTo(180);
  });

  it("says its unit, and where the scale holds", () => {
    const length = { kind: "length", slice: 0, points: [[0, 0], [3, 4]] } as const;
    expect(wordsOf(length, grid({}))).toBe("5 px");
    expect(wordsOf(length, grid({ spacing: [4, 4] }))).toBe("20.0 mm");
    expect(wordsOf(length, grid({ spacing: [1, 1], atDetector: true }))).toBe("5.00 mm at the detector");
    expect(wordsOf({ ...length, points: [[0, 0]] }, grid({}))).toBe("");
    expect(wordsOf({ kind: "angle", slice: 0, points: [[1, 0], [0, 0], [0, 1]] }, grid({}))).toBe("90.0°");
  });

  it("of a box is in shares of the picture, and none where it is a slip", () => {
    expect(boxOf([[50, 40], [25, 10]], grid({}))).toEqual([0.25, 0.2, 0.5, 0.8]);
    expect(boxOf([[50, 40], [51, 10]], grid({}))).toBeNull();
  });
});

describe("linked panes", () => {
  it("scroll by millimetres where both know them, else slice by slice", () => {
    const from = { slices: 100, matching: 10, between: 1 };
    expect(partner(20, from, { slices: 40, matching: 5, between: 5 })).toBe(7);
    expect(partner(0, from, { slices: 40, matching: 5, between: 0.5 })).toBe(0);
    expect(partner(12, from, { slices: 40, matching: 5, between: null })).toBe(7);
  });

  it("have the same window in Hounsfield units, and one changed alike without them", () => {
    const ct = { window: [40, 400], hounsfield: true } as const;
    expect(followed(ct, [-600, 1500], { window: [50, 300], hounsfield: true })).toEqual([-600, 1500]);
    expect(followed(ct, [40, 200], { window: [100, 100], hounsfield: false })).toEqual([100, 50]);
    expect(sameWindow([40, 400], [40.2, 399.7])).toBe(true);
    expect(sameWindow([40, 400], [40, 398])).toBe(false);
  });
});

describe("a DICOM header", () => {
  const header = (plane: Header["plane"], words: Record<string, string> = {}): Header => ({
    plane: { rows: 50, columns: 100, ...plane },
    text: (tag) => words[tag] ?? "",
  });

  it("gives the slices of a series their place", () => {
    const at = (z: number) => header({ pixelSpacing: [2, 0.5], rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], imagePositionPatient: [5, 6, z] });
    const found = gridOf(at(-7), [at(-10), at(20)], 11);
    expect(found).toMatchObject({ spacing: [0.5, 2], between: 3, through: [0, 0, 1], position: -7, atDetector: false });
  });

  it("tells a scale at the detector from one in the patient", () => {
    const words = { x00181164: "0.2\\0.1", x00200020: "L\\F" };
    const alone = header({}, words);
    expect(gridOf(alone, [alone, alone], 1)).toMatchObject({ spacing: [0.1, 0.2], atDetector: true, right: [1, 0, 0], down: [0, 0, -1] });
    const calibrated = header({ pixelSpacing: [0.15, 0.08] }, words);
    expect(gridOf(calibrated, [calibrated, calibrated], 1)).toMatchObject({ spacing: [0.08, 0.15], atDetector: false });
    const bare = header({});
    expect(gridOf(bare, [bare, bare], 1)).toMatchObject({ spacing: null, right: null, position: null, between: null });
  });

  it("tells how, and never who, when or where", () => {
    const words = { x00080060: "CT", x00180015: "CHEST", x00180060: "120.0", x00180050: "5.000000", x00100010: "Doe^Jane", x00080020: "20200101", x00080080: "Hospital" };
    expect(takenOf(header({}, words))).toEqual(["CT · CHEST", "120 kVp", "5 mm thick"]);
  });
});

describe("heat", () => {
  const heat = [[0, 1], [0, 1]];

  it("is spread smoothly between its cells", () => {
    expect(heatAt(heat, 0.5, 0.5)).toBeCloseTo(0.5);
    expect(heatAt(heat, 0.99, 0.1)).toBe(1);
    expect(heatAt([[0.3]], 0.2, 0.9)).toBeCloseTo(0.3);
  });

  it("is not shown below its threshold, nor on air", () => {
    const usual = { threshold: 0.6, strength: 1 };
    const none = new Uint8Array(4);
    expect([...opacities(heat, [4, 1], usual, none)]).toEqual([0, 0, 108, 255]);
    expect([...opacities(heat, [4, 1], usual, none.with(3, 1))]).toEqual([0, 0, 108, 0]);
    expect([...opacities(heat, [4, 1], { threshold: 0, strength: 0.5 }, none)][3]).toBe(128);
  });

  it("takes for air what is dark up to the edge, and not what a body lies around", () => {
    const picture = ["..###", ".#..#", "..###"];
    const air = airOf([5, 3], (column, row) => picture[row]![column] === ".");
    expect([...air].join("")).toBe([11000, 10000, 11000].join(""));
  });
});

describe("the planes of a volume", () => {
  const axial = grid({ spacing: [1, 2], between: 5, right: [1, 0, 0], down: [0, 1, 0], through: [0, 0, 1] });

  it("lie as they are usually shown, whatever the one that it is cut along", () => {
    const shown = (part: Partial<Grid>) =>
      planesOf(grid({ ...axial, ...part }), 7).map((plane) => [nameOf(plane), letterOf(plane.across.towards!), letterOf(plane.down.towards!)]);
    expect(shown({})).toEqual([["sagittal", "P", "F"], ["coronal", "L", "F"]]);
    expect(shown({ down: [0, 0, -1], through: [0, 1, 0] })).toEqual([["sagittal", "P", "F"], ["axial", "L", "P"]]);
    expect(shown({ right: [0, 1, 0], down: [0, 0, -1], through: [1, 0, 0] })).toEqual([["coronal", "L", "F"], ["axial", "L", "P"]]);
    expect(shown({ through: [0, 0, -1] })).toEqual([["sagittal", "P", "F"], ["coronal", "L", "F"]]);
  });

  it("show each voxel in one place", () => {
    const [sagittal, coronal] = planesOf(axial, 7);
    expect(sagittal.down).toMatchObject({ axis: 2, reversed: true, mm: 5, size: 7 });
    for (const plane of [sagittal, coronal]) {
      const voxel = [30, 20, 2] as const;
      expect(voxelAt(plane, voxel[plane.on], placeOf(plane, voxel))).toEqual([...voxel]);
    }
    expect(placeOf(coronal, [30, 20, 0])).toEqual([30, 6]); // the lowest slice is at the bottom
    const greys = greysOf(coronal, 20, (column, row, slice) => (column === 30 && row === 20 && slice === 0 ? 100 : null), { window: [50, 100], dark: false });
    expect(greys.indexOf(255)).toBe(6 * 100 + 30);
    expect(nameOf(planesOf(grid({}), 3)[0])).toBe("");
  });
});
