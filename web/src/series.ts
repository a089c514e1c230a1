/** Files by the series that they are of: those of one DICOM series together, every other file by itself. */

const HEAD = 1 << 20; // bytes: what identifies a file stands at its beginning
const SERIES = "x0020000e";

/** Groups in the order of their first files. keys: of each file its series, "" where it is of none. */
export function grouped<T>(items: readonly T[], keys: readonly string[]): T[][] {
  const groups = new Map<string, T[]>();
  items.forEach((item, at) => {
    const key = keys[at] || `alone ${at}`;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  });
  return [...groups.values()];
}

/** A header and its data, which share a name, belong together too. */
const PAIR = /\.(hdr|img|mhd|raw|zraw|nhdr)(\.gz)?$/i;

async function seriesOf(file: File): Promise<string> {
  const pair = PAIR.exec(file.name);
  if (pair) return `pair ${file.name.slice(0, pair.index)}`;
  const { parseDicom } = await import("dicom-parser");
  try {
    const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
    return parseDicom(head, { untilTag: SERIES }).string(SERIES) ?? "";
  } catch {
    return ""; // no DICOM file, or one that the server is to judge
  }
}

export async function bySeries(files: readonly File[]): Promise<File[][]> {
  const keys: string[] = [];
  for (const file of files) keys.push(await seriesOf(file)); // one at a time: a study may be gigabytes
  return grouped(files, keys);
}
