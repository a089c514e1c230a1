/** The encoder's own network, tuned to the gallery: minutes, and kept only if it is surely better. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs } from "../../jobs";
import { messages } from "../../messages";
import { facets, refresh } from "../../search";
import { gallery } from "../../state";
import { sayProblem } from "../../ui/notice";
import { Segments } from "../../ui/small";
import { freeName, isSpaceName, stemOf } from "./names";
import { tunedBy } from "./Trained";

const METHODS = ["labels", "views"] as const;

export function Tune() {
  const words = messages.value.adapt;
  const [written, setWritten] = useState<string | null>(null);
  const [method, setMethod] = useState<(typeof METHODS)[number]>("labels");
  const [field, setField] = useState("label");
  const [busy, setBusy] = useState(false);
  const fields = facets.value.filter((facet) => facet.field === "label" || facet.values.length > 1);
  const taken = jobs.value.flatMap((job) => tunedBy(job)?.encoder ?? []);
  const name = written ?? freeName(taken, `${stemOf(gallery.value?.encoder.name ?? "encoder")}-tuned`);
  const reader = gallery.value?.role === "reader";
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      await ended(await api.tune({ name, method, field, labels: [], mirror: "auto", epochs: null, seed: 0 }));
      setWritten(null);
      await refresh();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="card box stack" aria-label={words.tune}>
      <h3>{words.tune}</h3>
      <p class="note">
        {words.tuneWhat}
      </p>
      <div class="row">
        <label class="field">
          {words.encoderName}
          <input
            value={name}
            spellcheck={false}
            data-testid="tune-name"
            onInput={(event) => setWritten(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          {words.alike}
          <select value={field} data-testid="tune-field" onChange={(event) => setField(event.currentTarget.value)}>
            {fields.map((facet) => (
              <option key={facet.field} value={facet.field}>
                {facet.field}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Segments
        label={words.learnsFrom}
        options={METHODS}
        chosen={method}
        onChoose={setMethod}
        names={words.method}
        titles={words.methodTitle}
        testid="tune-method"
      />
      <p class="note">{words.methodNote(words.methodTitle[method])}</p>
      <button
        disabled={busy || reader || !isSpaceName(name) || !gallery.value?.labels.length}
        data-testid="tune-start"
        onClick={() => void start()}
      >
        {busy ? words.tuning : words.startTuning}
      </button>
    </section>
  );
}
