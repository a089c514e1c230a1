/** The page's head: which gallery, and what can be done from anywhere. */
import { CircleHelp, Download, LayoutGrid, Link, LogOut, Moon, Plus, Sun, Undo2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { key } from "../api";
import { others } from "../galleries";
import { isHelpOpen } from "../keyboard";
import { messages } from "../messages";
import { result } from "../search";
import { asking, canUndo, gallery, go, route, undo, mayChange } from "../state";
import { session, signOut } from "../session";
import { say } from "../ui/notice";
import { theme, toggleTheme } from "../ui/theme";
import { canUndoLabels, undoLabels } from "../views/labels/changes";
import { ExportEvidence } from "./Evidence";
import { LanguageSwitch } from "./LanguageSwitch";

export function Head() {
  const [exporting, setExporting] = useState(false);
  const found = gallery.value;
  const words = messages.value.frame;
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
        ? words.linkToSentCopied
        : words.linkCopied,
    );
  };
  return (
    <header>
      <h1>lookalike</h1>
      {others.value && (
        <a class="button" href={others.value} data-testid="all-galleries" title={words.allGalleries}>
          <LayoutGrid aria-hidden="true" />
          <span class="words">{words.galleries}</span>
        </a>
      )}
      {found && (
        <span
          class="about"
          data-testid="about"
        >{`${found.title} · ${words.records(found.records)} · ${found.encoder.name}`}</span>
      )}
      <div class="tools">
        <button
          disabled={labelling ? !canUndoLabels.value : !canUndo.value}
          onClick={() => (labelling ? void undoLabels() : undo())}
          data-testid="undo"
          aria-label={words.undo}
          title={labelling ? words.undoLabels : words.undoTitle}
        >
          <Undo2 aria-hidden="true" />
          <span class="words">{words.undo}</span>
        </button>
        <button onClick={() => void copy()} data-testid="copy-link" aria-label={words.copyLink}>
          <Link aria-hidden="true" />
          <span class="words">{words.copyLink}</span>
        </button>
        {result.value && route.value.view === "search" && (
          <button onClick={() => setExporting(true)} data-testid="export" aria-label={words.exportEvidence}>
            <Download aria-hidden="true" />
            <span class="words">{words.exportEvidence}</span>
          </button>
        )}
        <button onClick={() => (isHelpOpen.value = true)} data-testid="open-help" aria-label={words.help} title={words.helpTitle}>
          <CircleHelp aria-hidden="true" />
        </button>
        <LanguageSwitch />
        <button
          onClick={toggleTheme}
          data-testid="theme"
          aria-label={theme.value === "dark" ? words.light : words.dark}
        >
          {theme.value === "dark" ? <Sun aria-hidden="true" /> : <Moon aria-hidden="true" />}
        </button>
        {mayChange.value && (
          <button class="key" onClick={() => go("gallery")} data-testid="add-images" aria-label={words.addImages}>
            <Plus aria-hidden="true" />
            <span class="words">{words.addImages}</span>
          </button>
        )}
        {who && (
          <button
            onClick={() => void signOut()}
            data-testid="sign-out"
            aria-label={words.signOut(who.name)}
            title={words.signOutTitle(who.name, who.role)}
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

