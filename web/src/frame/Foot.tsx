/** The page's foot: how long each stage took, the keys, and what this is not. */
import { result } from "../search";
import { route } from "../state";

export function Foot() {
  const stages =
    route.value.view === "search"
      ? Object.entries(result.value?.seconds ?? {}).filter((stage) => stage[1] >= 1e-4)
      : [];
  return (
    <footer>
      {stages.map(([stage, seconds]) => (
        <span key={stage} class="numbers">{`${stage} ${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`}</span>
      ))}
      <span class="keys">
        <kbd>/</kbd> search <kbd>j</kbd> <kbd>k</kbd> move <kbd>c</kbd> compare <kbd>+</kbd> <kbd>-</kbd> more, less
        like <kbd>u</kbd> undo <kbd>?</kbd> all keys
      </span>
      <span class="push" data-testid="disclaimer">
        Research software. Not a medical device.
      </span>
    </footer>
  );
}
