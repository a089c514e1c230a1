/** The failure gallery: the queries whose nearest records share no label with them, beside what was found instead. */
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { messages } from "../../messages";
import { compare, searchFor } from "../../state";
import type { Hit } from "../../types";
import { Picture } from "../../ui/Picture";

const FOUND = 5;

interface Failure {
  labels: string[];
  hits: Hit[];
  /** Why there are none. */
  told: string;
}

async function failureOf(id: string, space: string, abort: AbortSignal): Promise<Failure> {
  try {
    const { labels } = await api.record(id);
    const body = { query: { ids: [id] }, space, k: FOUND } as Parameters<typeof api.search>[0];
    const { hits } = await api.search(body, abort);
    return { labels, hits, told: "" };
  } catch (error) {
    return { labels: [], hits: [], told: (error as Error).message }; // one that was deleted since, say
  }
}

export function Worst({ ids, space }: { ids: string[]; space: string }) {
  const [failures, setFailures] = useState<Record<string, Failure>>({});
  useEffect(() => {
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      for (const id of ids) {
        const failure = await failureOf(id, space, abort.signal); // one after the other: searches of people come first
        if (abort.signal.aborted) return;
        setFailures((old) => ({ ...old, [id]: failure }));
      }
    };
    setFailures({});
    void ask();
    return () => abort.abort();
  }, [ids.join(), space]);
  return (
    <section class="stack" aria-label={messages.value.evaluate.worst} data-testid="worst">
      <h3>{messages.value.evaluate.worstTitle}</h3>
      <ul class="failures">
        {ids.map((id) => (
          <FailureRow
            key={id}
            id={id}
            labels={failures[id]?.labels ?? []}
            found={failures[id]?.hits ?? []}
            told={failures[id]?.told ?? ""}
          />
        ))}
      </ul>
      <p class="note">
        {messages.value.evaluate.worstNote}
      </p>
    </section>
  );
}

interface FailureProps {
  id: string;
  labels: readonly string[];
  /** What lay nearest, best first. */
  found: readonly Pick<Hit, "id" | "labels">[];
  /** Why nothing did. */
  told?: string;
}

/** A query beside what was found. */
export function FailureRow({ id, labels, found, told = "" }: FailureProps) {
  const says = messages.value.evaluate;
  const words = labels.join(", ");
  const query = { kind: "record", id } as const;
  return (
    <li class="failure">
      <button
        class="tile asked"
        data-testid="worst-query"
        data-id={id}
        title={says.searchWith}
        aria-label={says.searchWithQuery(words)}
        onClick={() => searchFor(query)}
      >
        <Picture path={paths.thumbnail(id)} alt="" lazy />
        <span class="under">{words}</span>
      </button>
      {found.map((hit) => {
        const shares = hit.labels.some((label) => labels.includes(label));
        const named = hit.labels.join(", ") || messages.value.common.noLabel;
        return (
          <button
            class={`tile ${shares ? "alike" : "other"}`}
            key={hit.id}
            data-testid="found-instead"
            data-shares={shares}
            title={says.compare}
            aria-label={says.foundInstead(named, shares)}
            onClick={() => (searchFor(query), compare(hit.id))}
          >
            <Picture path={paths.thumbnail(hit.id)} alt="" lazy />
            <span class="over">{shares ? "=" : "≠"}</span>
            <span class="under">{named}</span>
          </button>
        );
      })}
      {told && <span class="note">{told}</span>}
    </li>
  );
}
