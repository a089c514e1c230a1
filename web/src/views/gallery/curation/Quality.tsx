/** Pictures that something is wrong with: fault by fault, with what was seen and what to do. */
import { useState } from "preact/hooks";
import { api } from "../../../api";
import { messages } from "../../../messages";
import type { QualityFinding } from "../../../types";
import { fileName } from "../../../ui/facts";
import { Card, type Choice, TO_DROP } from "./Card";
import { Curation } from "./Curation";
import type { Finding } from "./decided";
import { Drop } from "./Drop";
import { FromServer } from "../../../ui/FromServer";
import { Portrait } from "./Portrait";

const CHOICES: readonly Choice[] = [{ decision: "keep", key: "b" }, TO_DROP];

const findingOf = ({ id, fault }: QualityFinding): Finding => ({ audit: "quality", ids: [id], about: fault });

export function Quality() {
  const [fault, setFault] = useState("");
  const words = messages.value.curation;
  const faults = Object.keys(words.faults) as QualityFinding["fault"][];
  return (
    <Curation<QualityFinding>
      audit="quality"
      start={() => api.auditQuality({ faults: fault ? [fault] : [], decided: true })}
      options={
        <label class="row">
          {words.lookFor}
          <select value={fault} data-testid="quality-fault" onChange={(event) => setFault(event.currentTarget.value)}>
            <option value="">{words.everyFault}</option>
            {faults.map((one) => (
              <option key={one} value={one}>
                {words.faults[one]}
              </option>
            ))}
          </select>
        </label>
      }
      found={(result) =>
        "findings" in result && "compared" in result
          ? { items: result.findings, notes: result.notes, sure: result.faults.map(({ fault, ...told }) => ({ ...told, name: words.faults[fault] })) }
          : null
      }
      findingOf={findingOf}
      scoreOf={({ value, threshold }) => Math.abs(value - threshold) / Math.max(Math.abs(threshold), 1e-6)}
      choicesOf={() => CHOICES}
      card={(each) => (
        <Card
          key={`${each.id} ${each.fault}`}
          finding={findingOf(each)}
          label={`${words.faults[each.fault]}: ${fileName(each.source)}`}
          choices={CHOICES}
          more={<Drop id={each.id} />}
        >
          <p>
            <b>{words.faults[each.fault]}</b>
          </p>
          <Portrait record={each}>
            <FromServer said={messages.value.audits.reason(each.reason)} />
            <FromServer quiet said={messages.value.audits.advice(each.fault, each.advice)} />
          </Portrait>
        </Card>
      )}
    />
  );
}
