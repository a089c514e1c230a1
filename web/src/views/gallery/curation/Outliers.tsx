/** Records that lie far from a reference, such as the normal ones. */
import { useState } from "preact/hooks";
import { api } from "../../../api";
import { messages } from "../../../messages";
import { gallery } from "../../../state";
import type { Outlier } from "../../../types";
import { fileName } from "../../../ui/facts";
import { quoted } from "../../../where";
import { Card, type Choice } from "./Card";
import { Curation } from "./Curation";
import type { Finding } from "./decided";
import { Drop } from "./Drop";
import { Portrait } from "./Portrait";

const CHOICES: readonly Choice[] = [{ decision: "keep", key: "b" }];
const MOST = 100;

const findingOf = ({ id }: Outlier): Finding => ({ audit: "outliers", ids: [id] });

export function Outliers() {
  const labels = gallery.value?.labels ?? [];
  const [label, setLabel] = useState(labels[0] ?? "");
  const words = messages.value.curation;
  return (
    <Curation<Outlier>
      audit="outliers"
      start={() => api.auditOutliers({ reference: `label=${quoted(label)}`, limit: MOST, decided: true })}
      isReady={label !== ""}
      options={
        <label class="row">
          {words.farFrom}
          <select
            value={label}
            data-testid="outliers-reference"
            onChange={(event) => setLabel(event.currentTarget.value)}
          >
            {labels.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
      }
      found={(result) => ("outliers" in result ? { items: result.outliers, notes: result.notes } : null)}
      findingOf={findingOf}
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
