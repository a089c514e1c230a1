/** English: what is in a gallery, what goes in and out, cohorts, and the service's own work. */
import { counting } from "../counting";

const counted = counting("en");
const records = (count: number): string => counted(count, "record", "records");
const files = (count: number): string => counted(count, "file", "files");

export const holdings = {
  about: "About this gallery",
  this: "This gallery",
  contents: (count: number, refused: number): string =>
    `${records(count)}${refused ? `, ${files(refused)} refused` : ""}`,
  encoder: (name: string, note: string): string => `Encoder ${name}: ${note}.`,
  noJob: "No job has run yet.",
  add: "Add images",
  drop: (volumes: boolean): string => `Drop DICOM, PNG, JPEG${volumes ? ", NIfTI, NRRD" : ""} files or folders here`,
  chooseFiles: "Choose files",
  chooseWholeFolder: "Choose a folder",
  subfolders: "with subfolders",
  files: "Files to add",
  toAdd: (count: number): string => `${files(count)} to add`,
  oneSeries: "These are the slices of one series",
  table: "Table of labels (CSV, optional)",
  addThem: "Add to the gallery",
  forget: "Forget them",
  sent: (count: number): string => `${count} sent`,
  importFolder: "Import folder",
  chooseFolder: "Import folder…",
  allOfFolder: (name: string): string => `all of ${name}`,
  subfolderOf: (name: string): string => `Folder in ${name}`,
  moreFolders: (count: number): string => `${counted(count, "folder", "folders")} more, not listed`,
  import: "Import",
  setApart: "Which were set apart",
  apart: (count: number, kinds: string): string => `${count.toLocaleString("en")} set apart as no images: ${kinds}`,
  met: (met: number, rows: number, labelled: number, images: number): string =>
    `${met} of ${counted(rows, "row", "rows")} of the table met ${labelled} of ${counted(images, "image", "images")}.`,
  noImageFor: (names: string): string => `No image for ${names}.`,
  noRowFor: (names: string): string => `No row for ${names}.`,
  added: (count: number): string => `${records(count)} added`,
  skipped: (count: number): string => `${files(count)} already there`,
  refused: (count: number): string => `${files(count)} refused: why stands under “refused”`,
  adding: (state: string): string => `Adding ${state}; what was read before is kept.`,
  andOthers: (name: string, count: number): string => `${name} and ${counted(count, "other", "others")}`,
  gone: { record: "The record is gone, everywhere.", patient: "The patient's records are gone, everywhere." },
  someRecords: "records",
  orMore: (count: number): string => `${count} or more records`,
  delete: "Delete from the gallery",
  whatToDelete: "What to delete",
  thisRecord: (file: string): string => `This record: ${file}`,
  allOfPatient: (count: string): string => `Everything of its patient: ${count}`,
  goes: (patient: string | null): string =>
    `What goes: ${patient === null ? "the record" : `all ${patient} of this patient`} with labels, attributes, vectors in every space, patches, thumbnails, the place in the index, maps and copies of uploads. What stays: files outside the gallery, and what adapters have learnt already; train them again to be sure. This cannot be undone.`,
  deleteIt: { record: "Delete the record", patient: "Delete the patient" },
};

export const cohorts = {
  title: "Cohorts",
  filtered: (where: string): string => `The records for which this holds: ${where}`,
  every: "Every record of the gallery.",
  filteredNote: "what the search’s filters leave",
  everyNote: "every record; filters of the search narrow it",
  none: "No cohort is saved yet.",
  version: (version: number, when: string): string => `version ${version}, ${when}`,
  whatChanged: "What has changed?",
  again: "Evaluate again",
  split: "Split 70 / 15 / 15",
  formatOf: (name: string): string => `Format of ${name}`,
  export: "Export",
  remove: "Remove…",
  removeTitle: "Remove the cohort",
  goes: (name: string, members: number): string =>
    `“${name}” goes, with its definition and its split. Its ${records(members)} stay in the gallery.`,
  removeIt: "Remove",
  added: (count: number): string => `${count} added`,
  removed: (count: number): string => `${count} removed`,
  relabelled: (count: number): string => `${count} with other labels`,
  erased: (count: number): string => `${count} erased`,
  since: (changes: string): string => `Since it was saved: ${changes}.`,
  same: "The same members with the same labels as were saved.",
  save: "Save as a cohort",
  saved: (members: number, name: string): string => `${records(members)} saved as “${name}”: gallery, cohorts.`,
  name: "Name",
  saveIt: "Save",
};

export const operation = {
  schedules: "Schedules",
  noSchedule: "Nothing is planned. Schedules stand in lookalike.toml, under [schedules].",
  what: "What",
  when: "When",
  next: "Next",
  last: "Last",
  backups: "Backups",
  backUp: "Back up now",
  noBackup: "No backup has been made from here.",
  made: "Made",
  name: "Name",
  verified: "Verified",
  verify: "Verify",
  verifyOf: (name: string): string => `Verify ${name}`,
  notYet: "not yet",
  notComplete: "not complete",
  notVerified: "not verified yet",
  sound: "sound",
  damaged: "damaged",
  noLonger: (found: string): string => `${found}; no longer there`,
};

export const merging = {
  title: "Merge other galleries into this one",
  what: "Every file is read again and vectors of the same encoder are taken over. The other galleries stay as they are. Labels, cohorts, readings, decisions and reports come along; what cannot come is listed.",
  none: "The service serves no other gallery that you administer.",
  start: "Merge into this gallery",
  atWork: "Merging…",
  came: (added: number, there: number): string => `Last merge: ${records(added)} added, ${there} there already.`,
  beside: (decisions: number, readings: number, reports: number): string =>
    `Beside them ${counted(decisions, "decision", "decisions")}, ${counted(readings, "reading", "readings")}, ${counted(reports, "report", "reports")}.`,
  leftOut: (count: number, reasons: string): string => `Left out: ${records(count)} (${reasons}).`,
  labelsDiffer: (count: number): string =>
    `Labels differ of ${records(count)}: the others stand in the round “merge” under Read.`,
};
