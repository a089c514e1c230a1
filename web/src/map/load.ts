/** The map's points, what they say, and single records of it, each asked for when it is looked at. */
import { signal } from "@preact/signals";
import { api, Problem } from "../api";
import type { MapGroup, Stored } from "../types";
import { column, type Column } from "./colours";
import { unpacked, type Points } from "./points";

const KEPT = 2000; // records

/** null until a job has made the map. */
export async function loadMap(method: string, space: string): Promise<Points | null> {
  try {
    return unpacked(await api.mapPoints(method, space));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

export const loadColumn = async (method: string, space: string, field: string): Promise<Column> =>
  column(await api.mapColumn(method, space, field));

export const loadErrors = async (method: string, space: string): Promise<Column> =>
  column(await api.mapErrors(method, space));

export const loadGroups = async (method: string, space: string): Promise<MapGroup[]> =>
  (await api.mapGroups(method, space)).items;

/** Records that were looked at, by id. */
export const known = signal<ReadonlyMap<string, Stored>>(new Map());
const asked = new Set<string>();

export function lookAt(id: string): void {
  if (known.value.has(id) || asked.has(id)) return;
  asked.add(id);
  api.record(id).then(
    (record) => {
      const kept = [...known.value].slice(-KEPT);
      known.value = new Map([...kept, [id, record]]);
    },
    () => undefined, // it was removed meanwhile: its picture is missing, too
  ).finally(() => asked.delete(id));
}

/** Labels change: what is known is asked for again. */
export const forgetKnown = (): void => void (known.value = new Map());
