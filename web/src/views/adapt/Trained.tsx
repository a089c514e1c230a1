/** What came of a training or a tuning, and where to go with it. */
import { fixed, messages } from "../../messages";
import { ask, go } from "../../state";
import type { AdaptResult, Job, TuneResult } from "../../types";
import { FromServer } from "../../ui/FromServer";
import { Figure } from "../evaluate/Interval";
import { points, pOf } from "../evaluate/partRows";
import { Curves } from "./Curves";
import { innerOf, verdictOf } from "./inner";
import { InnerFolds } from "./InnerFolds";

export const trainedBy = ({ result }: Job): AdaptResult | null =>
  result && "dim" in result && "classes" in result ? (result as AdaptResult) : null;
export const tunedBy = ({ result }: Job): TuneResult | null =>
  result && "judgement" in result ? (result as TuneResult) : null;

export function Training({ job }: { job: Job }) {
  const told = job.progress.points ?? [];
  const trained = job.state === "done" ? trainedBy(job) : null;
  const tuned = job.state === "done" ? tunedBy(job) : null;
  return (
    <>
      {trained && <Trained result={trained} />}
      {tuned && <Tuned result={tuned} />}
      <Curves points={told} />
      {trained && told.length === 0 && (
        <p class="note" data-testid="no-curve">
          {messages.value.adapt.noCurve(trained.kind)}
        </p>
      )}
    </>
  );
}

function Trained({ result }: { result: AdaptResult }) {
  const { adapt: words, common } = messages.value;
  const { space, classes, records, patients, seconds, accepted, note } = result;
  const inner = innerOf(result.training);
  return (
    <>
      <div class="row">
        <span class="note">
          {[
            words.space(space),
            common.labels(classes.length),
            common.records(records),
            patients ? common.patients(patients) : "",
            `${fixed(seconds, 1)} s`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        <button class="chip" onClick={() => (ask({ space }), go("search"))}>
          {words.searchIn}
        </button>
        <button class="chip" data-testid="to-evaluate" onClick={() => go("evaluate")}>
          {words.evaluate}
        </button>
      </div>
      {note && (
        <p class={`sentence ${accepted ? "" : "warn"}`} data-testid="inner-folds">
          {inner ? words.verdict(note, space, verdictOf(inner, accepted)) : note}
        </p>
      )}
      <InnerFolds space={space} training={result.training} />
    </>
  );
}

function Tuned({ result }: { result: TuneResult }) {
  const words = messages.value.adapt;
  const { encoder, base, accepted, judgement, records, patients, epochs, seconds, notes } = result;
  const [value, low, high] = judgement.gain["P@5"] ?? [null, null, null];
  return (
    <>
      <p class="note">
        {words.tuned(encoder, base, records, patients, epochs, seconds.toFixed(0))}
      </p>
      <p class={`sentence ${accepted ? "" : "warn"}`} data-testid="tuned">
        {accepted ? words.tunedAccepted : words.tunedRefused}
      </p>
      <div class="scrolls">
        <table>
          <caption class="note">{words.judged(judgement.queries)}</caption>
          <tbody>
            {Object.entries(judgement.figures).map(([name, figures]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="n">
                  <Figure of={measured(figures["P@5"])} />
                </td>
              </tr>
            ))}
            <tr>
              <th scope="row">{words.gainOverBase}</th>
              <td class="n">{words.gained(points(value), points(low), points(high), pOf(judgement.p))}</td>
            </tr>
          </tbody>
        </table>
      </div>
      {notes.map((note) => (
        <p class="note" key={note}>
          <FromServer said={messages.value.audits.note(note)} />
        </p>
      ))}
    </>
  );
}

type Told = readonly (number | null)[] | undefined;
const measured = (told: Told) => ({
  value: told?.[0] ?? null,
  interval: [told?.[1] ?? null, told?.[2] ?? null] as [number | null, number | null],
});
