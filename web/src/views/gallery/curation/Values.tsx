/** Recorded values that the neighbours contradict, and values for records that have none: accept or reject each. */
import { api, paths } from "../../../api";
import { fixed, messages } from "../../../messages";
import type { MetadataAudit, SuspectValue } from "../../../types";
import { fileName } from "../../../ui/facts";
import { Picture } from "../../../ui/Picture";
import { Card, type Choice, TO_DROP } from "./Card";
import { Curation } from "./Curation";
import type { Finding } from "./decided";
import { Drop } from "./Drop";
import { Portrait } from "./Portrait";
import type { Sureness } from "./Sure";

const REJECT: Choice = { decision: "reject", key: "n" };
const CHOICES: readonly Choice[] = [{ decision: "accept", key: "a" }, REJECT, TO_DROP];

const findingOf = ({ id, field, suggested }: SuspectValue): Finding => ({
  audit: "metadata",
  ids: [id],
  about: field,
  value: suggested,
});

const choicesOf = ({ field }: SuspectValue): readonly Choice[] => (field.includes("+") ? [REJECT, TO_DROP] : CHOICES);

/** How many of each field are listed, and how surely. */
const surenessOf = ({ fields, suspects, proposed }: MetadataAudit): Sureness[] =>
  fields.map(({ field, found, note }) => ({
    name: field,
    listed: [...suspects, ...proposed].filter((each) => each.field === field).length,
    found,
    note,
  }));

export function Values() {
  const words = messages.value.curation;
  return (
    <Curation<SuspectValue>
      audit="metadata"
      start={() => api.auditMetadata({ decided: true })}
      found={(result) =>
        "suspects" in result
          ? { items: [...result.suspects, ...result.proposed], notes: result.notes, sure: surenessOf(result) }
          : null
      }
      findingOf={findingOf}
      scoreOf={(each) => each.share}
      choicesOf={choicesOf}
      card={(each) => (
        <Card
          key={`${each.id} ${each.field}`}
          finding={findingOf(each)}
          label={words.valueOf(each.field, fileName(each.source))}
          choices={choicesOf(each)}
          more={<Drop id={each.id} />}
        >
          <p>
            <b>{each.field}</b> <del>{each.recorded || words.nothing}</del> → <ins>{each.suggested}</ins>{" "}
            <span class="numbers muted">{words.say(each.share)}</span>
          </p>
          <Portrait record={each} />
          <div class="neighbours" aria-label={words.neighbours} role="group">
            {each.neighbours.map((one) => (
              <span class="thumb" key={one.id} title={`${one.value} ${fixed(one.score, 3)}`}>
                <Picture path={paths.thumbnail(one.id)} alt={one.value} lazy />
              </span>
            ))}
          </div>
        </Card>
      )}
    />
  );
}
