/** English: the small page that a viewer opens beside a study. */
export const panel = {
  title: "Similar studies",
  noStudy: "The address names no study: add ?StudyInstanceUIDs=UID",
  researchOnly: "Research use only, not for diagnosis",
  looking: "Looking…",
  open: "The study that is open",
  asked: { study: "compared as a whole", series: "by this series", instance: "by this image" },
  none: "No other study answers.",
  name: (rank: number, labels: string): string => `number ${rank}, ${labels}`,
  cosine: "Cosine of the two; 1 is the same picture",
  openBeside: "Open beside",
  openIt: "Open",
  signIn: "Sign in, in a window of its own",
  goOn: "Then go on",
  keyRefused: "That key was not accepted; another one:",
  key: "The key of this gallery, kept in this tab alone:",
  useKey: "Use this key",
};
