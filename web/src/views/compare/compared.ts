/** The two sides of a comparison and what moves them, together while they are linked. */
import { useEffect, useRef, useState } from "preact/hooks";
import { hits, loadFacts } from "../../search";
import { gallery } from "../../state";
import type { Explanation, Match } from "../../types";
import { fileName } from "../../ui/facts";
import type { Pane, View, Window } from "../../viewer/pane";
import type { Subject } from "../../viewer/open";
import type { Thing } from "../../api";
import { askedThing, explanationOf } from "../search/Why";
import { alike, partner, WHOLE } from "./linked";

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
    if (asked && gallery.value?.encoder.patches) {
      explanationOf(id, abort.signal).then(setExplanation, () => undefined);
    }
    void openSubjects(id, asked).then(setSubjects);
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
  const [, redraw] = useState(0);
  const first = useRef<Both<Window>>({});
  const matching: Record<Name, number | null> = { query: match?.query_slice ?? null, hit: match?.slice ?? null };
  const changed = (): void => redraw((count) => count + 1);

  const opened = (name: Name, pane: Pane): void => {
    first.current[name] = pane.window();
    setPanes((old) => ({ ...old, [name]: pane }));
  };
  const toSlice = async (name: Name, slice: number): Promise<void> => {
    const [own, other] = [panes[name], panes[OTHER[name]]];
    if (!own) return;
    const moved = own.setSlice(slice);
    if (linked && other && other.slices > 1) {
      const from = { slices: own.slices, matching: matching[name] };
      const to = { slices: other.slices, matching: matching[OTHER[name]] };
      await other.setSlice(partner(own.slice(), from, to));
    }
    await moved;
    changed();
  };
  const toWindow = (name: Name, window: Window): void => {
    const [own, other] = [panes[name], panes[OTHER[name]]];
    if (!own) return;
    const before = own.window();
    if (linked && other) other.setWindow(alike(before, window, other.window()));
    own.setWindow(window);
    changed();
  };
  const toView = (next: View): void => {
    setView(next);
    for (const pane of Object.values(panes)) pane?.setView(next);
  };
  const toMatch = async (): Promise<void> => {
    if (!match) return;
    await Promise.all([panes.query?.setSlice(match.query_slice), panes.hit?.setSlice(match.slice)]);
    changed();
  };
  useEffect(() => void toMatch(), [panes.query, panes.hit, match?.query_slice, match?.slice]);

  /** Hounsfield units mean the same on both sides, linked or not. */
  const preset = (window: Window): void => {
    for (const pane of Object.values(panes)) if (pane?.hounsfield) pane.setWindow(window);
    changed();
  };
  const reset = (): void => {
    toView(WHOLE);
    for (const name of NAMES) {
      const window = first.current[name];
      if (window) panes[name]?.setWindow(window);
    }
    changed();
  };
  return { panes, linked, setLinked, view, matching, opened, toSlice, toWindow, toView, toMatch, preset, reset };
}

export type Panes = ReturnType<typeof usePanes>;
