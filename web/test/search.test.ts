import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Query, SearchBody, SearchResult } from "../src/types";

/** What `fetch` does: it answers when it is told to, and fails at once when it is aborted. */
class Asked<T> {
  answer!: (value: T) => void;
  fail!: (error: Error) => void;
  readonly promise: Promise<T>;
  constructor(
    readonly query: Query | undefined,
    signal?: AbortSignal,
  ) {
    this.promise = new Promise((resolve, reject) => {
      [this.answer, this.fail] = [resolve, reject];
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
  }
}

const server = vi.hoisted(() => {
  const sessionStorage = { getItem: () => null, setItem: () => {}, removeItem: () => {} };
  const page = { sessionStorage, location: { hash: "" }, history: { pushState: () => {}, replaceState: () => {} } };
  Object.assign(globalThis, page, { addEventListener: () => {} });
  return { searches: [] as Asked<SearchResult>[], votes: [] as Asked<unknown>[] };
});

vi.mock("../src/api", async (original) => ({
  ...(await original<typeof import("../src/api")>()),
  api: {
    search: (body: SearchBody, signal?: AbortSignal) => {
      server.searches.push(new Asked<SearchResult>(body.query, signal));
      return server.searches.at(-1)!.promise;
    },
    classify: (body: { query: Query }, signal?: AbortSignal) => {
      server.votes.push(new Asked(body.query, signal));
      return server.votes.at(-1)!.promise;
    },
  },
}));

const { Problem } = await import("../src/api");
const { busy, problem, result, search, selectedId, vote, voting } = await import("../src/search");
const { ask, gallery } = await import("../src/state");

const found = (...ids: string[]): SearchResult => ({ hits: ids.map((id) => ({ id })) }) as unknown as SearchResult;

/** Asks with a record, as the page does; gives what the server was asked. */
function askWith(id: string): [Asked<SearchResult>, Promise<void>] {
  ask({ asked: { kind: "record", id } });
  const done = search();
  return [server.searches.at(-1)!, done];
}

beforeEach(async () => {
  ask({ asked: null, positive: [], negative: [] });
  await search();
  gallery.value = null;
  [server.searches.length, server.votes.length] = [0, 0];
});

describe("a search", () => {
  it("shows what was found, and chooses the first hit", async () => {
    const [asked, done] = askWith("a");
    expect([busy.value, asked.query]).toEqual([true, { ids: ["a"] }]);
    asked.answer(found("x", "y"));
    await done;
    expect([busy.value, selectedId.value, result.value?.hits.length]).toEqual([false, "x", 2]);
  });

  it("that is overtaken changes nothing, and is no longer waited for", async () => {
    const [, first] = askWith("a");
    const [newer, second] = askWith("b");
    await first;
    expect([busy.value, problem.value, result.value]).toEqual([true, null, null]);
    newer.answer(found("of b"));
    await second;
    expect([busy.value, problem.value, selectedId.value]).toEqual([false, null, "of b"]);
  });

  it("whose answer comes late does not overwrite a newer one", async () => {
    const [older, first] = askWith("a");
    const [newer, second] = askWith("b");
    newer.answer(found("of b"));
    await second;
    older.answer(found("of a"));
    await first;
    expect(result.value?.hits.map((hit) => hit.id)).toEqual(["of b"]);
  });

  it("that is given up leaves nothing behind", async () => {
    const [, done] = askWith("a");
    ask({ asked: null });
    await search();
    await done;
    expect([busy.value, problem.value, result.value, server.searches.length]).toEqual([false, null, null, 1]);
  });

  it("that is refused has no answer, and one without a server keeps the last", async () => {
    const [first, done] = askWith("a");
    first.answer(found("x"));
    await done;
    const [gone, later] = askWith("b");
    gone.fail(new Problem(0, "The server does not answer", ""));
    await later;
    expect([busy.value, problem.value?.status, selectedId.value, result.value?.hits.length]).toEqual([false, 0, "x", 1]);
    const [refused, last] = askWith("c");
    refused.fail(new Problem(400, "Bad Request", "the filter cannot be read"));
    await last;
    expect([problem.value?.status, result.value]).toEqual([400, null]);
  });

  it("lets the neighbours of the newer question vote, not those of the older", async () => {
    gallery.value = { labels: ["x"], records: 9 } as unknown as typeof gallery.value;
    const [older, first] = askWith("a");
    older.answer(found("of a"));
    await vi.waitFor(() => expect(server.votes.length).toBe(1));
    const [newer, second] = askWith("b");
    await first;
    newer.answer(found("of b"));
    await vi.waitFor(() => expect(server.votes.length).toBe(2));
    server.votes[1]!.answer("b's");
    server.votes[0]!.answer("a's");
    await second;
    expect([vote.value, voting.value, server.votes[1]!.query]).toEqual(["b's", false, { ids: ["b"] }]);
  });
});
