import { describe, expect, it } from "vitest";
import { mayBeKept, told, withNewest } from "../src/recent";
import { EMPTY, type Asking } from "../src/route";

const asking = (change: Partial<Asking>): Asking => ({ ...EMPTY, ...change });
const record = (id: string): Asking => asking({ asked: { kind: "record", id } });

describe("questions asked before", () => {
  it("are kept beyond the tab only where they name no patient", () => {
    expect(mayBeKept(record("5ef178c836b2cf56"))).toBe(true);
    expect(mayBeKept(asking({ text: "left effusion" }))).toBe(true);
    for (const change of [
      { asked: { kind: "upload", id: "u", name: "DOE.dcm", volume: false } },
      { asked: { kind: "uploads", ids: ["u"], name: "study" } },
      { report: "Doe" },
      { before: "2024-01-31" },
      { own: "source~doe" },
      { filters: [{ field: "source", kind: "text", values: ["/doe/1.dcm"] }] },
    ] satisfies Partial<Asking>[]) {
      expect(mayBeKept(asking({ ...record("a"), ...change })), JSON.stringify(change)).toBe(false);
    }
  });
  it("stand once, the newest first and as it was asked last, and are bounded", () => {
    const first = withNewest(withNewest([], record("a")), record("b"));
    const again = withNewest(first, { ...record("a"), space: "findings", positive: ["c"] });
    expect(again.map((one) => one.asked)).toEqual([record("a").asked, record("b").asked]);
    expect(again[0]!.space).toBe("findings");
    let many: Asking[] = [];
    for (let at = 0; at < 50; at++) many = withNewest(many, record(`r${at}`));
    expect(many.length).toBe(20);
    expect(many[0]!.asked).toEqual(record("r49").asked);
  });
  it("are told in words", () => {
    const filters = [{ field: "label", kind: "text" as const, values: ["edema"] }];
    expect(told({ ...record("5ef178c836b2cf56"), filters, space: "findings" })).toBe(
      "record 5ef178c8 · label edema · space findings",
    );
    expect(told(asking({ text: "effusion" }))).toBe("“effusion”");
    expect(told(asking({ positive: ["0123456789"] }))).toBe("like record 01234567");
  });
});
