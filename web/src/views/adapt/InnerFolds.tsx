/** What a training did on patients that it had left out: beside base and chance, and which kinds were tried. */
import { fixed, messages } from "../../messages";
import type { AdaptResult } from "../../types";
import { Figure, Intervals } from "../evaluate/Interval";
import { points, pOf } from "../evaluate/partRows";
import { innerOf, triedOf, type InnerFigures } from "./inner";

export function InnerFolds({ space, training }: { space: string; training: AdaptResult["training"] }) {
  const words = messages.value.adapt;
  const inner = innerOf(training);
  const tried = triedOf(training);
  const alone = (value: number) => ({ value, interval: null });
  return (
    <div class="columns">
      {inner && (
        <div tabIndex={0} class="scrolls" data-testid="inner-figures">
          <table>
            <caption class="note">{words.inner(inner.folds, inner.records)}</caption>
            <tbody>
              {(
                [
                  ["base", inner.base],
                  [space, inner.adapter],
                ] as const
              ).map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="n">{points(value)}</td>
                  <td>
                    <Intervals base={null} adapted={alone(value)} chance={inner.chance} />
                  </td>
                </tr>
              ))}
              <tr>
                <th scope="row">{words.gain}</th>
                <td class="n" colSpan={2} data-testid="inner-gain">
                  {words.gained(points(inner.gain[0]), points(inner.gain[1]), points(inner.gain[2]), pOf(inner.p))}
                </td>
              </tr>
            </tbody>
          </table>
        </div>
      )}
      {inner && Object.keys(inner.head).length > 0 && <HeadFigures head={inner.head} />}
      {tried.length > 0 && (
        <div tabIndex={0} class="scrolls" data-testid="tried-kinds">
          <table>
            <caption class="note">{words.tried}</caption>
            <tbody>
              {tried.map(({ kind, chosen, ...measured }) => (
                <tr key={kind}>
                  <th scope="row">{kind}</th>
                  <td class="n">
                    <Figure of={{ value: measured.precision, interval: measured.interval }} />
                  </td>
                  <td>{chosen ? words.chosen : words.behind(points(measured.behind))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

/** How well the adapter itself names labels: shares in per cent, and the Brier score, which is none. */
function HeadFigures({ head }: { head: InnerFigures["head"] }) {
  const words = messages.value.adapt;
  const told = Object.keys(words.heads);
  const names = [...told, ...Object.keys(head).filter((name) => !told.includes(name))].filter((name) => head[name]);
  return (
    <div tabIndex={0} class="scrolls" data-testid="head-figures">
      <table>
        <caption class="note">{words.head}</caption>
        <tbody>
          {names.map((name) => (
            <tr key={name} data-testid="head-figure" data-measure={name}>
              <th scope="row">{words.heads[name] ?? name.replaceAll("_", " ")}</th>
              <td class="n kept">
                <Figure of={head[name]!} {...(name === "brier" ? AS_IT_IS : IN_PERCENT)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const AS_IT_IS = { written: (value: number | null | undefined): string => (value == null ? "–" : fixed(value, 3)) };
const IN_PERCENT = { unit: "\u00a0%" };
