/** A report: per class with intervals, worst queries, confusion, leakage in plain sentences, and its export. */
import { Download } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../../api";
import { fixed, messages } from "../../messages";
import type { Report } from "../../types";
import { FromServer } from "../../ui/FromServer";
import { save } from "../../ui/files";
import { sayProblem } from "../../ui/notice";
import { Segments } from "../../ui/small";
import { Confusion } from "./Confusion";
import { Figure, Intervals } from "./Interval";
import { Parts } from "./Parts";
import { Worst } from "./Worst";
import { depths, gainSentence, rowsOf } from "./figures";

const FORMATS = ["html", "md", "csv", "tex", "json"];

export function ReportView({ report, job }: { report: Report; job: string }) {
  const words = messages.value.evaluate;
  const all = depths(report);
  const [depth, setDepth] = useState(all.find((one) => one === "P@5") ?? all[0] ?? "");
  const gain = gainSentence(report, depth);
  const chance = report.chance["macro"] ?? null;
  return (
    <section class="stack" aria-label={words.report} data-testid="report">
      <div class="row">
        <h2>{words.precision(report.space)}</h2>
        <Segments label={words.depth} options={all} chosen={depth} onChoose={setDepth} testid="depth" />
        <span class="row push" aria-label={words.export}>
          {FORMATS.map((format) => (
            <button
              key={format}
              data-testid={`report-${format}`}
              onClick={() =>
                api.report(job, format).then((blob) => save(blob, `lookalike-report.${format}`), sayProblem)
              }
            >
              <Download aria-hidden="true" />
              {format}
            </button>
          ))}
        </span>
      </div>
      <p class="note">
        {words.about(report.queries, report.patients, messages.value.audits.note(report.split).text, report.unscored)}
      </p>
      {report.shift?.shifted && (
        <p class="abstains" data-testid="shift">
          <strong>{words.shifted}</strong>
          {words.shift(fixed(report.shift.effect, 2), fixed(report.shift.p, 3))}
        </p>
      )}
      {gain && (
        <p class="sentence" data-testid="gain">
          {gain}
        </p>
      )}
      <div tabIndex={0} class="scrolls card box">
        <table data-testid="per-class">
          <thead>
            <tr>
              <th>{words.class}</th>
              <th class="n">{words.queries}</th>
              {report.baseline && <th class="n">{words.base}</th>}
              <th class="n">{report.space}</th>
              <th>{words.scale(Boolean(report.baseline))}</th>
            </tr>
          </thead>
          <tbody>
            {rowsOf(report, depth).map(({ name, size, base, adapted }) => (
              <tr key={name} data-testid="class-row" data-class={name}>
                <td>{name}</td>
                <td class="n">{size ?? ""}</td>
                {report.baseline && (
                  <td class="n">
                    <Figure of={base} />
                  </td>
                )}
                <td class="n">
                  <Figure of={adapted} />
                </td>
                <td>
                  <Intervals base={base} adapted={adapted} chance={chance} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Parts report={report} depth={depth} />
      <section class="stack" aria-label={words.leakage} data-testid="leakage">
        <h3>{words.leakage}</h3>
        {[...new Set([report.audit.sentence, ...report.notes])].map((note) => (
          <p class="sentence" key={note}>
            <FromServer said={messages.value.audits.note(note)} />
          </p>
        ))}
      </section>
      <Confusion key={job} report={report} />
      <Worst ids={report.worst} space={report.space} />
    </section>
  );
}
