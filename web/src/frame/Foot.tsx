/** The page's foot: how long each stage took, the keys, and what this is not. */
import { fixed, messages } from "../messages";
import { result } from "../search";
import { route } from "../state";

export function Foot() {
  const { keys, stages: called, disclaimer } = messages.value.frame;
  const stages =
    route.value.view === "search"
      ? Object.entries(result.value?.seconds ?? {}).filter((stage) => stage[1] >= 1e-4)
      : [];
  return (
    <footer>
      {stages.map(([stage, seconds]) => (
        <span key={stage} class="numbers">{`${called[stage] ?? stage} ${fixed(seconds * 1000, seconds < 0.01 ? 1 : 0)} ms`}</span>
      ))}
      <span class="keys">
        <kbd>/</kbd> {keys.search} <kbd>j</kbd> <kbd>k</kbd> {keys.move} <kbd>c</kbd> {keys.compare} <kbd>+</kbd>{" "}
        <kbd>-</kbd> {keys.steer} <kbd>u</kbd> {keys.undo} <kbd>?</kbd> {keys.all}
      </span>
      <span class="push" data-testid="disclaimer">
        {disclaimer}
      </span>
    </footer>
  );
}
