/** What the colour of the heat means, and from where and how strongly it is shown. */
import { fixed, messages } from "../../messages";
import type { Glowing } from "../../viewer/glow";

interface Props {
  glowing: Glowing;
  onGlowing: (glowing: Glowing) => void;
}

export function HeatScale({ glowing, onGlowing }: Props) {
  const words = messages.value.compare;
  const { threshold, strength } = glowing;
  return (
    <fieldset class="row heat-scale" data-testid="heat-scale">
      <legend class="sr">{words.heat}</legend>
      <span>{words.leastAlike}</span>
      <span class="scale-of-heat" aria-hidden="true">
        <i style={{ left: `${threshold * 100}%` }} />
      </span>
      <span>{words.mostAlike}</span>
      <label>
        {words.shownFrom(fixed(threshold, 2))}
        <input
          type="range"
          min={0}
          max={0.95}
          step={0.05}
          value={threshold}
          data-testid="heat-threshold"
          onInput={(event) => onGlowing({ ...glowing, threshold: Number(event.currentTarget.value) })}
        />
      </label>
      <label>
        {words.strength(Math.round(strength * 100))}
        <input
          type="range"
          min={0.1}
          max={1}
          step={0.05}
          value={strength}
          data-testid="heat-strength"
          onInput={(event) => onGlowing({ ...glowing, strength: Number(event.currentTarget.value) })}
        />
      </label>
      <span class="note">{words.heatNote}</span>
    </fieldset>
  );
}
