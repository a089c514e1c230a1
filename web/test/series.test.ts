import { describe, expect, it } from "vitest";
import { bySeries, grouped } from "../src/series";

/** A DICOM file with nothing but its series, explicit little endian. */
function dicom(name: string, series: string): File {
  const element = (group: number, number: number, vr: string, value: string | Uint8Array): Uint8Array => {
    const text = typeof value === "string" ? new TextEncoder().encode(value.length % 2 ? `${value}\0` : value) : value;
    const head = new DataView(new ArrayBuffer(8));
    head.setUint16(0, group, true);
    head.setUint16(2, number, true);
    [...vr].forEach((letter, at) => head.setUint8(4 + at, letter.charCodeAt(0)));
    head.setUint16(6, text.length, true);
    return new Uint8Array([...new Uint8Array(head.buffer), ...text]);
  };
  const meta = element(2, 0x10, "UI", "1.2.840.10008.1.2.1");
  const length = element(2, 0, "UL", new Uint8Array(new Uint32Array([meta.length]).buffer));
  const parts = [new Uint8Array(128), new TextEncoder().encode("DICM"), length, meta, element(0x20, 0xe, "UI", series)];
  return new File(parts as BlobPart[], name);
}

describe("files by series", () => {
  it("keeps the order of the first of each, and what is of none by itself", () => {
    expect(grouped([1, 2, 3, 4, 5], ["a", "", "b", "a", ""])).toEqual([[1, 4], [2], [3], [5]]);
    expect(grouped([], [])).toEqual([]);
  });

  it("reads it from the files, whatever their names", async () => {
    const files = [
      dicom("x", "1.2.3"),
      new File(["no DICOM"], "notes.txt"),
      dicom("y.dcm", "1.2.4"),
      dicom("z", "1.2.3"),
      new File([], "empty.dcm"),
      new File(["h"], "brain.hdr"),
      new File(["d"], "brain.img"),
    ];
    const names = (await bySeries(files)).map((group) => group.map((file) => file.name));
    expect(names).toEqual([["x", "z"], ["notes.txt"], ["y.dcm"], ["empty.dcm"], ["brain.hdr", "brain.img"]]);
  });
});
