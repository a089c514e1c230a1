/** In what order records are shown: as indexed, those to label next, or those whose label is worth a look. */
import { useRef } from "preact/hooks";
import { messages } from "../../messages";
import type { LabelOrder } from "../../types";

export interface Ordering {
  /** null: as indexed. */
  by: LabelOrder | null;
  budget: number;
}
export const asIndexed: Ordering = { by: null, budget: 20 };

const MOST = 200;
const ORDERS: readonly (LabelOrder | "")[] = ["", "next", "uncertainty", "outlier", "disagreement"];

interface Props {
  ordering: Ordering;
  onChoose: (ordering: Ordering) => void;
  busy: boolean;
}

export function OrderChoice({ ordering, onChoose, busy }: Props) {
  const words = messages.value.labels;
  const input = useRef<HTMLInputElement>(null);
  const budget = (): number => Math.round(Math.min(MOST, Math.max(1, Number(input.current?.value) || 1)));
  const choose = (by: string): void =>
    onChoose({ by: (by || null) as Ordering["by"], budget: input.current ? budget() : ordering.budget });
  return (
    <form class="row" onSubmit={(event) => (event.preventDefault(), choose(ordering.by ?? ""))}>
      <select
        aria-label={words.order}
        data-testid="label-order"
        value={ordering.by ?? ""}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {ORDERS.map((by) => (
          <option key={by} value={by}>
            {words.orders[by]}
          </option>
        ))}
      </select>
      {ordering.by && (
        <>
          <label class="row budget">
            {words.budget}
            <input
              ref={input}
              type="number"
              min={1}
              max={MOST}
              required
              defaultValue={String(ordering.budget)}
              data-testid="label-budget"
            />
          </label>
          <button disabled={busy} data-testid="next-batch">
            {ordering.by === "next" ? words.nextBatch : words.listAgain}
          </button>
        </>
      )}
    </form>
  );
}
