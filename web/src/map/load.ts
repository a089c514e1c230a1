/** The map's points and the fields they may be coloured by. */
import { api, Problem } from "../api";
import type { MapPoints, Stored } from "../types";

const PAGE = 1000;

/** null until a job has made the map. */
export async function loadMap(method: string, space: string): Promise<MapPoints | null> {
  try {
    return await api.map(method, space);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** Every record by id, a page at a time; `told` hears how many are here. */
export async function loadRecords(told: (count: number) => void, abort: AbortSignal): Promise<Map<string, Stored>> {
  const found = new Map<string, Stored>();
  let cursor: string | null = null;
  do {
    const page: { items: Stored[]; next_cursor: string | null } = await api.records(null, PAGE, cursor, abort);
    for (const record of page.items) found.set(record.id, record);
    cursor = page.next_cursor;
    told(found.size);
  } while (cursor && !abort.aborted);
  return found;
}
