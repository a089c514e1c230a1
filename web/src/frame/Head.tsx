/** The page's head: which gallery, and what can be done from anywhere. */
import { CircleHelp, Download, LayoutGrid, Link, LogOut, Moon, Plus, Sun, Undo2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { key } from "../api";
import { others } from "../galleries";
import { isHelpOpen } from "../keyboard";
import { result } from "../search";
import { asking, canUndo, gallery, go, route, undo } from "../state";
import { session, signOut } from "../session";
import { say } from "../ui/notice";
import { counted } from "../ui/small";
import { theme, toggleTheme } from "../ui/theme";
import { canUndoLabels, undoLabels } from "../views/labels/changes";
import { ExportEvidence } from "./Evidence";

export function Head() {
  const [exporting, setExporting] = useState(false);
  const found = gallery.value;
  const known = session.value?.known ? session.value : null;
  // On an open service, and behind a proxy that signs in, there is nothing to sign out of here.
  const who = known && (known.means === "oidc" || key.get()) ? known : null;
  const labelling = route.value.view === "labels";
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(location.href);
    const { asked } = asking.value;
    const sent = asked?.kind === "upload" || asked?.kind === "uploads";
    say(
      sent
        ? "Link copied. While the server keeps what was sent it restores the whole query; after that, once the same file is dropped again."
        : "Link copied. It restores the whole query.",
    );
  };
  return (
    <header>
      <h1>lookalike</h1>
      {others.value && (
        <a class="button" href={others.value} data-testid="all-galleries" title="All galleries">
          <LayoutGrid aria-hidden="true" />
          <span class="words">Galleries</span>
        </a>
      )}
      {found && (
        <span
          class="about"
          data-testid="about"
        >{`${found.title} · ${counted(found.records, "record")} · ${found.encoder.name}`}</span>
      )}
      <div class="tools">
        <button
          disabled={labelling ? !canUndoLabels.value : !canUndo.value}
          onClick={() => (labelling ? void undoLabels() : undo())}
          data-testid="undo"
          aria-label="Undo"
          title={labelling ? "Take the last change of labels back (u)" : "Undo (u)"}
        >
          <Undo2 aria-hidden="true" />
          <span class="words">Undo</span>
        </button>
        <button onClick={() => void copy()} data-testid="copy-link" aria-label="Copy link">
          <Link aria-hidden="true" />
          <span class="words">Copy link</span>
        </button>
        {result.value && route.value.view === "search" && (
          <button onClick={() => setExporting(true)} data-testid="export" aria-label="Export evidence">
            <Download aria-hidden="true" />
            <span class="words">Export evidence</span>
          </button>
        )}
        <button onClick={() => (isHelpOpen.value = true)} data-testid="open-help" aria-label="Keys and help" title="Keys (?)">
          <CircleHelp aria-hidden="true" />
        </button>
        <button
          onClick={toggleTheme}
          data-testid="theme"
          aria-label={`Use ${theme.value === "dark" ? "light" : "dark"} colours`}
        >
          {theme.value === "dark" ? <Sun aria-hidden="true" /> : <Moon aria-hidden="true" />}
        </button>
        {found && found.role !== "reader" && (
          <button class="key" onClick={() => go("gallery")} data-testid="add-images" aria-label="Add images">
            <Plus aria-hidden="true" />
            <span class="words">Add images</span>
          </button>
        )}
        {who && (
          <button
            onClick={() => void signOut()}
            data-testid="sign-out"
            aria-label={`Sign out ${who.name}`}
            title={`${who.name} (${who.role ?? "no role"}): sign out`}
          >
            <LogOut aria-hidden="true" />
            <span class="words who">{who.name}</span>
          </button>
        )}
      </div>
      {exporting && <ExportEvidence onClose={() => setExporting(false)} />}
    </header>
  );
}

