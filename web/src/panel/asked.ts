/** Which study, series and image the address names: the names that OHIF's own addresses have, and DICOM's. */

/** UIDs that a question may be asked with, the narrowest first. */
export function askedIn(search: string): string[] {
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const uid = value.split(",")[0]!.trim(); // the first of several studies is the one that is looked at
    if (!given.has(name.toLowerCase())) given.set(name.toLowerCase(), uid);
  }
  const uids = ["sopinstanceuid", "seriesinstanceuid", "studyinstanceuid"].flatMap((name) => [
    given.get(name) ?? given.get(`initial${name}`) ?? given.get(`${name}s`) ?? "",
  ]);
  return uids.filter((uid) => /^[0-9.]{1,64}$/.test(uid));
}
