/** The parts of a report that were asked for: another space on the same queries, levels, subgroups, gallery sizes. */
import { messages } from "../../messages";
import type { Report } from "../../types";
import { Figure, Intervals } from "./Interval";
import { differencesOf, levelRows, pOf, points, sizeRows, subgroupRows, type PartRow } from "./partRows";

export function Parts({ report, depth }: { report: Report; depth: string }) {
  const words = messages.value.evaluate;
  const { comparison, levels = [], subgroups = [], sizes = [] } = report;
  return (
    <>
      {comparison && <Comparison report={report} depth={depth} />}
      {levels.length > 0 && <Rows title={words.byLevel} of={words.level} rows={levelRows(report, depth)} />}
      {subgroups.map((field) => (
        <Rows
          key={field.field}
          title={words.byField(field.field)}
          of={field.field}
          rows={subgroupRows(field, depth)}
          note={toldOf(field)}
        />
      ))}
      {sizes.length > 0 && <Rows title={words.bySize} of={words.records} rows={sizeRows(report, depth)} />}
    </>
  );
}

function toldOf({ test, untested, too_small: small, not_recorded: missing }: Report["subgroups"][number]): string {
  const words = messages.value.evaluate;
  const few = Object.entries(small).map(([value, patients]) => `${value} (${patients})`);
  return [
    test
      ? words.spread(
          test.figure,
          points(test.spread),
          points(test.low),
          points(test.high),
          pOf(test.p),
          pOf(test.p_adjusted),
        )
      : words.noTest(untested),
    few.length ? words.tooFew(few.join(", ")) : "",
    missing ? words.noValue(missing) : "",
  ].join(" ");
}

function Comparison({ report, depth }: { report: Report; depth: string }) {
  const words = messages.value.evaluate;
  const against = report.comparison?.against ?? "";
  return (
    <section class="stack" aria-label={words.paired} data-testid="comparison">
      <h3>
        {words.againstTitle(report.space, against)}
      </h3>
      <div tabIndex={0} class="scrolls card box">
        <table>
          <thead>
            <tr>
              <th>{words.mean}</th>
              <th class="n">{against}</th>
              <th class="n">{words.difference}</th>
              <th class="n">p</th>
              <th class="n">{words.corrected}</th>
            </tr>
          </thead>
          <tbody>
            {differencesOf(report, depth).map(({ mean, other, gap }) => (
              <tr key={mean} data-testid="difference-row">
                <td>{words.means[mean]}</td>
                <td class="n">
                  <Figure of={other} />
                </td>
                <td class="n">
                  {points(gap.value)}
                  {gap.low !== null && gap.high !== null && (
                    <span class="note">
                      {" "}
                      {words.to(points(gap.low), points(gap.high))}
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
  const words = messages.value.evaluate;
  return (
    <section class="stack" aria-label={title} data-testid="part">
      <h3>{title}</h3>
      <div tabIndex={0} class="scrolls card box">
        <table>
          <thead>
            <tr>
              <th>{of}</th>
              <th class="n">{words.queries}</th>
              <th class="n">{words.Macro}</th>
              <th class="n">{words.Micro}</th>
              <th class="n">{words.chance}</th>
              <th>{words.macroScale}</th>
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
