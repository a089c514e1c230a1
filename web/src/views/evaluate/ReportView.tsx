/** A report: per class with intervals, worst queries, confusion, leakage in plain sentences, and its export. */
import { Download } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Report } from "../../types";
import { save } from "../../ui/files";
import { sayProblem } from "../../ui/notice";
import { counted, Segments } from "../../ui/small";
import { Confusion } from "./Confusion";
import { Figure, Intervals } from "./Interval";
import { Parts } from "./Parts";
import { Worst } from "./Worst";
import { depths, gainSentence, rowsOf } from "./figures";

const FORMATS = ["html", "md", "csv", "tex", "json"];

export function ReportView({ report, job }: { report: Report; job: string }) {
  const all = depths(report);
  const [depth, setDepth] = useState(all.find((one) => one === "P@5") ?? all[0] ?? "");
  const gain = gainSentence(report, depth);
  const chance = report.chance["macro"] ?? null;
  return (
    <section class="stack" aria-label="Report" data-testid="report">
      <div class="row">
        <h2>{report.space}: precision by class</h2>
        <Segments label="Depth" options={all} chosen={depth} onChoose={setDepth} testid="depth" />
        <span class="row push" aria-label="Export the report">
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
        {counted(report.queries, "query", "queries")} of {counted(report.patients, "patient")}, {report.split};{" "}
        {report.unscored ? `${report.unscored} could not be scored; ` : ""}95 % intervals by patient.
      </p>
      {report.shift?.shifted && (
        <p class="abstains" data-testid="shift">
          <strong>Queries unlike the gallery.</strong>
          {`Effect ${report.shift.effect.toFixed(2)} (.5: none), p ${report.shift.p.toFixed(3)}: read every figure with that.`}
        </p>
      )}
      {gain && (
        <p class="sentence" data-testid="gain">
          {gain}
        </p>
      )}
      <div class="scrolls card box">
        <table data-testid="per-class">
          <thead>
            <tr>
              <th>Class</th>
              <th class="n">Queries</th>
              {report.baseline && <th class="n">Base</th>}
              <th class="n">{report.space}</th>
              <th>0 % to 100 %, {report.baseline ? "base grey, adapter coloured" : "with interval"}</th>
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
      <section class="stack" aria-label="Leakage audit" data-testid="leakage">
        <h3>Leakage audit</h3>
        {[...new Set([report.audit.sentence, ...report.notes])].map((note) => (
          <p class="sentence" key={note}>
            {note}
          </p>
        ))}
      </section>
      <Confusion key={job} report={report} />
      <Worst ids={report.worst} space={report.space} />
    </section>
  );
}
