/** Deutsch: was in einer Galerie ist, was hinein- und hinausgeht, Kohorten, und die eigene Arbeit des Dienstes. */
import { counting } from "../counting";
import type { Messages } from "../en";
import { ENCODERS } from "./reports";
import { translated } from "./sentences";

const counted = counting("de");
const records = (count: number): string => counted(count, "Eintrag", "Einträge");
const files = (count: number): string => counted(count, "Datei", "Dateien");

export const holdings: Messages["holdings"] = {
  about: "Über diese Galerie",
  this: "Diese Galerie",
  contents: (count, refused) => `${records(count)}${refused ? `, ${files(refused)} abgelehnt` : ""}`,
  encoder: (name, note) => `Encoder ${name}: ${translated(note, ENCODERS).text}.`,
  noJob: "Noch ist kein Auftrag gelaufen.",
  add: "Bilder hinzufügen",
  drop: (volumes) =>
    `${volumes ? "DICOM-, PNG-, JPEG-, NIfTI-, NRRD-Dateien" : "DICOM-, PNG-, JPEG-Dateien"} oder Ordner hier ablegen`,
  chooseFiles: "Dateien wählen",
  chooseWholeFolder: "Ordner wählen",
  subfolders: "mit Unterordnern",
  files: "Dateien zum Hinzufügen",
  toAdd: (count) => `${files(count)} hinzuzufügen`,
  oneSeries: "Das sind die Schichten einer Serie",
  table: "Tabelle der Labels (CSV, wahlweise)",
  addThem: "Hinzufügen",
  forget: "Verwerfen",
  sent: (count) => `${count} gesendet`,
  importFolder: "Importordner",
  chooseFolder: "Importordner …",
  allOfFolder: (name) => `alles in ${name}`,
  subfolderOf: (name) => `Ordner in ${name}`,
  moreFolders: (count) => `${counted(count, "weiterer Ordner", "weitere Ordner")}, nicht aufgeführt`,
  import: "Importieren",
  setApart: "Was ausgesondert wurde",
  apart: (count, kinds) => `${count.toLocaleString("de")} als keine Bilder ausgesondert: ${kinds}`,
  met: (met, rows, labelled, images) =>
    `${met} von ${counted(rows, "Zeile", "Zeilen")} der Tabelle trafen ${labelled} von ${counted(images, "Bild", "Bildern")}.`,
  noImageFor: (names) => `Kein Bild zu ${names}.`,
  noRowFor: (names) => `Keine Zeile zu ${names}.`,
  added: (count) => `${records(count)} hinzugefügt`,
  skipped: (count) => `${files(count)} schon vorhanden`,
  refused: (count) => `${files(count)} abgelehnt: warum, steht unter „abgelehnt“`,
  adding: (state) => `Hinzufügen ${state}; was zuvor gelesen wurde, bleibt.`,
  andOthers: (name, count) => `${name} und ${counted(count, "weitere", "weitere")}`,
  gone: { record: "Der Eintrag ist überall gelöscht.", patient: "Die Einträge des Patienten sind überall gelöscht." },
  someRecords: "Einträge",
  orMore: (count) => `${count} oder mehr Einträge`,
  delete: "Aus der Galerie löschen",
  whatToDelete: "Was gelöscht wird",
  thisRecord: (file) => `Dieser Eintrag: ${file}`,
  allOfPatient: (count) => `Alles von seinem Patienten: ${count}`,
  goes: (patient) =>
    `Gelöscht ${patient === null ? "wird der Eintrag" : `werden alle ${patient} dieses Patienten`} mit Labels, Attributen, Vektoren in jedem Raum, Bildteilen, Vorschaubildern, dem Platz im Index, Karten und Kopien von Hochgeladenem. Es bleiben Dateien außerhalb der Galerie, und was Adapter schon gelernt haben; trainieren Sie sie neu, um sicherzugehen. Das lässt sich nicht rückgängig machen.`,
  deleteIt: { record: "Eintrag löschen", patient: "Patienten löschen" },
};

export const cohorts: Messages["cohorts"] = {
  title: "Kohorten",
  filtered: (where) => `Die Einträge, für die gilt: ${where}`,
  every: "Alle Einträge der Galerie.",
  filteredNote: "was die Filter der Suche lassen",
  everyNote: "alle Einträge; Filter der Suche engen sie ein",
  none: "Noch ist keine Kohorte gespeichert.",
  version: (version, when) => `Version ${version}, ${when}`,
  whatChanged: "Was ist anders?",
  again: "Neu bestimmen",
  split: "Aufteilen 70 / 15 / 15",
  formatOf: (name) => `Format von ${name}`,
  export: "Exportieren",
  remove: "Entfernen …",
  removeTitle: "Die Kohorte entfernen",
  goes: (name, members) =>
    `„${name}“ wird entfernt, mit Definition und Aufteilung. ${
      members === 1 ? "Ihr 1 Eintrag bleibt" : `Ihre ${records(members)} bleiben`
    } in der Galerie.`,
  removeIt: "Entfernen",
  added: (count) => `${count} hinzugekommen`,
  removed: (count) => `${count} weggefallen`,
  relabelled: (count) => `${count} mit anderen Labels`,
  erased: (count) => `${count} gelöscht`,
  since: (changes) => `Seit dem Speichern: ${changes}.`,
  same: "Dieselben Mitglieder mit denselben Labels wie gespeichert.",
  save: "Als Kohorte speichern",
  saved: (members, name) => `${records(members)} als „${name}“ gespeichert: Galerie, Kohorten.`,
  name: "Name",
  saveIt: "Speichern",
};

export const operation: Messages["operation"] = {
  schedules: "Zeitpläne",
  noSchedule: "Nichts ist geplant. Zeitpläne stehen in lookalike.toml, unter [schedules].",
  what: "Was",
  when: "Wann",
  next: "Nächstes Mal",
  last: "Letztes Mal",
  backups: "Sicherungen",
  backUp: "Jetzt sichern",
  noBackup: "Von hier wurde noch keine Sicherung gemacht.",
  made: "Erstellt",
  name: "Name",
  verified: "Geprüft",
  verify: "Prüfen",
  verifyOf: (name) => `${name} prüfen`,
  notYet: "noch nicht",
  notComplete: "nicht vollständig",
  notVerified: "noch nicht geprüft",
  sound: "unversehrt",
  damaged: "beschädigt",
  noLonger: (found) => `${found}; nicht mehr da`,
};

export const merging: Messages["merging"] = {
  title: "Andere Galerien in diese zusammenführen",
  what: "Jede Datei wird neu gelesen, Vektoren desselben Encoders werden übernommen. Die anderen Galerien bleiben, wie sie sind. Labels, Kohorten, Lesungen, Entscheidungen und Befunde kommen mit; was nicht mitkommen kann, wird genannt.",
  none: "Der Dienst hat keine andere Galerie, die Sie verwalten.",
  start: "In diese Galerie zusammenführen",
  atWork: "Wird zusammengeführt …",
  came: (added, there) => `Zuletzt zusammengeführt: ${records(added)} hinzugefügt, ${there} schon da.`,
  beside: (decisions, readings, reports) =>
    `Dazu ${counted(decisions, "Entscheidung", "Entscheidungen")}, ${counted(readings, "Lesung", "Lesungen")}, ${counted(reports, "Befund", "Befunde")}.`,
  leftOut: (count, reasons) => `Ausgelassen: ${records(count)} (${reasons}).`,
  labelsDiffer: (count) => `Bei ${records(count)} weichen Labels ab: Die anderen stehen in der Runde „merge“ unter Lesen.`,
};
