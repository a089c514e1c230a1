/** Counts with their noun, in a language: 1 record, 1,000 records. */
export const counting =
  (locale: string) =>
  (number: number, one: string, many: string): string =>
    `${number.toLocaleString(locale)} ${number === 1 ? one : many}`;
