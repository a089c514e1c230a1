/** Sends files, a few at once. A refused file stops nothing: it is told with its reason. */
import { signal } from "@preact/signals";
import { api, Problem } from "../../api";
import { messages } from "../../messages";
import { isRefusal, todoOf, whatOf } from "../../ui/reasons";

const AT_ONCE = 3;

/** Files that the server refused when they were sent, since this page was opened: its list knows only what it indexed. */
export const refusedHere = signal<RefusedHere[]>([]);

export interface RefusedHere {
  name: string;
  files: number;
  reason: string;
  what: string;
  todo: string;
}

/** groups: files that belong together (a series), or single ones. Gives the ids of what was taken. */
export async function sendAll(
  groups: readonly (readonly File[])[],
  told: (sent: number) => void,
): Promise<string[]> {
  const taken: (string | undefined)[] = [];
  let [next, sent] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < groups.length) {
      const at = next++;
      const files = groups[at]!;
      try {
        taken[at] = (await api.upload(files)).id;
      } catch (error) {
        if (!(error instanceof Problem) || error.status === 0 || error.status === 401) throw error;
        refusedHere.value = [...refusedHere.value, refusalOf(files, error)];
      }
      told((sent += 1));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, groups.length) }, work));
  return taken.filter((id): id is string => id !== undefined);
}

function refusalOf(files: readonly File[], { reason, message }: Problem): RefusedHere {
  const first = files[0]?.name ?? "";
  return {
    name: files.length > 1 ? messages.peek().holdings.andOthers(first, files.length - 1) : first,
    files: files.length,
    reason,
    what: isRefusal(reason) ? whatOf(reason) : message,
    todo: todoOf(reason),
  };
}
