/** Chosen filters -> the filter expression that the server parses: `field op value`, and / or / not, quotes. */

export type Filter =
  | { field: string; kind: "text"; values: string[] }
  | { field: string; kind: "number"; min: number | null; max: number | null };

const PLAIN = /^[A-Za-z_][\w.-]*$/;
const RESERVED = new Set(["and", "or", "not"]);

/** The grammar has no escape: a text with both kinds of quotes cannot be written. */
export const writable = (text: string): boolean => !(text.includes('"') && text.includes("'"));

export function quoted(text: string): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}

const nameOf = (field: string): string =>
  PLAIN.test(field) && !RESERVED.has(field.toLowerCase()) ? field : quoted(field);

function clause(filter: Filter): string | null {
  const field = nameOf(filter.field);
  if (filter.kind === "number") {
    const bounds = [];
    if (filter.min !== null) bounds.push(`${field}>=${filter.min}`);
    if (filter.max !== null) bounds.push(`${field}<=${filter.max}`);
    return bounds.length ? bounds.join(" and ") : null;
  }
  const values = filter.values.filter(writable).map((value) => `${field}=${quoted(value)}`);
  if (values.length === 0) return null;
  return values.length === 1 ? values[0]! : `(${values.join(" or ")})`;
}

/** All filters must hold; of one field's values any may. null where nothing is asked. */
export function whereOf(filters: readonly Filter[], own = ""): string | null {
  const clauses = filters.map(clause).filter((one): one is string => one !== null);
  if (own.trim()) clauses.push(clauses.length ? `(${own.trim()})` : own.trim());
  return clauses.length ? clauses.join(" and ") : null;
}

/** The filter of a field with one value more, or less if it was there; a field without values is dropped. */
export function toggled(filters: readonly Filter[], field: string, value: string): Filter[] {
  const old = filters.find((one) => one.field === field && one.kind === "text");
  const values = old?.kind === "text" ? old.values : [];
  const next = values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
  const others = filters.filter((one) => one.field !== field);
  return next.length ? [...others, { field, kind: "text", values: next }] : others;
}

export function bounded(
  filters: readonly Filter[],
  field: string,
  min: number | null,
  max: number | null,
): Filter[] {
  const others = filters.filter((one) => one.field !== field);
  return min === null && max === null ? others : [...others, { field, kind: "number", min, max }];
}

export function summary(filter: Filter): string {
  if (filter.kind === "text") return filter.values.join(", ");
  if (filter.min !== null && filter.max !== null) return `${filter.min}–${filter.max}`;
  return filter.min !== null ? `≥ ${filter.min}` : `≤ ${filter.max}`;
}
