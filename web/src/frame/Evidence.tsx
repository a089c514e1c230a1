/** The answer to keep: a page that prints, a PDF, or data. */
import { Download, FileText, Printer } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../api";
import { bodyOf } from "../body";
import { messages } from "../messages";
import { result, vote } from "../search";
import { asking, gallery } from "../state";
import { Dialog } from "../ui/Dialog";
import { save } from "../ui/files";

/** The answer with the question and the page's address: enough to ask again and to cite. */
function saveData(): void {
  const evidence = {
    address: location.href,
    asked: asking.value,
    encoder: gallery.value?.encoder,
    answer: result.value,
    vote: vote.value,
  };
  save(JSON.stringify(evidence, null, 2), "lookalike-evidence.json");
}

export function ExportEvidence({ onClose }: { onClose: () => void }) {
  const words = messages.value.evidence;
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const page = async (format: "html" | "pdf"): Promise<void> => {
    const body = bodyOf(asking.value);
    if (!body) return;
    [setBusy(true), setTrouble("")];
    try {
      save(await api.evidence(body, format), `lookalike-evidence.${format}`);
      onClose();
    } catch (error) {
      setTrouble((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={words.title} onClose={onClose} testid="export-evidence">
      <p class="muted">
        {words.what}
      </p>
      <div class="stack">
        <button autofocus disabled={busy} data-testid="evidence-html" onClick={() => void page("html")}>
          <Printer aria-hidden="true" />
          {words.html}
        </button>
        <button disabled={busy} data-testid="evidence-pdf" onClick={() => void page("pdf")}>
          <FileText aria-hidden="true" />
          PDF
        </button>
        <button disabled={busy} data-testid="evidence-json" onClick={() => (saveData(), onClose())}>
          <Download aria-hidden="true" />
          {words.data}
        </button>
      </div>
      {busy && <p class="working">{words.busy}</p>}
      {trouble && (
        <p class="alert" role="alert" data-testid="evidence-trouble">
          {trouble}
        </p>
      )}
      <footer>
        <button onClick={onClose}>{messages.value.common.cancel}</button>
      </footer>
    </Dialog>
  );
}
