/** Counts of the filters wait for hits, and for whoever goes on at once. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import "./page";
import type { Gallery } from "../src/types";

const server = vi.hoisted(() => {
  const sessionStorage = { getItem: () => null, setItem: () => {}, removeItem: () => {} };
  const page = { sessionStorage, location: { hash: "#/search" }, history: { pushState: () => {}, replaceState: () => {} } };
  Object.assign(globalThis, page, { addEventListener: () => {} });
  return { counted: [] as (string | null)[], answers: [] as (() => void)[] };
});

vi.mock("../src/api", async (original) => ({
  ...(await original<typeof import("../src/api")>()),
  api: {
    search: () => new Promise((resolve) => server.answers.push(() => resolve({ hits: [] }))),
    facets: async (where: string | null) => (server.counted.push(where), { items: [{ field: "label", values: [] }] }),
  },
}));

const { facets, searchOnChange } = await import("../src/search");
const { ask, gallery } = await import("../src/state");

const of = (value: string) => ({ filters: [{ kind: "text" as const, field: "label", values: [value] }] });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("asks for counts of what stands, after its hits, and of no filter that somebody was through with", async () => {
  ask({ asked: { kind: "record", id: "a" } });
  gallery.value = { records: 9, labels: [] } as unknown as Gallery;
  searchOnChange();
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.counted).toEqual([]); // its hits have not come
  server.answers.at(-1)!();
  await vi.advanceTimersByTimeAsync(0);
  expect([server.counted, facets.value.length]).toEqual([[null], 1]); // the first ones at once
  server.counted.length = 0;
  for (const one of [of("edema"), of("covid"), { filters: [] }]) {
    ask(one);
    server.answers.at(-1)!();
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.counted).toEqual([null]);
  ask(of("edema"));
  server.answers.at(-1)!();
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.counted.slice(1)).toEqual(['label="edema"', null]); // the second as without this filter
});
