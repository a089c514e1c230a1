/** What came of a training or a tuning, and where to go with it. */
import { ask, go } from "../../state";
import type { AdaptResult, Job, TuneResult } from "../../types";
import { counted } from "../../ui/small";
import { Figure } from "../evaluate/Interval";
import { points, pOf } from "../evaluate/partRows";
import { Curves } from "./Curves";
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
          No curve: the kind {trained.kind} is fitted at once, or an earlier version trained it.
        </p>
      )}
    </>
  );
}

function Trained({ result }: { result: AdaptResult }) {
  const { space, classes, records, patients, seconds, accepted, note } = result;
  return (
    <>
      <div class="row">
        <span class="note">
          {[
            `Space “${space}”`,
            counted(classes.length, "label"),
            counted(records, "record"),
            patients ? counted(patients, "patient") : "",
            `${seconds.toFixed(1)} s`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        <button class="chip" onClick={() => (ask({ space }), go("search"))}>
          Search in it
        </button>
        <button class="chip" data-testid="to-evaluate" onClick={() => go("evaluate")}>
          Evaluate it
        </button>
      </div>
      {note && (
        <p class={`sentence ${accepted ? "" : "warn"}`} data-testid="inner-folds">
          {note}
        </p>
      )}
      <InnerFolds space={space} training={result.training} />
    </>
  );
}

function Tuned({ result }: { result: TuneResult }) {
  const { encoder, base, accepted, judgement, records, patients, epochs, seconds, notes } = result;
  const [value, low, high] = judgement.gain["P@5"] ?? [null, null, null];
  return (
    <>
      <p class="note">
        {`Encoder “${encoder}”, tuned from ${base} · ${counted(records, "record")} · ${counted(patients, "patient")} · ` +
          `${counted(epochs, "epoch")} · ${seconds.toFixed(0)} s`}
      </p>
      <p class={`sentence ${accepted ? "" : "warn"}`} data-testid="tuned">
        {accepted
          ? "Accepted and kept: it is better than base on the untouched part. A gallery of this encoder is made with lookalike index --encoder, or gallery migrate."
          : "Not accepted, nothing was kept: the gain in P@5 on the untouched part may be chance. Base, or an adapter on it, serves as well."}
      </p>
      <div class="scrolls">
        <table>
          <caption class="note">{`On ${judgement.queries} untouched records: macro P@5, judged once, at the end`}</caption>
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
              <th scope="row">gain over base, points</th>
              <td class="n">{`${points(value)} (${points(low)} to ${points(high)}), p ${pOf(judgement.p)}`}</td>
            </tr>
          </tbody>
        </table>
      </div>
      {notes.map((note) => (
        <p class="note" key={note}>
          {note}
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
