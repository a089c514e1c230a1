/** What was asked before, so that each step can be taken back. */

const DEPTH = 100;

export interface Past<T> {
  readonly steps: readonly T[];
}

export const nothing: Past<never> = { steps: [] };

export function remembered<T>(past: Past<T>, step: T): Past<T> {
  return { steps: [...past.steps, step].slice(-DEPTH) };
}

/** The step before, and the past without it; null where there is none. */
export function undone<T>(past: Past<T>): [step: T, past: Past<T>] | null {
  const step = past.steps.at(-1);
  return step === undefined ? null : [step, { steps: past.steps.slice(0, -1) }];
}
