/** Could a score on a label be a score on where or how the picture was taken? Asked, and answered in sentences. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs } from "../../jobs";
import { messages } from "../../messages";
import { gallery, mayChange } from "../../state";
import { FromServer } from "../../ui/FromServer";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { warningsOf } from "./figures";

export function Audit() {
  const words = messages.value.evaluate;
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
    <section class="card box stack" aria-label={words.audit} data-testid="audit">
      <h3>{words.auditTitle}</h3>
      <p class="note">
        {words.auditWhat}
      </p>
      <div class="row">
        <select
          value={field}
          aria-label={words.field}
          data-testid="audit-field"
          onChange={(event) => setField(event.currentTarget.value)}
        >
          <option value="">{words.chooseField}</option>
          {fields.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <button
          disabled={!field || busy || !mayChange.value}
          data-testid="audit-start"
          onClick={() => void start()}
        >
          {busy ? words.asking : words.ask}
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
              <FromServer said={messages.value.audits.note(sentence)} />
            </p>
          ))}
        </JobCard>
      )}
    </section>
  );
}
