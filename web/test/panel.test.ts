import { describe, expect, it } from "vitest";
import { askedIn } from "../src/panel/asked";

describe("the study that an address names", () => {
  it("is told by the names of OHIF and of DICOM, the narrowest first", () => {
    expect(askedIn("?StudyInstanceUIDs=1.2,1.3&initialSeriesInstanceUID=1.2.1")).toEqual(["1.2.1", "1.2"]);
    expect(askedIn("?StudyInstanceUID=1.2&SeriesInstanceUID=1.2.1&SOPInstanceUID=1.2.1.9")).toEqual([
      "1.2.1.9",
      "1.2.1",
      "1.2",
    ]);
    expect(askedIn("?studyinstanceuids=1.2&StudyInstanceUIDs=1.3")).toEqual(["1.2"]);
  });

  it("is none where nothing is a UID", () => {
    expect(askedIn("")).toEqual([]);
    expect(askedIn("?StudyInstanceUIDs=%3Cscript%3E&SeriesInstanceUID=")).toEqual([]);
    expect(askedIn(`?StudyInstanceUID=${"1".repeat(65)}`)).toEqual([]);
  });
});
