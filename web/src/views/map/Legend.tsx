/** What the colours mean, with a search where there are many. */
import { useState } from "preact/hooks";
import type { Legend as Entry } from "../../map/colours";

const FEW = 5;

export function Legend({ title, entries }: { title: string; entries: readonly Entry[] }) {
  const [written, setWritten] = useState("");
  const words = written.trim().toLowerCase();
  const shown = entries.filter(({ name }) => name.toLowerCase().includes(words));
  return (
    <section>
      <h3>{title}</h3>
      {entries.length > FEW && (
        <input
          type="search"
          class="legend-find"
          value={written}
          placeholder="Find in the legend"
          aria-label="Find in the legend"
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
            {count !== null && <b class="push numbers note">{count.toLocaleString("en")}</b>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="note">No value has that in its name.</p>}
    </section>
  );
}
