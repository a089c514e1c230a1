/** Decide what records show of which readers differ; the labels that are decided count from then on. */
import { ArrowLeft } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import type { ReadingRoundInfo, ReadRecord } from "../../types";
import { say, sayProblem } from "../../ui/notice";
import { Bar } from "../../ui/small";
import { Said } from "./Agreement";
import { Marked, useDepth } from "./Marked";
import { useMarks } from "./marks";
import { flipped, majority, nextUnread } from "./read";

interface Props {
  round: ReadingRoundInfo;
  records: readonly ReadRecord[];
  onBack: () => void;
}

export function Adjudicate({ round, records, onBack }: Props) {
  const words = messages.value.readings;
  const [decided, setDecided] = useState<Record<string, string[]>>({});
  const ids = records.map((one) => one.id);
  const begin = (one: string): string[] | null => {
    const most = records.filter(({ id }) => id === one).flatMap(majority);
    return decided[one] ?? (most.length ? most : null);
  };
  const { at, id, marked, mark, isHere, goTo } = useMarks(ids, begin);
  const busy = useRef(false);
  const depth = useDepth(id);
  const record = records[at];
  if (!record || id === undefined) return null;
  const { readings } = record;
  const labels = [...new Set([...round.labels, ...readings.flatMap((one) => one.labels)])];
  const take = async (): Promise<void> => {
    if (busy.current || !isHere(id)) return;
    const chosen = marked(id);
    if (!chosen) return say(words.markFirst);
    busy.current = true;
    try {
      const shows = [...chosen];
      await api.adjudicate(round.round, { ids: [id], labels: shows, agreed: false });
      const now = { ...decided, [id]: shows };
      setDecided(now);
      const done = new Set(Object.keys(now));
      if (done.size === records.length) {
        say(words.allDecided);
        return onBack();
      }
      if (isHere(id)) goTo(nextUnread(ids, done, Math.min(at + 1, ids.length - 1)));
    } catch (error) {
      sayProblem(error);
    } finally {
      busy.current = false;
    }
  };
  const count = Object.keys(decided).length;
  return (
    <section class="stack" aria-label={words.deciding(round.round)} data-testid="adjudication" data-id={id}>
      <div class="row">
        <button data-testid="readings-back" onClick={onBack}>
          <ArrowLeft aria-hidden="true" />
          {words.back}
        </button>
        <h2>{words.deciding(round.round)}</h2>
        <span class="push numbers" aria-live="polite">
          {words.place(at + 1, records.length, id in decided)}
        </span>
      </div>
      <Bar share={count / records.length} label={words.decidedOf(count)} />
      {depth !== null && (
        <Marked
          id={id}
          depth={depth}
          labels={labels}
          marked={marked(id)}
          onFlip={(label) => mark(id, (given) => flipped(given, label))}
          onNone={() => mark(id, () => [])}
          onTake={() => void take()}
          onMove={(by) => isHere(id) && goTo(at + by)}
          take={words.decideAndNext}
        >
          <Said readings={readings} decided={decided[id] ?? null} />
          <p class="note">{words.counts}</p>
        </Marked>
      )}
    </section>
  );
}
