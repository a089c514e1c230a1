import { describe, expect, it } from "vitest";
import { bounded, summary, toggled, whereOf, writable, type Filter } from "../src/where";

describe("the filter expression", () => {
  it("joins fields by and, one field's values by or", () => {
    const filters: Filter[] = [
      { field: "Modality", kind: "text", values: ["CR", "DX"] },
      { field: "PatientAge", kind: "number", min: 50, max: null },
    ];
    expect(whereOf(filters)).toBe('(Modality="CR" or Modality="DX") and PatientAge>=50');
  });

  it("quotes what the grammar would read otherwise", () => {
    expect(whereOf([{ field: "label", kind: "text", values: ['5" mass'] }])).toBe(`label='5" mass'`);
    expect(whereOf([{ field: "not", kind: "text", values: ["x"] }])).toBe('"not"="x"');
    expect(whereOf([{ field: "body part", kind: "number", min: 1, max: 2 }])).toBe(
      '"body part">=1 and "body part"<=2',
    );
  });

  it("leaves out what the grammar cannot say", () => {
    expect(writable(`both ' and "`)).toBe(false);
    expect(whereOf([{ field: "a", kind: "text", values: [`both ' and "`] }])).toBeNull();
  });

  it("puts an expression of one's own in brackets beside chips", () => {
    expect(whereOf([], " a=1 or b=2 ")).toBe("a=1 or b=2");
    expect(whereOf([{ field: "c", kind: "text", values: ["3"] }], "a=1 or b=2")).toBe('c="3" and (a=1 or b=2)');
    expect(whereOf([])).toBeNull();
  });

  it("toggles values and drops empty fields", () => {
    const one = toggled([], "label", "effusion");
    const two = toggled(one, "label", "edema");
    expect(two).toEqual([{ field: "label", kind: "text", values: ["effusion", "edema"] }]);
    expect(toggled(one, "label", "effusion")).toEqual([]);
    expect(bounded(two, "PatientAge", null, null)).toEqual(two);
    expect(summary({ field: "PatientAge", kind: "number", min: null, max: 80 })).toBe("≤ 80");
  });
});
