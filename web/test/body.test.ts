import { describe, expect, it } from "vitest";
import { bodyOf, canSteer, pictureOf, queryOf, steered, voteOf } from "../src/body";
import { nothing, remembered, undone } from "../src/past";
import { EMPTY } from "../src/route";
import { whereOf } from "../src/where";

describe("the search body", () => {
  it("asks with nothing only by nothing", () => {
    expect(bodyOf(EMPTY)).toBeNull();
    expect(bodyOf({ ...EMPTY, negative: ["a"] })).toBeNull();
  });

  it("lets the first example ask where there is no query", () => {
    const body = bodyOf({ ...EMPTY, positive: ["a", "b"] });
    expect(body?.query).toEqual({ ids: ["a"] });
    expect(body?.positive).toEqual(["b"]);
  });

  it("says what the hits should be like, unlike and within, how many and how", () => {
    const body = bodyOf({
      ...EMPTY,
      asked: { kind: "record", id: "r" },
      positive: ["a", "b"],
      negative: ["c", "d"],
      filters: [{ field: "sex", kind: "text", values: ["F"] }],
      own: "age>60 or label=x",
      space: "findings",
      k: 24,
      per: "record",
    });
    expect(body).toEqual({
      query: { ids: ["r"] },
      positive: ["a", "b"],
      negative: ["c", "d"],
      where: whereOf([{ field: "sex", kind: "text", values: ["F"] }], "age>60 or label=x"),
      space: "findings",
      group_by: null,
      k: 24,
      explain: true,
    });
    expect(body?.where).toContain("age>60 or label=x");
    expect(body?.where).toContain("sex");
    expect(bodyOf({ ...EMPTY, text: "edema", own: "age>60" })?.where).toContain("age>60");
    expect(bodyOf({ ...EMPTY, text: "edema" })?.group_by).toBe("patient");
  });

  it("asks with a region of an upload or a record", () => {
    const roi = { box: [0, 0, 0.5, 0.5] as const, slice: 2 };
    expect(queryOf({ ...EMPTY, asked: { kind: "record", id: "r" }, roi })).toEqual({
      roi: { record: "r", slice: 2, box: [0, 0, 0.5, 0.5] },
    });
    expect(queryOf({ ...EMPTY, asked: { kind: "record", id: "r" }, roi: { ...roi, slice: null, slices: [2, 9] } })).toEqual({
      roi: { record: "r", slices: [2, 9], box: [0, 0, 0.5, 0.5] },
    });
    expect(queryOf({ ...EMPTY, asked: { kind: "upload", id: "u", name: "", volume: true }, roi })).toEqual({
      roi: { image: "u", slice: 2, box: [0, 0, 0.5, 0.5] },
    });
  });

  it("asks a region by itself, in the base space", () => {
    const roi = { box: [0, 0, 0.5, 0.5] as const, slice: null };
    const body = bodyOf({ ...EMPTY, asked: { kind: "record", id: "r" }, roi, positive: ["a"], space: "findings" });
    expect([body?.space, body?.positive, body?.group_by]).toEqual(["base", [], null]);
  });

  it("classifies and explains one picture only", () => {
    expect(pictureOf({ ...EMPTY, text: "edema", positive: ["a"] })).toBeNull();
    expect(pictureOf({ ...EMPTY, asked: { kind: "records", ids: ["a", "b"] } })).toBeNull();
    expect(pictureOf({ ...EMPTY, positive: ["a"] })).toEqual({ ids: ["a"] });
    expect(pictureOf({ ...EMPTY, asked: { kind: "upload", id: "u", name: "", volume: true }, text: "x" })).toEqual({
      volume: "u",
    });
  });

  it("lets words stand beside a picture", () => {
    const asked = { kind: "upload", id: "u", name: "", volume: false } as const;
    expect(queryOf({ ...EMPTY, asked, text: "edema" })).toEqual({ image: "u", text: "edema" });
  });

  it("joins words for reports with any query but a region, and weighs them", () => {
    const words = { report: "edema", weight: 0.5 };
    const volume = { kind: "upload", id: "u", name: "", volume: true } as const;
    expect(bodyOf({ ...EMPTY, ...words })).toMatchObject({ query: { report: "edema" }, report_weight: 0.5 });
    expect(queryOf({ ...EMPTY, ...words, text: "x", asked: volume })).toEqual({ volume: "u", report: "edema" });
    expect(queryOf({ ...EMPTY, ...words, text: "x", asked: { ...volume, volume: false } })).toEqual({
      image: "u",
      text: "x",
      report: "edema",
    });
    const region = bodyOf({ ...EMPTY, ...words, asked: volume, roi: { box: [0, 0, 1, 1], slice: null } });
    expect([region?.query.report, region?.report_weight]).toEqual([undefined, undefined]);
    expect(bodyOf({ ...EMPTY, asked: volume })).not.toHaveProperty("report_weight");
    expect(pictureOf({ ...EMPTY, ...words, positive: ["a"] })).toBeNull();
  });

  it.each([
    [{ kind: "study", id: "r" }, { study: "r" }],
    [{ kind: "uploads", ids: ["a", "b"], name: "" }, { study_uploads: ["a", "b"] }],
  ] as const)("asks with a whole study by its series alone: %j", (asked, query) => {
    const asking = { ...EMPTY, asked: asked as typeof EMPTY.asked, text: "x", report: "y", positive: ["p"], negative: ["n"] };
    expect(bodyOf(asking)).toMatchObject({ query, positive: [], negative: [], group_by: "patient" });
    expect([pictureOf(asking), voteOf(asking, 5), canSteer(asking)]).toEqual([null, null, false]);
  });

  it("lets the own patient answer as it is told", () => {
    const asking = { ...EMPTY, asked: { kind: "record", id: "r" } as const, before: "180" };
    expect(bodyOf(asking)).not.toMatchObject({ only_priors: true });
    expect(bodyOf(asking)).not.toHaveProperty("before");
    expect(bodyOf({ ...asking, ownPatient: "earlier" })).toMatchObject({ only_priors: true, before: "180" });
    expect(bodyOf({ ...asking, ownPatient: "earlier", before: "" })).not.toHaveProperty("before");
    expect(bodyOf({ ...asking, ownPatient: "all" })).toMatchObject({ same_patient: true });
    expect(bodyOf({ ...asking, ownPatient: "not earlier" })).toMatchObject({ same_patient: true, exclude_priors: true });
    expect(bodyOf({ ...asking, per: "series" })?.group_by).toBe("series");
  });

  it("moves neither studies nor words for reports by examples", () => {
    expect(canSteer({ ...EMPTY, report: "edema" })).toBe(false);
    expect(canSteer({ ...EMPTY, report: "edema", text: "x" })).toBe(true);
    expect(canSteer(EMPTY)).toBe(true);
  });

  it("moves a hit between more and less, and takes it back", () => {
    const more = steered(EMPTY, "a", "more");
    expect(more.positive).toEqual(["a"]);
    const less = steered(more, "a", "less");
    expect([less.positive, less.negative]).toEqual([[], ["a"]]);
    expect(steered(less, "a", "less").negative).toEqual([]);
  });
});

describe("undo", () => {
  it("goes back step by step, a hundred at most", () => {
    let past = remembered(nothing as { steps: readonly number[] }, 0);
    for (let step = 1; step < 150; step++) past = remembered(past, step);
    expect(past.steps.length).toBe(100);
    const [step, rest] = undone(past)!;
    expect(step).toBe(149);
    expect(rest.steps.length).toBe(99);
    expect(undone(nothing)).toBeNull();
  });
});

describe("the vote", () => {
  it("is asked in the space, among the records and of the region that the search asks", () => {
    const asking = { ...EMPTY, asked: { kind: "record", id: "a" } as const, space: "findings", own: "age>50" };
    expect(voteOf(asking, 7)).toEqual({ query: { ids: ["a"] }, method: "knn", k: 7, space: "findings", where: bodyOf(asking)!.where });
    const region = { ...asking, roi: { box: [0, 0, 0.5, 0.5] as const, slice: 3 } };
    expect(voteOf(region, 7)).toMatchObject({ query: bodyOf(region)!.query, space: "base" });
    expect(voteOf({ ...EMPTY, text: "effusion" }, 7)).toBeNull();
  });
});
