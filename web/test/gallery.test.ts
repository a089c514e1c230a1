import { describe, expect, it } from "vitest";
import type { Job } from "../src/types";
import { asked, type Finding } from "../src/views/gallery/curation/decided";
import { ofFolder } from "../src/views/gallery/pending";
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

describe("what is decided together", () => {
  const value = (id: string, value: string): Finding => ({ audit: "metadata", ids: [id], about: "view", value });

  it("is one decision where findings differ in their record alone", () => {
    const bodies = asked([value("a", "PA"), value("b", "AP"), value("c", "PA")], "accept");
    expect(bodies).toEqual([
      { audit: "metadata", decision: "accept", ids: ["a", "c"], about: "view", value: "PA" },
      { audit: "metadata", decision: "accept", ids: ["b"], about: "view", value: "AP" },
    ]);
  });

  it("is a decision for each pair, but of each record once that it is to go", () => {
    const pairs: Finding[] = [["a", "b"], ["a", "c"]].map((ids) => ({ audit: "duplicates", ids }));
    expect(asked(pairs, "different").map(({ ids }) => ids)).toEqual([["a", "b"], ["a", "c"]]);
    expect(asked([value("a", "PA"), value("a", "AP"), value("b", "AP")], "drop")).toEqual([
      { audit: "metadata", decision: "drop", ids: ["a", "b"], about: "", value: "" },
    ]);
  });
});

describe("the files of a chosen folder", () => {
  const at = (path: string): File => ({ webkitRelativePath: path }) as File;
  const files = ["ct/a.dcm", "ct/one/b.dcm", "ct/.hidden", "ct/.git/c.dcm"].map(at);

  it("are those below it, too, where these are wanted, and none that is hidden", () => {
    expect(ofFolder(files, true)).toEqual(files.slice(0, 2));
    expect(ofFolder(files, false)).toEqual(files.slice(0, 1));
  });
});
