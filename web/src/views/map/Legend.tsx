/** What the colours mean, with a search where there are many. */
import { useState } from "preact/hooks";
import type { Legend as Entry } from "../../map/colours";
import { messages, whole } from "../../messages";

const FEW = 5;

interface Props {
  title: string;
  entries: readonly Entry[];
  scale: { low: number; high: number; colours: readonly string[] } | null;
}

const number = (value: number): string => String(+value.toPrecision(4));

export function Legend({ title, entries, scale }: Props) {
  const words = messages.value.map;
  const [written, setWritten] = useState("");
  const sought = written.trim().toLowerCase();
  const shown = entries.filter(({ name }) => name.toLowerCase().includes(sought));
  return (
    <section>
      <h3>{title}</h3>
      {scale && (
        <div class="scale" data-testid="legend-scale" role="img" aria-label={words.scale(scale.low, scale.high)}>
          <i style={{ background: `linear-gradient(to right, ${scale.colours.join(", ")})` }} />
          <span class="spread note numbers">
            <span>{number(scale.low)}</span>
            <span>{number((scale.low + scale.high) / 2)}</span>
            <span>{number(scale.high)}</span>
          </span>
        </div>
      )}
      {entries.length > FEW && (
        <input
          type="search"
          class="legend-find"
          value={written}
          placeholder={words.find}
          aria-label={words.find}
          data-testid="legend-find"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
      )}
      <ul class="legend" data-testid="legend">
        {shown.map(({ name, colour, count }) => (
          <li key={name}>
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <circle cx="5" cy="5" r="5" fill={colour} />
            </svg>
            <span title={name}>{name}</span>
            {count !== null && <b class="push numbers note">{whole(count)}</b>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && entries.length > 0 && <p class="note">{words.noSuchValue}</p>}
    </section>
  );
}
