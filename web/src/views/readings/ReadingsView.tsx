/** Rounds of readings: start one, read without seeing the others, how far readers agree, and what is decided. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { gallery, mayChange } from "../../state";
import type { ReadingRoundInfo, RoundList } from "../../types";
import { say, sayProblem } from "../../ui/notice";
import { Bar } from "../../ui/small";
import { Agreement } from "./Agreement";
import { Reading } from "./Reading";
import { StartRound } from "./StartRound";

interface Open {
  round: ReadingRoundInfo;
  as: "reading" | "agreement";
}

export function ReadingsView() {
  const words = messages.value.readings;
  const [rounds, setRounds] = useState<RoundList | null>(null);
  const [open, setOpen] = useState<Open | null>(null);
  const mayRead = mayChange.value;
  const load = async (): Promise<void> => {
    if (!mayRead) return;
    try {
      setRounds(await api.rounds());
    } catch (error) {
      sayProblem(error);
    }
  };
  const back = (): void => (setOpen(null), void load());
  useEffect(() => void load(), [mayRead]);
  return (
    <div class="sheet" data-testid="readings-view">
      {open?.as === "reading" && <Reading round={open.round} onBack={back} />}
      {open?.as === "agreement" && <Agreement round={open.round} reader={rounds?.reader ?? ""} onBack={back} />}
      {!open && (
        <>
          <h2>{words.title}</h2>
          <p class="note">{words.what}</p>
          {!mayRead && gallery.value && <p class="note">{words.noReader}</p>}
          {gallery.value?.role === "admin" && <StartRound you={rounds?.reader ?? ""} onStarted={() => void load()} />}
          {rounds && <Rounds rounds={rounds} onOpen={setOpen} onChanged={() => void load()} />}
        </>
      )}
    </div>
  );
}

interface RoundsProps {
  rounds: RoundList;
  onOpen: (open: Open) => void;
  onChanged: () => void;
}

function Rounds({ rounds, onOpen, onChanged }: RoundsProps) {
  const words = messages.value.readings;
  if (rounds.items.length === 0)
    return <p class="muted">{gallery.value?.role === "admin" ? words.noneYet : words.none}</p>;
  return (
    <ul class="rounds" aria-label={words.rounds}>
      {rounds.items.map((round) => (
        <li key={round.round}>
          <RoundCard round={round} you={rounds.reader} onOpen={onOpen} onChanged={onChanged} />
        </li>
      ))}
    </ul>
  );
}

interface CardProps {
  round: ReadingRoundInfo;
  you: string;
  onOpen: (open: Open) => void;
  onChanged: () => void;
}

function RoundCard({ round, you, onOpen, onChanged }: CardProps) {
  const words = messages.value.readings;
  const reads = round.readers.some(({ reader }) => reader === you);
  const isOpen = round.closed === null;
  const isAdmin = gallery.value?.role === "admin";
  const maySee = isOpen ? isAdmin && !reads : isAdmin || reads;
  const close = async (): Promise<void> => {
    try {
      await api.closeRound(round.round);
      say(words.closedNow(round.round));
    } catch (error) {
      sayProblem(error);
    }
    onChanged();
  };
  return (
    <article class="card box stack" data-testid="round" data-round={round.round}>
      <div class="spread">
        <strong>{round.round}</strong>
        <span class={`state ${isOpen ? "running" : "done"}`}>{isOpen ? words.open : words.closed}</span>
      </div>
      <p class="note">
        {[words.records(round.records), words.decidedOf(round.decided), round.labels.join(", ")]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {round.readers.map(({ reader, read, asked }) => (
        <div class="progress" key={reader}>
          <Bar share={asked ? read / asked : 0} label={words.readOf(reader, read, asked)} />
          <span class="note numbers">{words.readOf(reader === you ? words.you(reader) : reader, read, asked)}</span>
        </div>
      ))}
      <div class="row">
        {reads && isOpen && (
          <button class="full" data-testid="round-read" onClick={() => onOpen({ round, as: "reading" })}>
            {words.read}
          </button>
        )}
        {maySee && (
          <button data-testid="round-agreement" onClick={() => onOpen({ round, as: "agreement" })}>
            {words.agreement}
          </button>
        )}
        {isAdmin && isOpen && round.time !== null && (
          <button data-testid="round-close" onClick={() => void close()}>
            {words.close}
          </button>
        )}
        {isAdmin && isOpen && reads && <span class="note">{words.blinded}</span>}
      </div>
    </article>
  );
}
