/** The parts of a report that were asked for: another space on the same queries, levels, subgroups, gallery sizes. */
import type { Report } from "../../types";
import { Figure, Intervals } from "./Interval";
import { differencesOf, levelRows, pOf, points, sizeRows, subgroupRows, type PartRow } from "./partRows";

export function Parts({ report, depth }: { report: Report; depth: string }) {
  const { comparison, levels = [], subgroups = [], sizes = [] } = report;
  return (
    <>
      {comparison && <Comparison report={report} depth={depth} />}
      {levels.length > 0 && <Rows title="By level of relevance" of="Level" rows={levelRows(report, depth)} />}
      {subgroups.map((field) => (
        <Rows
          key={field.field}
          title={`By ${field.field}`}
          of={field.field}
          rows={subgroupRows(field, depth)}
          note={toldOf(field)}
        />
      ))}
      {sizes.length > 0 && <Rows title="Over the size of the gallery" of="Records" rows={sizeRows(report, depth)} />}
    </>
  );
}

function toldOf({ test, untested, too_small: small, not_recorded: missing }: Report["subgroups"][number]): string {
  const few = Object.entries(small).map(([value, patients]) => `${value} (${patients})`);
  return [
    test ? `Spread of micro ${test.figure}: ${points(test.spread)} points, by chance ${points(test.low)} to ` +
      `${points(test.high)}; p ${pOf(test.p)}, corrected for the number of fields ${pOf(test.p_adjusted)}.`
      : `No test: ${untested}.`,
    few.length ? `Too few patients to be scored: ${few.join(", ")}.` : "",
    missing ? `${missing} queries without a value.` : "",
  ].join(" ");
}

function Comparison({ report, depth }: { report: Report; depth: string }) {
  const against = report.comparison?.against ?? "";
  return (
    <section class="stack" aria-label="Paired comparison" data-testid="comparison">
      <h3>
        {report.space} against {against}, on the same queries
      </h3>
      <div class="scrolls card box">
        <table>
          <thead>
            <tr>
              <th>Mean</th>
              <th class="n">{against}</th>
              <th class="n">Difference, points</th>
              <th class="n">p</th>
              <th class="n">p, corrected</th>
            </tr>
          </thead>
          <tbody>
            {differencesOf(report, depth).map(({ mean, other, gap }) => (
              <tr key={mean} data-testid="difference-row">
                <td>{mean}</td>
                <td class="n">
                  <Figure of={other} />
                </td>
                <td class="n">
                  {points(gap.value)}
                  {gap.low !== null && gap.high !== null && (
                    <span class="note">
                      {" "}
                      {points(gap.low)} to {points(gap.high)}
                    </span>
                  )}
                </td>
                <td class="n">{pOf(gap.p)}</td>
                <td class="n">{pOf(gap.p_adjusted)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Rows({ title, of, rows, note }: { title: string; of: string; rows: PartRow[]; note?: string }) {
  return (
    <section class="stack" aria-label={title} data-testid="part">
      <h3>{title}</h3>
      <div class="scrolls card box">
        <table>
          <thead>
            <tr>
              <th>{of}</th>
              <th class="n">Queries</th>
              <th class="n">Macro</th>
              <th class="n">Micro</th>
              <th class="n">Chance</th>
              <th>Macro, 0 % to 100 %, with interval</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, queries, macro, micro, chance }) => (
              <tr key={name} data-testid="part-row" data-name={name}>
                <td>{name}</td>
                <td class="n">{queries}</td>
                <td class="n">
                  <Figure of={macro} />
                </td>
                <td class="n">
                  <Figure of={micro} />
                </td>
                <td class="n">{points(chance)}</td>
                <td>
                  <Intervals base={null} adapted={macro} chance={chance} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {note && <p class="note">{note}</p>}
    </section>
  );
}
