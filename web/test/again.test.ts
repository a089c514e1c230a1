/** What is asked again when the server has no answer for now, and what is not. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "./page";

vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
const { api } = await import("../src/api");

const busy = (status: number, after?: string): Response =>
  new Response(JSON.stringify({ title: "busy" }), { status, headers: after === undefined ? {} : { "Retry-After": after } });

/** The answers that are given one after the other, the last one again and again; how often was asked. */
function answers(...given: Response[]): { times: () => number } {
  const asked = vi.fn(async () => given[Math.min(asked.mock.calls.length, given.length) - 1]!.clone());
  vi.stubGlobal("fetch", asked);
  return { times: () => asked.mock.calls.length };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a request without an answer for now", () => {
  it("is asked again when the server said, not earlier", async () => {
    const asked = answers(busy(503, "2"), busy(429, "2"), new Response("picture"));
    const found = api.blob("/records/a/thumbnail");
    await vi.advanceTimersByTimeAsync(1900);
    expect(asked.times()).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await (await found).text()).toBe("picture");
    expect(asked.times()).toBe(3);
  });

  it("that is a question is asked again, one that changes something is not", async () => {
    const asked = answers(busy(503, "1"), new Response(JSON.stringify({ hits: [] })));
    const found = api.search({} as Parameters<typeof api.search>[0]);
    await vi.advanceTimersByTimeAsync(5000);
    expect((await found).hits).toEqual([]);
    const changes = answers(busy(503, "1"));
    await expect(api.backUp()).rejects.toMatchObject({ status: 503 });
    expect([asked.times(), changes.times()]).toEqual([2, 1]);
  });

  it.each([
    [503, undefined],
    [503, "60"],
    [429, "Wed, 21 Oct 2026 07:28:00 GMT"],
    [404, "1"],
  ])("%i with Retry-After %s is told at once", async (status, after) => {
    const asked = answers(busy(status, after));
    await expect(api.gallery()).rejects.toMatchObject({ status });
    expect(asked.times()).toBe(1);
  });

  it("is told when the server has none after a while", async () => {
    const asked = answers(busy(503, "1"));
    const told = expect(api.gallery()).rejects.toMatchObject({ status: 503, after: 1 });
    await vi.advanceTimersByTimeAsync(60_000);
    await told;
    expect(asked.times()).toBe(5);
  });

  it("is not asked again once nobody waits for it", async () => {
    const asked = answers(busy(503, "1"));
    const abort = new AbortController();
    const told = expect(api.blob("/records/a/picture", abort.signal)).rejects.toMatchObject({ name: "AbortError" });
    await vi.advanceTimersByTimeAsync(100);
    abort.abort();
    await told;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.times()).toBe(1);
  });
});
