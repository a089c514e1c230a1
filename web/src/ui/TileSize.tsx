import { messages } from "../messages";
import { LEAST, MOST, suggested, tileSize } from "./tiles";

/** The slider of the tiles' size, and a way back to what the screen suggests. */
export function TileSize() {
  return (
    <span class="tile-size row">
      <label class="row">
        {messages.value.common.tileSize}
        <input
          type="range"
          min={LEAST}
          max={MOST}
          step={8}
          value={tileSize.value ?? suggested(innerWidth)}
          data-testid="tile-size"
          onInput={(event) => (tileSize.value = Number(event.currentTarget.value))}
        />
      </label>
      {tileSize.value !== null && (
        <button class="plain" data-testid="tile-auto" title={messages.value.common.tileAutoTitle} onClick={() => (tileSize.value = null)}>
          {messages.value.common.tileAuto}
        </button>
      )}
    </span>
  );
}
