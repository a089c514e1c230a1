/** The two sides of a comparison and what moves them, together while they are linked. */
import { useEffect, useRef, useState } from "preact/hooks";
import { hits, loadFacts } from "../../search";
import { gallery } from "../../state";
import type { Explanation, Match } from "../../types";
import { fileName } from "../../ui/facts";
import { mirrored, turnedRight, UPRIGHT, type Turn } from "../../viewer/orientation";
import type { Pane, View, Window } from "../../viewer/pane";
import type { Subject } from "../../viewer/open";
import type { Thing } from "../../api";
import { askedThing, explanationOf } from "../search/Why";
import { followed, partner, WHOLE } from "./linked";

export type Name = "query" | "hit";
export const NAMES = ["query", "hit"] as const;
type Both<T> = Partial<Record<Name, T>>;
const OTHER: Record<Name, Name> = { query: "hit", hit: "query" };

/** What stands on either side, and why they match. */
export function useSubjects(id: string) {
  const [subjects, setSubjects] = useState<Both<Subject>>({});
  const [explanation, setExplanation] = useState<Explanation | null>(null);
  const asked = useRef(askedThing()).current;
  useEffect(() => {
    const abort = new AbortController();
    setExplanation(null);
    if (asked && gallery.value?.encoder.patches) {
      explanationOf(id, abort.signal).then(setExplanation, () => undefined);
    }
    // The query stays open while one goes from hit to hit.
    void openSubjects(id, asked).then(
      (next) => abort.signal.aborted || setSubjects((old) => ({ ...next, ...(old.query && { query: old.query }) })),
    );
    return () => abort.abort();
  }, [id]);
  const hit = hits.value.find((one) => one.id === id) ?? null;
  return { subjects, explanation, asked, hit, match: explanation?.match ?? hit?.match ?? null };
}

async function openSubjects(id: string, asked: Thing | null): Promise<Both<Subject>> {
  const subjectOf = async (thing: Thing): Promise<Subject> => {
    const known = await loadFacts(thing);
    const { name = "", depth = 1, modality = null, frame = 0, plane = "" } = known ?? {};
    return { thing, name: fileName(name), depth, modality, frame, plane };
  };
  const [query, hit] = await Promise.all([asked ? subjectOf(asked) : undefined, subjectOf({ record: id })]);
  return { ...(query && { query }), hit };
}

export function usePanes(match: Match | null) {
  const [panes, setPanes] = useState<Both<Pane>>({});
  const [linked, setLinked] = useState(true);
  const [view, setView] = useState<View>(WHOLE);
  const [active, setActive] = useState<Name>("query");
  const [turns, setTurns] = useState<Record<Name, Turn>>({ query: UPRIGHT, hit: UPRIGHT });
  const [inverted, setInverted] = useState<Record<Name, boolean>>({ query: false, hit: false });
  const [, redraw] = useState(0);
  const first = useRef<Both<Window>>({});
  /** Somebody chose a slice: an explanation that comes late leaves it. */
  const chosen = useRef(false);
  const matching: Record<Name, number | null> = { query: match?.query_slice ?? null, hit: match?.slice ?? null };
  const changed = (): void => redraw((count) => count + 1);

  const opened = (name: Name, pane: Pane): void => {
    chosen.current = false;
    first.current[name] = pane.window();
    pane.setInverted(inverted[name]);
    pane.setView(view);
    setPanes((old) => {
      const next = { ...old, [name]: pane };
      if (linked) equal(next);
      return next;
    });
  };
  const closed = (name: Name): void => setPanes(({ [name]: _gone, ...others }) => others);
  const toSlice = async (name: Name, slice: number): Promise<void> => {
    const [own, other] = [panes[name], panes[OTHER[name]]];
    if (!own) return;
    chosen.current = true;
    const moved = own.setSlice(slice);
    if (linked && other && other.slices > 1) {
      const from = { slices: own.slices, matching: matching[name], between: own.grid().between };
      const to = { slices: other.slices, matching: matching[OTHER[name]], between: other.grid().between };
      await other.setSlice(partner(own.slice(), from, to));
    }
    await moved;
    changed();
  };
  const toWindow = (name: Name, window: Window): void => {
    const [own, other] = [panes[name], panes[OTHER[name]]];
    if (!own) return;
    if (linked && other) other.setWindow(followed(windowed(own), window, windowed(other)));
    own.setWindow(window);
    changed();
  };
  const toView = (next: View): void => {
    setView(next);
    for (const pane of Object.values(panes)) pane?.setView(next);
  };
  const toPair = async ({ query_slice, slice }: Pair): Promise<void> => {
    await Promise.all([panes.query?.setSlice(query_slice), panes.hit?.setSlice(slice)]);
    changed();
  };
  useEffect(() => {
    if (match && !chosen.current) void toPair(match);
  }, [panes.query, panes.hit, match?.query_slice, match?.slice]);

  /** Hounsfield units mean the same on both sides, linked or not. */
  const preset = (window: Window): void => {
    for (const pane of Object.values(panes)) if (pane?.hounsfield) pane.setWindow(window);
    changed();
  };
  /** What is turned, mirrored and inverted: both while they are linked, else the pane that was used last. */
  const meant = (): readonly Name[] => (linked ? NAMES : [active]);
  const turn = (change: (turn: Turn) => Turn): void =>
    setTurns((old) => ({ ...old, ...Object.fromEntries(meant().map((name) => [name, change(old[name])])) }));
  const invert = (): void => {
    const next = { ...inverted, ...Object.fromEntries(meant().map((name) => [name, !inverted[name]])) };
    for (const name of NAMES) panes[name]?.setInverted(next[name]);
    setInverted(next);
  };
  const link = (on: boolean): void => {
    setLinked(on);
    if (on) equal(panes);
  };
  const reset = (): void => {
    toView(WHOLE);
    setTurns({ query: UPRIGHT, hit: UPRIGHT });
    setInverted({ query: false, hit: false });
    for (const name of NAMES) {
      const window = first.current[name];
      panes[name]?.setInverted(false);
      if (window) panes[name]?.setWindow(window);
    }
    if (linked) equal(panes);
    changed();
  };
  return {
    panes,
    linked,
    link,
    view,
    active,
    setActive,
    turns,
    inverted,
    first: (name: Name): Window => first.current[name] ?? [127.5, 255],
    matching,
    opened,
    closed,
    toSlice,
    toWindow,
    toView,
    toPair,
    preset,
    turnRight: () => turn(turnedRight),
    mirror: () => turn(mirrored),
    invert,
    reset,
  };
}

type Pair = Pick<Match, "query_slice" | "slice">;
const windowed = (pane: Pane) => ({ window: pane.window(), hounsfield: pane.hounsfield });

/** Linked windows are equal in Hounsfield units: the query's, which the hit is compared with. */
function equal({ query, hit }: Both<Pane>): void {
  if (query?.hounsfield && hit?.hounsfield) hit.setWindow(query.window());
}

export type Panes = ReturnType<typeof usePanes>;
