import { describe, expect, it } from "vitest";
import { addressOf, EMPTY, isEmpty, routeOf, type Route } from "../src/route";

const full: Route = {
  view: "search",
  asking: {
    asked: { kind: "upload", id: "u/1", name: "a&b #1.dcm", volume: false },
    text: "left effusion?",
    report: "no | pleural “effusion” & co",
    weight: 0.5,
    roi: { box: [0.1, 0.2, 0.5, 0.75], slice: 3 },
    positive: ["r|1", "r2"],
    negative: ["<script>"],
    filters: [
      { field: "a:b", kind: "text", values: ["x|y", "z:%"] },
      { field: "PatientAge", kind: "number", min: null, max: 80.5 },
    ],
    own: "Modality=CR or label~x",
    space: "findings",
    k: 24,
    per: "study",
    ownPatient: "not earlier",
    before: "2024-01-31",
  },
  compare: "r2",
};

describe("the address", () => {
  it("restores the whole state", () => {
    expect(routeOf(addressOf(full))).toEqual(full);
  });

  it("restores a box through several slices, and leaves odd ends out", () => {
    const roi = { box: [0, 0.25, 0.5, 1] as const, slice: null, slices: [3, 12] as const };
    const route: Route = { ...full, asking: { ...full.asking, roi } };
    expect(routeOf(addressOf(route))).toEqual(route);
    expect(routeOf("#/search?record=a&box=0,0,1,1&slices=12-3").asking.roi).toEqual({ box: [0, 0, 1, 1], slice: null });
  });

  it.each([
    { kind: "record", id: "abc" },
    { kind: "records", ids: ["a", "b"] },
    { kind: "upload", id: "v", name: "", volume: true },
    { kind: "study", id: "abc" },
    { kind: "uploads", ids: ["a|b", "c"], name: "study of 2 series" },
  ] as const)("restores a query of kind $kind", (asked) => {
    const route: Route = {
      view: "map",
      asking: { ...EMPTY, asked: asked as Route["asking"]["asked"] },
      compare: null,
    };
    expect(routeOf(addressOf(route))).toEqual(route);
  });

  it("reads links of before, and leaves out what it does not know", () => {
    expect(routeOf("#/search?patients=all").asking.per).toBe("record");
    expect(routeOf("#/search?per=hospital&own-patient=soon").asking).toEqual(EMPTY);
  });

  it.each(["0", "-1", "1001", "much"])("weighs reports as the server does: %s", (text) => {
    expect(routeOf(`#/search?report=x&weight=${text}`).asking.weight).toBe(1);
  });

  it("is short where nothing is asked", () => {
    expect(addressOf({ view: "search", asking: EMPTY, compare: null })).toBe("#/search");
    expect(isEmpty(routeOf("").asking)).toBe(true);
  });

  it.each(["#/nowhere?k=-1&box=1,2", "#/search?more=%25E0%25A4%25A", "#/search?filter=odd&box=0.5,0,0.1,1", "%%%"])(
    "survives %s",
    (address) => {
      expect(routeOf(address).asking.k).toBe(12);
      expect(routeOf(address).asking.roi).toBeNull();
    },
  );

  it.each([
    ["1", 1],
    ["1000", 1000],
    ["0", 12],
    ["1001", 12],
    ["5000", 12],
    ["2.5", 12],
    ["many", 12],
  ])("asks for as many hits as the server gives: %s", (text, k) => {
    expect(routeOf(`#/search?k=${text}`).asking.k).toBe(k);
  });
});
