/** Records that lie far from a reference, such as the normal ones: a label, a filter, a cohort, another gallery. */
import { useState } from "preact/hooks";
import { api } from "../../../api";
import { messages } from "../../../messages";
import type { Outlier } from "../../../types";
import { fileName } from "../../../ui/facts";
import { Card, type Choice, TO_DROP } from "./Card";
import { Curation } from "./Curation";
import type { Finding } from "./decided";
import { Drop } from "./Drop";
import { Portrait } from "./Portrait";
import { type AsReference, Reference } from "./Reference";

const CHOICES: readonly Choice[] = [{ decision: "keep", key: "b" }, TO_DROP];
const MOST = 100;

const findingOf = ({ id }: Outlier): Finding => ({ audit: "outliers", ids: [id] });

export function Outliers() {
  const [reference, setReference] = useState<AsReference | null>(null);
  const words = messages.value.curation;
  return (
    <Curation<Outlier>
      audit="outliers"
      start={() => api.auditOutliers({ ...reference, limit: MOST, decided: true })}
      isReady={reference !== null}
      options={<Reference onChoose={setReference} />}
      found={(result) => ("outliers" in result ? { items: result.outliers, notes: result.notes } : null)}
      findingOf={findingOf}
      scoreOf={(each) => each.distance}
      choicesOf={() => CHOICES}
      card={(each) => (
        <Card
          key={each.id}
          finding={findingOf(each)}
          label={fileName(each.source)}
          choices={CHOICES}
          more={<Drop id={each.id} />}
        >
          <Portrait record={each} labels={each.labels}>
            <span class="numbers muted">{words.distance(each.distance, each.percentile)}</span>
          </Portrait>
        </Card>
      )}
    />
  );
}
