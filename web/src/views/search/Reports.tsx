/** Words that are to be found in reports, and the reports of hits: for those who may see them. */
import { X } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { isStudy } from "../../route";
import { ask, asking, gallery } from "../../state";
import type { Hit } from "../../types";

const WEIGHTS = [0.25, 0.5, 1, 2, 4];

/** Reports are a patient's: the server gives them to admins alone. */
export const maySeeReports = (): boolean => gallery.value?.role === "admin" && gallery.value.reports > 0;

export function FindReports() {
  if (!maySeeReports() || isStudy(asking.value.asked)) return null;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("report") as HTMLInputElement;
    const words = field.value.trim();
    if (!words) return;
    ask({ report: words });
    field.value = "";
    field.blur();
  };
  return (
    <form class="find" role="search" aria-label={messages.value.search.reports} onSubmit={submit}>
      <input
        name="report"
        type="search"
        autocomplete="off"
        maxLength={2000}
        data-testid="find-report"
        placeholder={messages.value.search.findReports}
        aria-label={messages.value.search.findReports}
      />
    </form>
  );
}

export function AskedReport() {
  const words = messages.value.search;
  const { report, weight, asked, text, roi } = asking.value;
  return (
    <div class="query words-asked stack" data-testid="asked-report">
      <div class="spread">
        <span>{words.quoted(report)}</span>
        <button class="plain" aria-label={words.dropReport} onClick={() => ask({ report: "", weight: 1 })}>
          <X aria-hidden="true" />
        </button>
      </div>
      {roi && <p class="note">{words.reportLeftOut}</p>}
      {!roi && !asked && !text && <p class="note">{words.inReports}</p>}
      {!roi && (asked || text) && (
        <label class="spread note">
          <span>{words.inReportsWeight}</span>
          <select
            value={weight}
            data-testid="report-weight"
            aria-label={words.reportWeight(Boolean(asked))}
            onChange={(event) => ask({ weight: Number(event.currentTarget.value) })}
          >
            {[...new Set([...WEIGHTS, weight])]
              .sort((a, b) => a - b)
              .map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
          </select>
        </label>
      )}
    </div>
  );
}

/** The report of a hit, in full. Moving through hits asks only for the one that is stayed at. */
export function ReportOf({ hit }: { hit: Hit }) {
  const [words, setWords] = useState<string | null>(null);
  const may = maySeeReports();
  useEffect(() => {
    if (!may) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.reportOf(hit.id, abort.signal).then(
        ({ text }) => setWords(text || messages.value.search.noReport),
        (error: Error) => abort.signal.aborted || setWords(error.message),
      );
    }, 150);
    return () => (clearTimeout(timer), abort.abort());
  }, [hit.id, may]);
  if (!may) return null;
  return (
    <section data-testid="report">
      <h3>{messages.value.search.reportOf(hit.rank)}</h3>
      <p class="report" tabIndex={0} role="region" aria-label={messages.value.search.reportOf(hit.rank)} data-testid="report-text">
        {words ?? <span class="working">…</span>}
      </p>
    </section>
  );
}
