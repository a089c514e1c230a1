/** Two reports side by side, or why they are not comparable. */
import { useState } from "preact/hooks";
import { messages } from "../../messages";
import type { Job, Report } from "../../types";
import { changesBetween, comparedRows, reasonsAgainst } from "./compared";
import { depths, reportOf } from "./figures";
import { Figure } from "./Interval";
import { points } from "./partRows";

interface Props {
  shown: Job;
  reports: readonly Job[];
  title: (job: Job) => string;
}

export function Runs({ shown, reports, title }: Props) {
  const [chosen, setChosen] = useState("");
  const others = reports.filter((job) => job.id !== shown.id);
  const first = reportOf(shown.result);
  const other = others.find((job) => job.id === chosen);
  const second = other ? reportOf(other.result) : null;
  if (others.length === 0 || !first) return null;
  return (
    <section class="stack" aria-label={messages.value.evaluate.runs} data-testid="runs">
      <label class="row muted">
        {messages.value.evaluate.beside}
        <select
          value={second ? chosen : ""}
          data-testid="run-choice"
          onChange={(event) => setChosen(event.currentTarget.value)}
        >
          <option value="">{messages.value.evaluate.none}</option>
          {others.map((job) => (
            <option key={job.id} value={job.id}>
              {title(job)}
            </option>
          ))}
        </select>
      </label>
      {second && <Beside first={first} second={second} />}
    </section>
  );
}

function Beside({ first, second }: { first: Report; second: Report }) {
  const words = messages.value.evaluate;
  const against = reasonsAgainst(first, second);
  const changes = changesBetween(first, second);
  const depth = depths(first).find((one) => one === "P@5") ?? depths(first)[0] ?? "";
  if (against.length > 0)
    return (
      <div class="abstains" data-testid="not-comparable">
        <strong>{words.notComparable}</strong>
        <ul>
          {against.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </div>
    );
  return (
    <div tabIndex={0} class="scrolls card box" data-testid="beside">
      <p class="note">
        {words.sameRecords(changes.join("; "))}
      </p>
      <table>
        <thead>
          <tr>
            <th>{words.classAt(depth)}</th>
            <th class="n">{first.space}</th>
            <th class="n">{second.space}</th>
            <th class="n">{words.difference}</th>
          </tr>
        </thead>
        <tbody>
          {comparedRows(first, second, depth).map(({ name, first: one, second: two, difference }) => (
            <tr key={name} data-testid="beside-row">
              <td>{name}</td>
              <td class="n">
                <Figure of={one} />
              </td>
              <td class="n">
                <Figure of={two} />
              </td>
              <td class="n">{points(difference)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
