/** What is told of a record under its picture. Only what the gallery kept is there. */
import { messages } from "../messages";
import type { Attribute, Attributes } from "../types";

export const textOf = (value: Attribute | undefined): string => (value === undefined ? "" : String(value));

function first(attributes: Attributes, names: readonly string[]): string {
  const name = names.find((one) => textOf(attributes[one]));
  return name ? textOf(attributes[name]) : "";
}

/** DICOM PS3.5 6.2, age string: 031Y; a bare number is years. */
export function ageOf(attributes: Attributes): string {
  const age = first(attributes, ["PatientAge", "age"]);
  const dicom = /^(\d{3})([DWMY])$/.exec(age);
  if (dicom) return `${Number(dicom[1])} ${messages.value.common.age[dicom[2]!]}`;
  return age && !Number.isNaN(Number(age)) ? messages.value.common.years(Number(age)) : age;
}

/** Modality · view · sex · age */
export function factsOf(attributes: Attributes): string {
  const parts = [
    first(attributes, ["Modality", "modality"]),
    first(attributes, ["ViewPosition", "view"]),
    first(attributes, ["PatientSex", "sex"]),
    ageOf(attributes),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** Sources are files; a path would only get in the way. */
export const fileName = (source: string): string => source.split(/[\\/]/).at(-1) ?? source;
