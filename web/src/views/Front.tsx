/** Before there is a gallery on the page: one is chosen, or the first one is made. */
import { Copy, Database, FolderPlus, LogOut, Moon, Sun, TriangleAlert } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { galleries, isChoosing, isFirstRun, loadGalleries, pageOf } from "../galleries";
import { session, signOut } from "../session";
import type { FirstStep, GalleryChoice } from "../types";
import { Foot } from "../frame/Foot";
import { LanguageSwitch } from "../frame/LanguageSwitch";
import { messages } from "../messages";
import { say } from "../ui/notice";
import { theme, toggleTheme } from "../ui/theme";

const AGAIN = 5000; // milliseconds between two looks whether a gallery has come

export function Front() {
  const galleriesSaid = messages.value.frame.galleries;
  const waiting = isFirstRun.value || (galleries.value?.items ?? []).some((each) => each.problem);
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setInterval(() => void loadGalleries(), AGAIN);
    return () => clearInterval(timer);
  }, [waiting]);
  useEffect(() => void (document.title = isFirstRun.value ? "lookalike" : `${galleriesSaid} · lookalike`), [galleriesSaid]);
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
  const said = messages.value.frame;
  const who = session.value?.known && session.value.means !== "open" ? session.value : null;
  return (
    <header>
      <h1>lookalike</h1>
      <div class="tools">
        <LanguageSwitch />
        <button
          onClick={toggleTheme}
          data-testid="theme"
          aria-label={theme.value === "dark" ? said.light : said.dark}
        >
          {theme.value === "dark" ? <Sun aria-hidden="true" /> : <Moon aria-hidden="true" />}
        </button>
        {who && (
          <button onClick={() => void signOut()} data-testid="sign-out" aria-label={said.signOut(who.name)}>
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
      <h2>{messages.value.frame.galleries}</h2>
      {items.length === 0 && galleries.value?.known && <p class="muted">{messages.value.front.none}</p>}
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
      <span class="muted numbers">{`${messages.value.frame.records(choice.records)} · ${choice.encoder}`}</span>
      <span class="note">
        {choice.linked ? messages.value.front.linked : messages.value.front.anonymous}
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
          {messages.value.front.notOpen}
        </span>
      </span>
      <span class="why">{choice.problem}</span>
      <span class="note">{messages.value.front.triedAgain}</span>
    </div>
  );
}

function FirstRun() {
  const steps = galleries.value?.first_steps ?? [];
  const waited = (galleries.value?.items.length ?? 0) > 0 || !steps.some((step) => step.command.includes(" serve "));
  return (
    <section class="first" data-testid="first-run">
      <FolderPlus aria-hidden="true" />
      <h2>{messages.value.front.noGallery}</h2>
      <p class="muted">{messages.value.front.whatItIs}</p>
      <ol>
        {steps.map((step) => (
          <Step key={step.command} step={step} />
        ))}
      </ol>
      <p class="note">
        <Database aria-hidden="true" />
        {waited
          ? messages.value.front.opensItself
          : messages.value.front.configured}
      </p>
    </section>
  );
}

function Step({ step }: { step: FirstStep }) {
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(step.command);
    say(messages.value.front.copied);
  };
  return (
    <li>
      <span>{step.about}</span>
      <span class="command">
        <code>{step.command}</code>
        <button class="plain" onClick={() => void copy()} aria-label={messages.value.front.copyOf(step.command)} title={messages.value.front.copy}>
          <Copy aria-hidden="true" />
        </button>
      </span>
    </li>
  );
}
