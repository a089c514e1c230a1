/** Which label is taken for which, open with its report; a cell shows its queries beside what lay nearest. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs, running } from "../../jobs";
import { messages, whole } from "../../messages";
import { mayChange } from "../../state";
import type { AnsweredQuery, ClassifierReport, Job, Report } from "../../types";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { classifierOf, percent } from "./figures";
import { FailureRow } from "./Worst";

const FOLDS = 5;

/** Starts what a classifier answers in a space, on folds by patient. */
export const startClassifier = (space: string, seed: number): Promise<Job> =>
  api.evaluate({ space, folds: FOLDS, seed, protocol: "classifiers", k: null });

export function Confusion({ report }: { report: Report }) {
  const words = messages.value.confusion;
  const { confusion: found, space, seed } = report;
  return (
    <section class="stack" aria-label={words.title} data-testid="confusion">
      <h3>{words.title}</h3>
      {found ? (
        <div class="card box stack" data-testid="confusion-nearest">
          <p class="note">{words.nearest}</p>
          <Matrix classes={found.classes} counts={found.counts} queries={found.queries} />
        </div>
      ) : (
        <p class="muted">{words.none}</p>
      )}
      <Classified space={space} seed={seed} />
    </section>
  );
}

const ofThis = (found: ClassifierReport | null, space: string, seed: number): boolean =>
  found !== null && (found.space ?? "base") === space && found.seed === seed;

/** The same by a classifier: the last one of this space and seed, or one that is started here where none came by itself. */
function Classified({ space, seed }: { space: string; seed: number }) {
  const words = messages.value.confusion;
  const [started, setStarted] = useState<Job | null>(null);
  const job = jobs.value.find((one) => one.id === started?.id) ?? started;
  const found = job
    ? classifierOf(job.result)
    : jobs.value.map((one) => classifierOf(one.result)).find((one) => ofThis(one, space, seed));
  const isBusy = running.value.some(({ kind }) => kind === "evaluate"); // it may be this one, which comes by itself
  const start = async (): Promise<void> => {
    try {
      const begun = await startClassifier(space, seed);
      setStarted(begun);
      setStarted(await ended(begun));
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <>
      {!job && !found && (
        <button disabled={isBusy || !mayChange.value} data-testid="confusion-start" onClick={() => void start()}>
          {words.classify}
        </button>
      )}
      {job && !found && <JobCard job={job} />}
      {found &&
        Object.entries(found.methods).map(([method, scores]) => (
          <div class="card box stack" key={method} data-testid="confusion-classifier">
            <p class="note">
              {words.classifier(method, percent(scores.accuracy), scores.accuracy_interval.map(percent), found.folds)}
            </p>
            {scores.confusion ? (
              <Matrix classes={found.classes} counts={scores.confusion} queries={scores.answered ?? []} />
            ) : (
              <p class="muted">{words.none}</p>
            )}
          </div>
        ))}
    </>
  );
}

interface MatrixProps {
  classes: string[];
  counts: number[][];
  queries: AnsweredQuery[];
}

function Matrix({ classes, counts, queries }: MatrixProps) {
  const words = messages.value.confusion;
  const [chosen, setChosen] = useState<readonly [string, string] | null>(null);
  const [label, answer] = chosen ?? ["", ""];
  const count = chosen ? (counts[classes.indexOf(label)]?.[classes.indexOf(answer)] ?? 0) : 0;
  const listed = queries.filter((one) => one.label === label && one.answer === answer);
  return (
    <>
      <div class="scrolls">
        <table class="confusion" data-testid="confusion-matrix">
          <thead>
            <tr>
              <td />
              {classes.map((name) => (
                <th key={name} scope="col" title={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name, row) => (
              <tr key={name}>
                <th scope="row" title={name}>
                  {name}
                </th>
                {classes.map((other, column) => (
                  <td key={other}>
                    <Cell
                      label={name}
                      answer={other}
                      line={counts[row] ?? []}
                      column={column}
                      on={name === label && other === answer}
                      onPress={() => setChosen(name === label && other === answer ? null : [name, other])}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {chosen && (
        <section class="stack" aria-label={words.cell(label, answer)} data-testid="confusion-cell">
          <h4 aria-live="polite">{`${words.cell(label, answer)}: ${words.listed(listed.length, count)}`}</h4>
          <ul class="failures">
            {listed.map((one) => (
              <FailureRow key={one.id} id={one.id} labels={[one.label]} found={one.neighbours} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

interface CellProps {
  label: string;
  answer: string;
  line: number[];
  column: number;
  on: boolean;
  onPress: () => void;
}

/** A count, the stronger the larger its share of the row; none is no button. */
function Cell({ label, answer, line, column, on, onPress }: CellProps) {
  const count = line[column] ?? 0;
  const total = line.reduce((sum, each) => sum + each, 0) || 1;
  const colour = label === answer ? "var(--alike)" : "var(--less)";
  const style = { background: `color-mix(in srgb, ${colour} ${Math.round((count / total) * 55)}%, transparent)` };
  if (count === 0) return <span style={style}>0</span>;
  return (
    <button
      class="plain"
      style={style}
      aria-pressed={on}
      aria-label={messages.value.confusion.press(label, answer, count)}
      data-testid="confusion-count"
      data-label={label}
      data-answer={answer}
      onClick={onPress}
    >
      {whole(count)}
    </button>
  );
}
