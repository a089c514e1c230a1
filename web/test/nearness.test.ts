import { describe, expect, it } from "vitest";
import { nearnessOf } from "../src/views/search/nearness";

describe("how near the best hit is", () => {
  it("is answered, and by nobody where nobody can say", () => {
    expect(nearnessOf(null, false, false)).toBeNull();
    expect(nearnessOf(0.4, true, false)).toMatchObject({ answer: "No." });
    expect(nearnessOf(0.4, true, false)!.why).toContain("less than 1 %");
    expect(nearnessOf(0, true, false)!.why).toContain("Every record");
    expect(nearnessOf(12, false, false)!.answer).toBe("Less than is usual here.");
    expect(nearnessOf(60, false, false)!.answer).toBe("As near as is usual here.");
    expect(nearnessOf(60, false, true)!.answer).toBe("Not what the filters leave.");
  });
});
