import { describe, expect, it } from "vitest";
import type { Backup, Schedule } from "../src/types";
import { knownOf, lastOf, moment } from "../src/views/gallery/told";

const at = Date.UTC(2027, 0, 31, 12) / 1000;
const backup: Backup = {
  id: "ab",
  name: "chest-20270131T120000Z",
  folder: "",
  created: at,
  there: true,
  verified: null,
  sound: null,
};
const schedule: Schedule = { kind: "backup", when: "every 6 hours", next: at, last: null, job: null, state: null };

describe("what is told of schedules and backups", () => {
  it("names the moment, and what came of the last run", () => {
    expect(moment(at)).toContain("31 Jan 2027");
    expect(lastOf(schedule)).toBe("not yet");
    expect(lastOf({ ...schedule, last: at, state: "failed" })).toBe(`${moment(at)}: failed`);
    expect(lastOf({ ...schedule, last: at })).toBe(moment(at));
  });

  it("calls no backup sound that nobody has verified", () => {
    expect(knownOf(backup)).toBe("not verified yet");
    expect(knownOf({ ...backup, verified: at, sound: true })).toBe(`sound, ${moment(at)}`);
    expect(knownOf({ ...backup, verified: at, sound: false })).toBe(`damaged, ${moment(at)}`);
    expect(knownOf({ ...backup, there: false })).toBe("not verified yet; no longer there");
    expect(knownOf({ ...backup, id: "" })).toBe("not complete");
  });
});
