/** How far readers agree beyond chance; a row shows where they differ, and whoever may decides there. */
import { ArrowLeft } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api, paths, Problem } from "../../api";
import { fixed, messages } from "../../messages";
import { gallery } from "../../state";
import type { LabelKappa, ReadingAgreement, ReadingRound, ReadingRoundInfo, ReadRecord } from "../../types";
import { say, sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { Adjudicate } from "./Adjudicate";
import { differing, undecided } from "./read";

const two = (value: number | null): string => (value === null ? "–" : fixed(value, 2));

interface Row {
  pair: readonly [string, string];
  label: string;
}

export function Agreement({ round, reader, onBack }: { round: ReadingRoundInfo; reader: string; onBack: () => void }) {
  const words = messages.value.readings;
  const [read, setRead] = useState<ReadingRound | null>(null);
  const [agreement, setAgreement] = useState<ReadingAgreement | null>(null);
  const [none, setNone] = useState("");
  const [row, setRow] = useState<Row | null>(null);
  const [deciding, setDeciding] = useState<string[] | null>(null);
  const load = async (): Promise<void> => {
    try {
      setRead(await api.readingRound(round.round));
      setAgreement(await api.readingAgreement(round.round));
    } catch (error) {
      if (error instanceof Problem && error.status === 400) setNone(error.message);
      else sayProblem(error);
    }
  };
  useEffect(() => void load(), [round.round]);
  const decides = gallery.value?.role === "admin" && !round.readers.some((one) => one.reader === reader);
  const open = undecided(read?.items ?? []);
  const agreed = (read?.items ?? []).filter((one) => one.agree && one.decided === null).length;
  const takeAgreed = async (): Promise<void> => {
    try {
      const { records } = await api.adjudicate(round.round, { ids: [], labels: [], agreed: true });
      say(words.decidedNow(records));
    } catch (error) {
      sayProblem(error);
    }
    await load();
  };
  if (deciding && read) {
    const ids = new Set(deciding);
    const done = (): void => (setDeciding(null), void load());
    return <Adjudicate round={round} records={read.items.filter(({ id }) => ids.has(id))} onBack={done} />;
  }
  return (
    <section class="stack" aria-label={words.agreementOf(round.round)} data-testid="agreement">
      <div class="row">
        <button data-testid="readings-back" onClick={onBack}>
          <ArrowLeft aria-hidden="true" />
          {words.back}
        </button>
        <h2>{words.agreementOf(round.round)}</h2>
      </div>
      {none && <p class="muted">{none}</p>}
      {agreement?.pairs.map((pair) => (
        <Kappas
          key={pair.readers.join()}
          title={words.pair(pair.readers[0], pair.readers[1], pair.records)}
          first={pair.readers[0]}
          second={pair.readers[1]}
          labels={pair.labels}
          chosen={row?.pair.join() === pair.readers.join() ? row.label : null}
          onChoose={(label) => setRow({ pair: pair.readers as [string, string], label })}
          differ={(label) => differing(read?.items ?? [], pair.readers as [string, string], label).length}
        />
      ))}
      {agreement && agreement.fleiss.length > 0 && (
        <Kappas title={words.allReaders(agreement.together)} labels={agreement.fleiss} />
      )}
      {agreement && <p class="note">{[words.kappa, ...agreement.notes.map((note) => messages.value.audits.note(note).text)].join(" ")}</p>}
      {row && read && <Differing row={row} records={differing(read.items, row.pair, row.label)} />}
      {decides && read && (
        <div class="row">
          <button disabled={agreed === 0} data-testid="take-agreed" onClick={() => void takeAgreed()}>
            {words.takeAgreed(agreed)}
          </button>
          <button
            class="full"
            disabled={open.length === 0}
            data-testid="adjudicate"
            onClick={() => setDeciding(open.map(({ id }) => id))}
          >
            {words.decide(open.length)}
          </button>
        </div>
      )}
    </section>
  );
}

interface KappasProps {
  title: string;
  first?: string;
  second?: string;
  labels: LabelKappa[];
  chosen?: string | null;
  onChoose?: (label: string) => void;
  differ?: (label: string) => number;
}

function Kappas({ title, first, second, labels, chosen, onChoose, differ }: KappasProps) {
  const words = messages.value.readings;
  return (
    <div class="card box stack">
      <p>{title}</p>
      <div class="scrolls" tabIndex={0}>
      <table data-testid="kappas" aria-label={title}>
        <thead>
          <tr>
            <th>{words.label}</th>
            {first && <th class="n">{first}</th>}
            {second && <th class="n">{second}</th>}
            <th class="n">{words.same}</th>
            <th class="n">κ (95 %)</th>
            {onChoose && <th class="apart">{words.differ}</th>}
          </tr>
        </thead>
        <tbody>
          {labels.map(({ label, first: one, second: other, kappa }) => (
            <tr key={label} data-testid="kappa-row" data-label={label}>
              <td>{label || words.together}</td>
              {first && <td class="n">{label ? one : ""}</td>}
              {second && <td class="n">{label ? other : ""}</td>}
              <td class="n">{`${(kappa.agreed * 100).toFixed(0)}\u00a0%`}</td>
              <td class="n">
                {two(kappa.kappa)}{" "}
                {kappa.low !== null && <span class="note kept">{`${two(kappa.low)}–${two(kappa.high)}`}</span>}
              </td>
              {onChoose && (
                <td class="apart">
                  <button
                    class="plain"
                    disabled={!differ?.(label)}
                    aria-pressed={chosen === label}
                    aria-label={words.showDiffering(label || words.together, differ?.(label) ?? 0)}
                    data-testid="differing"
                    onClick={() => onChoose(label)}
                  >
                    {differ?.(label) ?? 0}
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </div>
  );
}

function Differing({ row, records }: { row: Row; records: ReadRecord[] }) {
  const words = messages.value.readings;
  const title = words.whereDiffer(row.label || words.together, records.length);
  return (
    <section class="stack" aria-label={title} data-testid="differences">
      <h3>{title}</h3>
      <ul class="tiles large">
        {records.map(({ id, readings, decided }) => (
          <li key={id} class="stack" data-testid="difference" data-id={id}>
            <span class="tile">
              <Picture path={paths.thumbnail(id)} alt={words.picture} lazy />
            </span>
            <Said readings={readings} decided={decided} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What each reader said of a record, and what was decided. */
export function Said({ readings, decided }: Pick<ReadRecord, "readings" | "decided">) {
  const words = messages.value.readings;
  return (
    <ul class="note" data-testid="said">
      {readings.map(({ reader, labels }) => (
        <li key={reader}>
          <strong>{reader}</strong>: {labels.join(", ") || words.nothing}
        </li>
      ))}
      {decided && (
        <li>
          <strong>{words.decided}</strong>: {decided.join(", ") || words.nothing}
        </li>
      )}
    </ul>
  );
}
