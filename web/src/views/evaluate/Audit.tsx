/** Could a score on a label be a score on where or how the picture was taken? Asked, and answered in sentences. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs } from "../../jobs";
import { gallery } from "../../state";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { warningsOf } from "./figures";

export function Audit() {
  const fields = (gallery.value?.fields ?? []).map((field) => field.name).filter((name) => name !== "label");
  const [field, setField] = useState("");
  const [busy, setBusy] = useState(false);
  const audits = jobs.value.filter((job) => job.kind === "audit");
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      await ended(await api.audit({ fields: ["label", field] }));
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const last = audits[0];
  return (
    <section class="card box stack" aria-label="Audit of confounds" data-testid="audit">
      <h3>Is it the finding, or the scanner?</h3>
      <p class="note">
        A score on a label can be a score on where or how a picture was taken. The audit asks what a recorded field
        tells of the label.
      </p>
      <div class="row">
        <select
          value={field}
          aria-label="Recorded field"
          data-testid="audit-field"
          onChange={(event) => setField(event.currentTarget.value)}
        >
          <option value="">Recorded field…</option>
          {fields.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <button
          disabled={!field || busy || gallery.value?.role === "reader"}
          data-testid="audit-start"
          onClick={() => void start()}
        >
          {busy ? "Asking…" : "Ask"}
        </button>
      </div>
      {last && (
        <JobCard job={last}>
          {warningsOf(last.result).map((sentence) => (
            <p
              class={`sentence ${/separable|follow/.test(sentence) ? "warn" : ""}`}
              key={sentence}
              data-testid="audit-sentence"
            >
              {sentence}
            </p>
          ))}
        </JobCard>
      )}
    </section>
  );
}
