/** Start a round: which records, which labels there are to choose from, and who reads. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { hits } from "../../search";
import { asking, gallery } from "../../state";
import { say, sayProblem } from "../../ui/notice";
import { whereOf } from "../../where";
import { selection } from "../labels/selection";
import { namesIn } from "./read";

type From = "all" | "filter" | "selection" | "hits";

export function StartRound({ you, onStarted }: { you: string; onStarted: () => void }) {
  const words = messages.value.readings;
  const where = whereOf(asking.value.filters, asking.value.own);
  const offered: [From, string][] = [["all", words.all(gallery.value?.records ?? 0)]];
  if (where) offered.push(["filter", words.filtered(where)]);
  if (selection.value.size) offered.push(["selection", words.selected(selection.value.size)]);
  if (hits.value.length) offered.push(["hits", words.lastHits(hits.value.length)]);
  const [name, setName] = useState("");
  const [from, setFrom] = useState<From>(selection.peek().size ? "selection" : where ? "filter" : "all");
  const [labels, setLabels] = useState((gallery.value?.labels ?? []).slice(0, 9).join(", "));
  const [readers, setReaders] = useState("");
  const [offeredReaders, setOfferedReaders] = useState<readonly string[]>([]);
  // An offer only: whoever sees a part of the gallery is not told, and the round is refused with its reason.
  useEffect(() => void api.readers().then(setOfferedReaders, () => setOfferedReaders([])), []);
  const chosen = namesIn(readers);
  const can = name.trim() !== "" && namesIn(labels).length > 0 && chosen.length > 1;
  const start = async (event: Event): Promise<void> => {
    event.preventDefault();
    const ids = from === "selection" ? [...selection.peek()] : from === "hits" ? hits.peek().map(({ id }) => id) : [];
    try {
      const round = await api.startRound({
        round: name.trim(),
        ids,
        where: from === "filter" ? where : null,
        labels: namesIn(labels),
        readers: chosen,
      });
      say(words.started(round.round, round.records));
      setName("");
      onStarted();
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <details class="card box" data-testid="start-round">
      <summary>{words.start}</summary>
      <form class="stack" onSubmit={(event) => void start(event)}>
        <label class="field">
          {words.name}
          <input value={name} maxLength={64} data-testid="round-name" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <label class="field">
          {words.which}
          <select
            value={from}
            data-testid="round-from"
            onChange={(event) => setFrom(event.currentTarget.value as From)}
          >
            {offered.map(([value, told]) => (
              <option key={value} value={value}>
                {told}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          {words.labels}
          <input value={labels} data-testid="round-labels" onInput={(e) => setLabels(e.currentTarget.value)} />
        </label>
        <label class="field">
          {words.readers}
          <input value={readers} data-testid="round-readers" onInput={(e) => setReaders(e.currentTarget.value)} />
        </label>
        {offeredReaders.length > 0 && (
          <div class="chips" role="group" aria-label={words.offered}>
            {offeredReaders.map((one) => (
              <button
                key={one}
                type="button"
                class="chip"
                aria-pressed={chosen.includes(one)}
                data-testid="offer-reader"
                onClick={() =>
                  setReaders((chosen.includes(one) ? chosen.filter((each) => each !== one) : [...chosen, one]).join(", "))
                }
              >
                {one}
              </button>
            ))}
          </div>
        )}
        <p class="note">
          {words.whoReads} {you && words.youAre(you)}
        </p>
        <button class="full" type="submit" disabled={!can} data-testid="round-start">
          {words.startIt}
        </button>
      </form>
    </details>
  );
}
