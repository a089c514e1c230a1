/** Deutsch: was mehrere Ansichten sagen. */
import { counting } from "../counting";
import type { Messages } from "../en";

const counted = counting("de");

export const common: Messages["common"] = {
  dates: "de-DE",
  decimal: ",",
  cancel: "Abbrechen",
  close: "Schließen",
  keep: "Behalten",
  noLabel: "kein Label",
  noPicture: "kein Bild",
  showMore: "Mehr zeigen",
  atWork: "in Arbeit",
  tileSize: "Größe",
  tileAuto: "auto",
  tileAutoTitle: "So groß, wie es zum Bildschirm passt",
  years: (age) => `${age} J.`,
  age: { D: "T.", W: "Wo.", M: "Mon.", Y: "J." },
  records: (count) => counted(count, "Eintrag", "Einträge"),
  moreRecords: (count) => counted(count, "weiterer Eintrag", "weitere Einträge"),
  patients: (count) => counted(count, "Patient", "Patienten"),
  labels: (count) => counted(count, "Label", "Labels"),
  hits: (count) => counted(count, "Treffer", "Treffer"),
  slices: (count) => counted(count, "Schicht", "Schichten"),
  files: (count) => counted(count, "Datei", "Dateien"),
  pictures: (count) => counted(count, "Bild", "Bilder"),
  sliceOf: (at, depth) => `Schicht ${at} von ${depth}`,
  andMore: (count) => `und ${count} weitere`,
  serverGone: "Der Server antwortet nicht",
  serverGoneKept: "Der Server antwortet nicht. Ihre Anfrage bleibt erhalten.",
  pageFailed: "Die Seite ist gescheitert",
};
