import { describe, expect, it } from "vitest";
import type { Job } from "../src/types";
import { metSentences, NONE, takenBy, takenSentence, together } from "../src/views/gallery/taken";

const job = (result: unknown): Job => ({ result }) as Job;

describe("what became of the files", () => {
  it("is counted over several jobs", () => {
    const first = takenBy(job({ added: 3, skipped: 1, refused: [{}, {}], kinds: { SR: 1, mask: 2 } }));
    expect(together(first, takenBy(job({ added: 1, skipped: 0, refused: [], kinds: { mask: 1 } })))).toEqual({
      added: 4,
      skipped: 1,
      refused: 2,
      kinds: { SR: 1, mask: 3 },
    });
    expect(takenBy(job(null))).toEqual(NONE);
    expect(takenBy(job({ space: "findings" }))).toEqual(NONE);
  });

  it("tells how the table met the images, and names what did not", () => {
    const names = (...some: string[]) => some.map((source) => ({ source }));
    const match = { rows: 9, rows_met: 5, images: 7, images_met: 6, by_end: 0 };
    expect(metSentences(null)).toEqual([]);
    expect(
      metSentences({ ...match, rows_left: names("a.png", "b.png", "c.png"), images_left: names("/x/z.png") }),
    ).toEqual([
      "5 of 9 rows of the table met 6 of 7 images.",
      "No image for a.png, b.png, c.png, ….",
      "No row for z.png.",
    ]);
  });

  it("points to the list only where something is on it", () => {
    expect(takenSentence({ ...NONE, added: 1 }, "done")).toBe("1 record added.");
    expect(takenSentence({ ...NONE, added: 1, kinds: { SEG: 2, note: 1 } }, "done")).toBe(
      "1 record added. 3 set apart as no images: 2 SEG, 1 note.",
    );
    expect(takenSentence({ ...NONE, skipped: 2, refused: 1 }, "done")).toBe(
      "0 records added, 2 files already there, 1 file refused: why stands under “refused”.",
    );
    expect(takenSentence(NONE, "cancelled")).toContain("cancelled");
  });
});
