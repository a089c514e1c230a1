/** What can be done with a box that was drawn on a pane: search for it, or take it away. */
import { Search, X } from "lucide-preact";
import type { Thing } from "../../api";
import { messages } from "../../messages";
import { ALONE, type Asked } from "../../route";
import { ask, asking, compare, gallery } from "../../state";
import type { Subject } from "../../viewer/open";
import type { Solid } from "./tools";

interface Props {
  name: string;
  solid: Solid;
  subject: Subject;
  onSolid: (solid: Solid | null) => void;
}

export function BoxBar({ name, solid, subject, onSolid }: Props) {
  const words = messages.value.compare;
  const isVolume = subject.depth > 1;
  const search = (): void => {
    const { box, from, to } = solid;
    const roi = { box, slice: isVolume && from === to ? from : null, ...(from < to && { slices: [from, to] as const }) };
    ask({ ...ALONE, asked: askedOf(subject), roi });
    compare(null);
  };
  return (
    <div class="row box-bar" data-testid={`box-${name}`}>
      <span>{words.box}</span>
      {isVolume && (
        <>
          <End label={words.fromSlice} value={solid.from} min={0} max={solid.to} testid={`box-from-${name}`}
            onValue={(from) => onSolid({ ...solid, from })} />
          <End label={words.toSlice} value={solid.to} min={solid.from} max={subject.depth - 1} testid={`box-to-${name}`}
            onValue={(to) => onSolid({ ...solid, to })} />
        </>
      )}
      {gallery.value?.patches ? (
        <button class="key" data-testid={`box-search-${name}`} onClick={search}>
          <Search aria-hidden="true" />
          {words.searchBox}
        </button>
      ) : (
        <span class="note">{words.noPatches}</span>
      )}
      <button class="plain" aria-label={words.dropBox} onClick={() => onSolid(null)}>
        <X aria-hidden="true" />
      </button>
    </div>
  );
}

interface EndProps {
  label: string;
  value: number;
  min: number;
  max: number;
  testid: string;
  onValue: (value: number) => void;
}

/** People count slices from 1. */
function End({ label, value, min, max, testid, onValue }: EndProps) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={min + 1}
        max={max + 1}
        value={value + 1}
        data-testid={testid}
        onChange={(event) => onValue(Math.max(min, Math.min(max, Math.round(Number(event.currentTarget.value) || 1) - 1)))}
      />
    </label>
  );
}

/** What is asked already stays as it is named; a hit, or one series of a study, asks by itself. */
function askedOf({ thing, name, depth }: Subject): Asked {
  const { asked } = asking.value;
  if (asked && "id" in asked && asked.kind !== "study" && asked.id === idOf(thing)) return asked;
  if ("record" in thing) return { kind: "record", id: thing.record };
  return { kind: "upload", id: thing.upload, name, volume: depth > 1 };
}

const idOf = (thing: Thing): string => ("record" in thing ? thing.record : thing.upload);
