/** Deutsch: warum eine Datei abgelehnt wurde, und was zu tun ist: nach den Kennworten des Servers. */
import type { Messages } from "../en";

export const reasons: Messages["reasons"] = {
  "not-an-image": {
    what: "Kein Leser kennt diese Art von Datei.",
    todo: "Senden Sie DICOM, PNG, JPEG, TIFF, NIfTI, NRRD oder MetaImage.",
  },
  "no-pixel-data": {
    what: "Eine DICOM-Datei ohne Bild.",
    todo: "Befunde, Strukturen und Verzeichnisse enthalten keines; senden Sie die Bildobjekte.",
  },
  "no-image": {
    what: "Eine Segmentierung, ein Befund, Plan, eine Dosis oder dergleichen.",
    todo: "Sie markiert oder beschreibt Bilder; senden Sie die Bilder selbst.",
  },
  archive: {
    what: "Ein Archiv oder eine komprimierte Datei.",
    todo: "Entpacken Sie es und senden Sie, was darin ist.",
  },
  "other-format": {
    what: "Ein Format, das bekannt ist und nicht gelesen wird.",
    todo: "Wandeln Sie es in DICOM, NIfTI, PNG oder TIFF um.",
  },
  "incomplete-pair": {
    what: "Ein Header ohne seine Daten, oder Daten ohne ihren Header.",
    todo: "Legen Sie beide in einen Ordner und nehmen Sie den auf, oder wandeln Sie sie in eine NIfTI-Datei um.",
  },
  "points-elsewhere": {
    what: "Ein Header, der einen anderen Ort nennt als eine Datei neben sich.",
    todo: "Legen Sie die Daten in den Ordner des Headers, nennen Sie darin nur diese Datei, und senden Sie beide.",
  },
  "broken-link": { what: "Ein Link, der ins Leere führt.", todo: "Reparieren oder entfernen Sie den Link." },
  "empty-file": { what: "Die Datei hat keine Bytes.", todo: "Kopieren Sie sie noch einmal vom Ursprung." },
  "damaged-header": {
    what: "Der Header kann nicht gelesen werden.",
    todo: "Kopieren Sie die Datei noch einmal; hilft das nicht, exportieren Sie sie neu.",
  },
  "damaged-pixels": {
    what: "Die Pixel können nicht dekodiert werden, oder einige fehlen.",
    todo: "Kopieren Sie die Datei noch einmal; eine Übertragung wurde vielleicht abgeschnitten.",
  },
  "unsupported-transfer-syntax": {
    what: "Kein Decoder für diese DICOM-Transfersyntax.",
    todo: "Exportieren Sie unkomprimiert oder als verlustfreies JPEG 2000.",
  },
  "unsupported-pixels": {
    what: "Pixel in einem Format, das kein Bild ist.",
    todo: "Exportieren Sie mit 8 oder 16 Bit je Wert, in Grau oder RGB.",
  },
  "too-large": {
    what: "Mehr Pixel, als erlaubt sind.",
    todo: "Senden Sie einen Teil davon oder eine geringere Vergrößerung.",
  },
  "out-of-memory": {
    what: "Das Dekodieren brauchte mehr Speicher, als erlaubt ist.",
    todo: "Senden Sie einen Teil davon.",
  },
  timeout: {
    what: "Das Dekodieren dauerte zu lange.",
    todo: "Versuchen Sie es wieder, wenn der Rechner weniger zu tun hat; sonst senden Sie einen Teil davon.",
  },
  "decoder-crash": {
    what: "Der Decoder ist an dieser Datei gescheitert.",
    todo: "Exportieren Sie sie neu; die Datei ist vielleicht beschädigt.",
  },
  "not-readable": {
    what: "Der Server darf diese Datei nicht lesen.",
    todo: "Bitten Sie seinen Administrator um die Rechte der Datei.",
  },
  "damaged-geometry": {
    what: "Das Volumen sagt nicht, wo seine Voxel liegen.",
    todo: "Wandeln Sie es noch einmal mit seiner Ausrichtung um.",
  },
  "too-many-frames": {
    what: "Mehr Bilder in einer Datei, als dieser Server nimmt.",
    todo: "Teilen Sie sie, oder exportieren Sie die Bilder, auf die es ankommt.",
  },
  "four-dimensional": {
    what: "Ein Volumen mit mehreren Zeitpunkten oder Kanälen.",
    todo: "Zerlegen Sie es in einzelne Volumen.",
  },
  "not-one-series": {
    what: "Mehrere Dateien, die nicht die Schichten einer Serie sind.",
    todo: "Suchen Sie mit einer davon, mit allen als einer Untersuchung, oder nur mit den Schichten einer Serie.",
  },
  "incomplete-series": {
    what: "Schichten der Serie fehlen, sind doppelt oder verschieden groß.",
    todo: "Senden Sie jede Schicht einer Serie, einmal.",
  },
  "needs-volumes": {
    what: "Ein Volumen; dieser Server liest noch keine.",
    todo: "Sein Administrator kann lookalike[volumes] installieren.",
  },
};
