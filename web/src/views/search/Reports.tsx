/** Words that are to be found in reports, and the reports of hits: for those who may see them. */
import { X } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
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
    <form class="find" role="search" aria-label="Reports" onSubmit={submit}>
      <input
        name="report"
        type="search"
        autocomplete="off"
        maxLength={2000}
        data-testid="find-report"
        placeholder="Words to find in reports"
        aria-label="Words to find in reports"
      />
    </form>
  );
}

export function AskedReport() {
  const { report, weight, asked, text, roi } = asking.value;
  return (
    <div class="query words-asked stack" data-testid="asked-report">
      <div class="spread">
        <span>“{report}”</span>
        <button class="plain" aria-label="Take the words for reports away" onClick={() => ask({ report: "", weight: 1 })}>
          <X aria-hidden="true" />
        </button>
      </div>
      {roi && <p class="note">Left out: a region is searched by itself.</p>}
      {!roi && !asked && !text && <p class="note">in reports</p>}
      {!roi && (asked || text) && (
        <label class="spread note">
          <span>in reports, with the weight</span>
          <select
            value={weight}
            data-testid="report-weight"
            aria-label={`Weight of the reports, against 1 of the ${asked ? "picture" : "words"}`}
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
        ({ text }) => setWords(text || "No report is kept of this one."),
        (error: Error) => abort.signal.aborted || setWords(error.message),
      );
    }, 150);
    return () => (clearTimeout(timer), abort.abort());
  }, [hit.id, may]);
  if (!may) return null;
  return (
    <section data-testid="report">
      <h3>Report of number {hit.rank}</h3>
      <p class="report" tabIndex={0} role="region" aria-label={`Report of number ${hit.rank}`} data-testid="report-text">
        {words ?? <span class="working">…</span>}
      </p>
    </section>
  );
}
