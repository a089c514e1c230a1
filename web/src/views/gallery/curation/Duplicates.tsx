/** Pairs of records that are copies of one another, beside each other. */
import { api } from "../../../api";
import { fixed, messages } from "../../../messages";
import type { DuplicatePair } from "../../../types";
import { fileName } from "../../../ui/facts";
import { Card, type Choice } from "./Card";
import { Curation } from "./Curation";
import type { Finding } from "./decided";
import { Drop } from "./Drop";
import { Portrait } from "./Portrait";

const CHOICES: readonly Choice[] = [
  { decision: "keep", key: "b" },
  { decision: "same-patient", key: "s" },
  { decision: "different", key: "n" },
];

const findingOf = ({ first, second }: DuplicatePair): Finding => ({ audit: "duplicates", ids: [first.id, second.id] });

const choicesOf = (pair: DuplicatePair): readonly Choice[] =>
  pair.same_patient ? CHOICES.filter(({ decision }) => decision !== "same-patient") : CHOICES;

export function Duplicates() {
  return (
    <Curation<DuplicatePair>
      audit="duplicates"
      start={() => api.auditDuplicates({ decided: true })}
      found={(result) => ("pairs" in result && "warnings" in result ? { items: result.pairs, notes: [] } : null)}
      findingOf={findingOf}
      scoreOf={(pair) => pair.score}
      choicesOf={choicesOf}
      card={(pair) => <Pair key={`${pair.first.id} ${pair.second.id}`} pair={pair} />}
    />
  );
}

function Pair({ pair }: { pair: DuplicatePair }) {
  const words = messages.value.curation;
  const both = [pair.first, pair.second];
  const patient = words.patient[pair.same_patient === null ? "unknown" : pair.same_patient ? "same" : "other"];
  return (
    <Card
      finding={findingOf(pair)}
      label={words.pair(...(both.map((one) => fileName(one.source)) as [string, string]))}
      choices={choicesOf(pair)}
      more={both.map((one, at) => <Drop key={one.id} id={one.id} name={words.side[at]} />)}
    >
      <p>
        <b>{words.kinds[pair.kind]}</b> <span class="numbers">{fixed(pair.score, 3)}</span>{" "}
        <span class="muted">{patient}</span>
      </p>
      <div class="pair">
        {both.map((one) => (
          <Portrait key={one.id} record={one} labels={one.labels} />
        ))}
      </div>
    </Card>
  );
}
