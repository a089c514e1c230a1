/** Read: a picture at a time, with nothing of what anybody else says of it. */
import { ArrowLeft } from "lucide-preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import type { OwnReadings, ReadingRoundInfo } from "../../types";
import { say, sayProblem } from "../../ui/notice";
import { Bar } from "../../ui/small";
import { Marked, useDepth } from "./Marked";
import { useMarks } from "./marks";
import { flipped, nextUnread } from "./read";

export function Reading({ round, onBack }: { round: ReadingRoundInfo; onBack: () => void }) {
  const words = messages.value.readings;
  const [own, setOwn] = useState<OwnReadings | null>(null);
  const busy = useRef(false);
  useEffect(() => void api.ownReadings(round.round).then(setOwn, sayProblem), [round.round]);
  const said = useMemo(() => new Map(own?.items.map(({ id, labels }) => [id, labels])), [own]);
  const asked = own?.asked ?? [];
  const { at, id, marked, mark, isHere, goTo } = useMarks(asked, (one) => said.get(one) ?? null);
  useEffect(() => {
    if (own) goTo(nextUnread(asked, new Set(said.keys()), 0)); // where one left off
  }, [own === null]);
  const depth = useDepth(id);
  const labels = useMemo(
    () => (own?.labels.length ? own.labels : [...new Set([...said.values()].flat())].sort()),
    [own, said],
  );
  if (!own || id === undefined) return <p class="muted">{own ? words.nothingToRead : words.loading}</p>;
  const take = async (): Promise<void> => {
    if (busy.current || !isHere(id)) return;
    const chosen = marked(id);
    if (!chosen) return say(words.markFirst);
    busy.current = true;
    try {
      const labels = [...chosen];
      await api.giveReadings(round.round, { ids: [id], labels });
      const items = [...own.items.filter((one) => one.id !== id), { id, labels, time: Date.now() / 1000 }];
      setOwn({ ...own, items });
      const read = new Set(items.map((one) => one.id));
      if (read.size === asked.length) say(words.allRead);
      if (isHere(id)) goTo(nextUnread(asked, read, Math.min(at + 1, asked.length - 1)));
    } catch (error) {
      sayProblem(error);
    } finally {
      busy.current = false;
    }
  };
  return (
    <section class="stack" aria-label={words.reading(round.round)} data-testid="reading" data-id={id}>
      <div class="row">
        <button data-testid="readings-back" onClick={onBack}>
          <ArrowLeft aria-hidden="true" />
          {words.back}
        </button>
        <h2>{words.reading(round.round)}</h2>
        <span class="push numbers" data-testid="reading-place" aria-live="polite">
          {words.place(at + 1, asked.length, said.has(id))}
        </span>
      </div>
      <div class="progress">
        <Bar share={said.size / asked.length} label={words.readSoFar(said.size, asked.length)} />
        <span class="note numbers" data-testid="reading-progress">
          {words.readSoFar(said.size, asked.length)}
        </span>
      </div>
      {depth !== null && (
        <Marked
          id={id}
          depth={depth}
          labels={labels}
          marked={marked(id)}
          onFlip={(label) => mark(id, (labels) => flipped(labels, label))}
          onNone={() => mark(id, () => [])}
          onTake={() => void take()}
          onMove={(by) => isHere(id) && goTo(at + by)}
          take={words.takeAndNext}
        >
          <p class="note">{words.keys}</p>
        </Marked>
      )}
    </section>
  );
}
