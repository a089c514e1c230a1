/** Which label is taken for which, on the same patient-disjoint folds. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { ended } from "../../jobs";
import { gallery } from "../../state";
import type { Job } from "../../types";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { classifierOf, percent } from "./figures";

const FOLDS = 5;
const VOTERS: Record<string, string> = { knn: "the neighbours' vote", adapter: "the adapter" };

export function Confusion({ space, seed }: { space: string; seed: number }) {
  const [job, setJob] = useState<Job | null>(null);
  const start = async (): Promise<void> => {
    try {
      const begun = await api.evaluate({ space, folds: FOLDS, seed, protocol: "classifiers", k: null });
      setJob(begun);
      setJob(await ended(begun));
    } catch (error) {
      sayProblem(error);
    }
  };
  const found = job?.state === "done" ? classifierOf(job.result) : null;
  return (
    <section class="stack" aria-label="Confusion" data-testid="confusion">
      <h3>Confusion</h3>
      {!job && (
        <button
          disabled={gallery.value?.role === "reader"}
          data-testid="confusion-start"
          onClick={() => void start()}
        >
          Who is taken for whom?
        </button>
      )}
      {job && !found && <JobCard job={job} />}
      {found &&
        Object.entries(found.methods).map(
          ([
            method,
            {
              accuracy,
              accuracy_interval: [low, high],
              confusion,
            },
          ]) => (
            <div class="scrolls card box" key={method}>
              <p class="note">
                Rows: what the query bears. Columns: what {VOTERS[method] ?? method} says. Accuracy{" "}
                {percent(accuracy)} ({percent(low)} to {percent(high)}), {found.folds} patient-disjoint folds.
              </p>
              {confusion ? (
                <Matrix classes={found.classes} counts={confusion} />
              ) : (
                <p class="muted">Records with several labels have no confusion matrix.</p>
              )}
            </div>
          ),
        )}
    </section>
  );
}

function Matrix({ classes, counts }: { classes: string[]; counts: number[][] }) {
  return (
    <table class="confusion" data-testid="confusion-matrix">
      <thead>
        <tr>
          <th />
          {classes.map((name) => (
            <th key={name} title={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {classes.map((name, row) => {
          const line = counts[row] ?? [];
          const total = line.reduce((sum, count) => sum + count, 0) || 1;
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              {classes.map((other, column) => {
                const strength = Math.round(((line[column] ?? 0) / total) * 70);
                const colour = row === column ? "var(--alike)" : "var(--less)";
                return (
                  <td key={other}>
                    <span style={{ background: `color-mix(in srgb, ${colour} ${strength}%, transparent)` }}>
                      {line[column] ?? 0}
                    </span>
                  </td>
                );
              })}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
