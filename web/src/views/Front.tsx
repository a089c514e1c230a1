/** Before there is a gallery on the page: one is chosen, or the first one is made. */
import { Copy, Database, FolderPlus, LogOut, Moon, Sun, TriangleAlert } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { galleries, isChoosing, isFirstRun, loadGalleries, pageOf } from "../galleries";
import { session, signOut } from "../session";
import type { FirstStep, GalleryChoice } from "../types";
import { Foot } from "../frame/Foot";
import { say } from "../ui/notice";
import { counted } from "../ui/small";
import { theme, toggleTheme } from "../ui/theme";

const AGAIN = 5000; // milliseconds between two looks whether a gallery has come

export function Front() {
  const waiting = isFirstRun.value || (galleries.value?.items ?? []).some((each) => each.problem);
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setInterval(() => void loadGalleries(), AGAIN);
    return () => clearInterval(timer);
  }, [waiting]);
  useEffect(() => void (document.title = isFirstRun.value ? "lookalike" : "Galleries · lookalike"), []);
  return (
    <div class="shell front">
      <FrontHead />
      <main class="view">
        <div class="sheet">{isFirstRun.value ? <FirstRun /> : isChoosing.value && <Choices />}</div>
      </main>
      <Foot />
    </div>
  );
}

function FrontHead() {
  const who = session.value?.known && session.value.means !== "open" ? session.value : null;
  return (
    <header>
      <h1>lookalike</h1>
      <div class="tools">
        <button
          onClick={toggleTheme}
          data-testid="theme"
          aria-label={`Use ${theme.value === "dark" ? "light" : "dark"} colours`}
        >
          {theme.value === "dark" ? <Sun aria-hidden="true" /> : <Moon aria-hidden="true" />}
        </button>
        {who && (
          <button onClick={() => void signOut()} data-testid="sign-out" aria-label={`Sign out ${who.name}`}>
            <LogOut aria-hidden="true" />
            <span class="words who">{who.name}</span>
          </button>
        )}
      </div>
    </header>
  );
}

function Choices() {
  const items = galleries.value?.items ?? [];
  return (
    <section class="choices" data-testid="chooser">
      <h2>Galleries</h2>
      {items.length === 0 && galleries.value?.known && <p class="muted">None that you may see.</p>}
      <ul>
        {items.map((each) => (
          <li key={each.name}>{each.problem ? <Closed choice={each} /> : <Choice choice={each} />}</li>
        ))}
      </ul>
    </section>
  );
}

function Choice({ choice }: { choice: GalleryChoice }) {
  return (
    <a class="card box choice" href={pageOf(choice.address)} data-testid={`choose-${choice.name}`}>
      <span class="spread">
        <strong>{choice.title}</strong>
        <span class="tag on">{choice.role}</span>
      </span>
      <span class="muted numbers">{`${counted(choice.records, "record")} · ${choice.encoder}`}</span>
      <span class="note">
        {choice.linked ? "Linked: hits lead into the PACS" : "Anonymous: no UID, name or date is kept"}
      </span>
    </a>
  );
}

function Closed({ choice }: { choice: GalleryChoice }) {
  return (
    <div class="card box choice closed" data-testid={`closed-${choice.name}`}>
      <span class="spread">
        <strong>{choice.title}</strong>
        <span class="row muted">
          <TriangleAlert aria-hidden="true" />
          not open
        </span>
      </span>
      <span class="why">{choice.problem}</span>
      <span class="note">It is tried again by itself.</span>
    </div>
  );
}

function FirstRun() {
  const steps = galleries.value?.first_steps ?? [];
  const waited = (galleries.value?.items.length ?? 0) > 0 || !steps.some((step) => step.command.includes(" serve "));
  return (
    <section class="first" data-testid="first-run">
      <FolderPlus aria-hidden="true" />
      <h2>There is no gallery here yet</h2>
      <p class="muted">A gallery is a folder that lookalike fills. On the machine of this service:</p>
      <ol>
        {steps.map((step) => (
          <Step key={step.command} step={step} />
        ))}
      </ol>
      <p class="note">
        <Database aria-hidden="true" />
        {waited
          ? "This page opens it by itself as soon as it is there."
          : "Several galleries, and all else that a service needs, stand in lookalike.toml: lookalike config check."}
      </p>
    </section>
  );
}

function Step({ step }: { step: FirstStep }) {
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(step.command);
    say("Copied.");
  };
  return (
    <li>
      <span>{step.about}</span>
      <span class="command">
        <code>{step.command}</code>
        <button class="plain" onClick={() => void copy()} aria-label={`Copy: ${step.command}`} title="Copy">
          <Copy aria-hidden="true" />
        </button>
      </span>
    </li>
  );
}
