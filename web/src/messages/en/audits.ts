/** English: what the server says of what it found, in its own words, and how surely audits find. */
export interface Said {
  text: string;
  /** False where only the server's own words are there. */
  isTranslated: boolean;
}

const own = (text: string): Said => ({ text, isTranslated: true });

export const audits = {
  reason: (said: string): Said => own(said),
  advice: (_fault: string, said: string): Said => own(said),
  note: (said: string): Said => own(said),
  step: (said: string): Said => own(said),
  counted: (name: string): Said => own(name.replaceAll("_", " ")),
  sure: "How surely this finds them here",
  what: { quality: "Fault", metadata: "Field" },
  listed: "Listed",
  found: "Planted found",
  remark: "Note",
};
