import { describe, expect, it } from "vitest";
import { alike, partner, zoomed } from "../src/views/compare/linked";
import { dragged } from "../src/viewer/pane";
import { between, nudged } from "../src/views/search/boxes";
import { ageOf, factsOf, fileName } from "../src/ui/facts";
import { gainSentence, reportOf, warningsOf } from "../src/views/evaluate/figures";
import type { Job, Report } from "../src/types";
import { progressWords, shareOf } from "../src/ui/duration";
import { galleryOrder } from "../src/viewer/order";

describe("linked panes", () => {
  it("keep the distance from the matching pair", () => {
    expect(partner(12, { slices: 40, matching: 10 }, { slices: 30, matching: 20 })).toBe(22);
    expect(partner(39, { slices: 40, matching: 10 }, { slices: 30, matching: 20 })).toBe(29);
  });

  it("share the depth where nothing matches", () => {
    expect(partner(39, { slices: 40, matching: null }, { slices: 11, matching: 3 })).toBe(10);
    expect(partner(0, { slices: 1, matching: null }, { slices: 1, matching: null })).toBe(0);
  });

  it("change both windows alike", () => {
    expect(alike([100, 200], [150, 100], [50, 100])).toEqual([75, 50]);
    const [center, width] = dragged([40, 400], 0, 0);
    expect([center, width]).toEqual([40, 400]);
    expect(dragged([40, 400], 0.5, 0)[1]).toBeLessThan(400);
    expect(zoomed({ zoom: 2, pan: [0.1, 0] }, 2)).toEqual({ zoom: 4, pan: [0.2, 0] });
  });
});

describe("the region", () => {
  it("is drawn in any direction, inside the picture", () => {
    expect(between([0.6, 1.4], [0.2, 0.5])).toEqual([0.2, 0.5, 0.6, 1]);
  });

  it("moves whole and sizes by its corner", () => {
    const box = [0.9, 0.1, 1, 0.3] as const;
    expect(nudged(box, "ArrowRight", false)).toEqual(box);
    expect(nudged(box, "ArrowLeft", true)![2]).toBeCloseTo(0.98);
    expect(nudged(null, "ArrowLeft", false)).toBeNull();
    expect(nudged(box, "x", false)).toBeNull();
  });
});

describe("facts", () => {
  it("reads DICOM ages and plain ones", () => {
    expect(ageOf({ PatientAge: "031Y" })).toBe("31 y");
    expect(ageOf({ age: 20 })).toBe("20 y");
    expect(factsOf({ Modality: "CR", ViewPosition: "AP", PatientSex: "F" })).toBe("CR · AP · F");
    expect(fileName("a/b\\c.dcm")).toBe("c.dcm");
  });
});

describe("a gain", () => {
  const report = (gain: [number, number, number]) =>
    ({ baseline: {}, gain: { "P@5": gain }, per_class: {}, audit: { sentence: "" } }) as unknown as Report;

  it("is only claimed where its interval leaves zero out", () => {
    expect(gainSentence(report([0.1, 0.05, 0.15]), "P@5")).toContain("better");
    expect(gainSentence(report([-0.1, -0.15, -0.05]), "P@5")).toContain("worse");
    expect(gainSentence(report([0.1, -0.05, 0.15]), "P@5")).toContain("No difference");
    expect(reportOf({ report: report([0, 0, 0]) })).not.toBeNull();
    expect(reportOf({ tables: [] })).toBeNull();
  });
});

describe("the order of a series", () => {
  const axial = [1, 0, 0, 0, 1, 0];
  const at = (z: number, o: readonly number[] = axial) => ({
    imagePositionPatient: [0, 0, z] as const,
    imageOrientationPatient: o,
  });

  it("is the gallery's, whatever the order of the files", () => {
    expect(galleryOrder([at(30), at(-10), at(10)], "axial")).toEqual([1, 2, 0]);
    const coronal = [5, 1, 3].map((y) => ({ imageOrientationPatient: [1, 0, 0, 0, 0, -1], imagePositionPatient: [0, y, 0] }));
    expect(galleryOrder(coronal, "coronal")).toEqual([1, 2, 0]);
    const sagittal = [5, 1, 3].map((x) => ({ imageOrientationPatient: [0, 1, 0, 0, 0, -1], imagePositionPatient: [x, 0, 0] }));
    expect(galleryOrder(sagittal, "sagittal")).toEqual([1, 2, 0]);
  });

  it("is none where the slices lie or are turned another way, or where places are missing or doubled", () => {
    expect(galleryOrder([at(0, [0, 1, 0, 0, 0, -1]), at(1, [0, 1, 0, 0, 0, -1])], "axial")).toBeNull();
    expect(galleryOrder([at(0, [-1, 0, 0, 0, 1, 0]), at(1, [-1, 0, 0, 0, 1, 0])], "axial")).toBeNull();
    expect(galleryOrder([at(0), at(1)], "coronal")).toBeNull();
    expect(galleryOrder([at(0), at(0)], "axial")).toBeNull();
    expect(galleryOrder([{ imageOrientationPatient: axial }], "axial")).toBeNull();
    expect(galleryOrder([{}], "axial")).toBeNull();
  });
});

describe("a job in words", () => {
  const job = (done: number, total: number, rate: number | null, left: number | null): Job =>
    ({
      state: "running",
      started: Date.now() / 1000 - 12,
      progress: { done, total, rate, seconds_left: left, message: "" },
    }) as Job;

  it("says how far, how fast, for how long and how long still", () => {
    expect(progressWords(job(1200, 4000, 24.4, 115))).toBe("1,200 of 4,000 · 24 a second · at work for 12\u00a0s · 2\u00a0min left");
    expect(progressWords(job(0, 0, null, null))).toBe("at work for 12\u00a0s");
    expect(progressWords({ ...job(0, 0, null, null), state: "queued", started: null })).toBe(
      "waiting for its turn",
    );
  });

  it("tells no share before the first part and after the last one", () => {
    expect(shareOf(job(1200, 4000, 24.4, 115))).toBeCloseTo(0.3);
    expect(shareOf(job(0, 0, null, null))).toBeNull();
    expect(shareOf(job(0, 40, null, null))).toBeNull();
    expect(shareOf(job(40, 40, 3, 0))).toBeNull();
    expect(progressWords(job(40, 40, 3, 0))).toBe("40 of 40 · 3.0 a second · at work for 12\u00a0s · finishing");
  });

  it("has warnings, or none", () => {
    expect(warningsOf({ warnings: ["a", 1] })).toEqual(["a"]);
    expect(warningsOf(null)).toEqual([]);
  });
});
