/** English: why a file was refused, and what to do about it: by the server's reason codes. */
interface Reason {
  what: string;
  todo: string;
}

export const reasons: Record<string, Reason> = {
  "not-an-image": {
    what: "No reader knows this kind of file.",
    todo: "Send DICOM, PNG, JPEG, TIFF, NIfTI, NRRD or MetaImage.",
  },
  "no-pixel-data": {
    what: "A DICOM file without a picture in it.",
    todo: "Reports, structures and directories hold none; send the image objects.",
  },
  "no-image": {
    what: "A segmentation, report, plan, dose or the like.",
    todo: "It marks or describes images; send the images themselves.",
  },
  archive: { what: "An archive or a compressed file.", todo: "Unpack it and send what is in it." },
  "other-format": {
    what: "A format that is known and not read.",
    todo: "Convert it to DICOM, NIfTI, PNG or TIFF.",
  },
  "incomplete-pair": {
    what: "A header without its data, or data without its header.",
    todo: "Put both into one folder and index that, or convert them to one NIfTI file.",
  },
  "points-elsewhere": {
    what: "A header that names another place than a file beside it.",
    todo: "Put the data into the header's folder, name that file alone in it, and send both.",
  },
  "broken-link": { what: "A link that leads to nothing.", todo: "Mend or remove the link." },
  "empty-file": { what: "The file has no bytes.", todo: "Copy it again from where it came." },
  "damaged-header": {
    what: "The header cannot be read.",
    todo: "Copy it again; if that does not help, export it anew.",
  },
  "damaged-pixels": {
    what: "The pixels cannot be decoded, or some are missing.",
    todo: "Copy it again; a transfer may have been cut short.",
  },
  "unsupported-transfer-syntax": {
    what: "No decoder for this DICOM transfer syntax.",
    todo: "Export it uncompressed, or as lossless JPEG 2000.",
  },
  "unsupported-pixels": {
    what: "Pixels in a format that is no image.",
    todo: "Export it with 8 or 16 bits a sample, in grey or RGB.",
  },
  "too-large": { what: "More pixels than are allowed.", todo: "Send a part of it, or at a lower magnification." },
  "out-of-memory": { what: "Decoding took more memory than is allowed.", todo: "Send a part of it." },
  timeout: {
    what: "Decoding took too long.",
    todo: "Try again when the machine is less busy; else send a part of it.",
  },
  "decoder-crash": { what: "The decoder failed on this file.", todo: "Export it anew; the file may be damaged." },
  "not-readable": {
    what: "The server may not read this file.",
    todo: "Ask its administrator for the file's permissions.",
  },
  "damaged-geometry": {
    what: "The volume does not say where its voxels lie.",
    todo: "Convert it again with its orientation.",
  },
  "too-many-frames": {
    what: "More pictures in one file than this server takes.",
    todo: "Split it, or export the pictures that matter.",
  },
  "four-dimensional": {
    what: "A volume with several time points or channels.",
    todo: "Cut it into single volumes.",
  },
  "not-one-series": {
    what: "Several files that are not the slices of one series.",
    todo: "Ask with one of them, with all as one study, or with the slices of one series and nothing else.",
  },
  "incomplete-series": {
    what: "Slices of the series are missing, doubled or of different sizes.",
    todo: "Send every slice of one series, once.",
  },
  "needs-volumes": {
    what: "A volume; this server reads none yet.",
    todo: "Its administrator can install lookalike[volumes].",
  },
};
