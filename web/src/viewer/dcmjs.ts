/**
 * Stands in for dcmjs (1.1 MB), of which Cornerstone3D's DICOM loader touches four names on its way to the pixels:
 * headers are read by dicom-parser, so no dictionary is needed here.
 */
type Log = Record<"trace" | "debug" | "info" | "warn" | "error" | "setLevel", (...words: unknown[]) => void> & {
  getLogger: (...names: string[]) => Log;
};

const silent = (): void => undefined;
export const log: Log = {
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  getLogger: () => ({ ...log }),
};

/** DICOM PS3.5 10: the transfer syntaxes that need no decoder. */
export const constants = {
  IMPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2",
  EXPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2.1",
  DEFLATED_EXPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2.1.99",
  EXPLICIT_BIG_ENDIAN: "1.2.840.10008.1.2.2",
};

/**
 * Keyword -> tag. The loader asks only whether a keyword exists, to check rules for sorting series into display sets,
 * which this page does not use: every keyword has some tag of its own, outside the standard's range.
 */
const tags = new Map<string, { tag: string }>();
function tagOf(keyword: string): { tag: string } {
  const number = (tags.size + 1).toString(16).padStart(4, "0");
  if (!tags.has(keyword)) tags.set(keyword, { tag: `(ffff,${number})` });
  return tags.get(keyword)!;
}
const KEYWORD = /^[A-Z][A-Za-z0-9]+$/;
const nameMap = new Proxy<Record<string, { tag: string }>>(
  {},
  {
    get: (_, name) => (typeof name === "string" && KEYWORD.test(name) ? tagOf(name) : undefined),
    getOwnPropertyDescriptor: (_, name) =>
      typeof name === "string" && KEYWORD.test(name)
        ? { value: tagOf(name), enumerable: true, configurable: true, writable: true }
        : undefined,
  },
);

export default {
  log,
  constants,
  data: { DicomMetaDictionary: { dictionary: {}, nameMap } },
  async: { AsyncDicomReader: class {} },
  utilities: { DicomMetadataListener: class {} },
};
