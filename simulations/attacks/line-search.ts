// The line search of the optimised attacks: one number, chosen for the damage it does. Pure. Not here: what is scored (optimised.ts).

export interface LineSearch {
  readonly start: number;
  readonly delta: number;
  /** In (0, 1): what a failed step shrinks by. */
  readonly ratio: number;
  /** How often `score` may be asked beyond the start. */
  readonly evaluations: number;
}

/** Allouah et al. 2023 as the ByzFL benchmark runs it; robustness.md §2. */
export const LINE_SEARCH: LineSearch = { start: 0, delta: 10, ratio: 0.8, evaluations: 20 };

export interface Found {
  readonly factor: number;
  readonly score: number;
  /** It never left its start: reported, since a run "defended" against factor 0 was not attacked at all (trap 8). */
  readonly degenerate: boolean;
}

/**
 * Expand: x + δ is accepted while strictly better, δ doubling; the first failure shrinks δ and ends it. Contract: x + δ is accepted
 * where strictly better, δ shrinks either way, until the evaluations are spent.
 */
export function searchLine(score: (factor: number) => number, search: LineSearch = LINE_SEARCH): Found {
  const { start, ratio, evaluations } = search;
  let { delta } = search;
  let x = start;
  let best = score(x);
  let left = evaluations;
  const improves = (): boolean => {
    left--;
    const value = score(x + delta);
    if (!(value > best)) return false;
    x += delta;
    best = value;
    return true;
  };
  while (left > 0) {
    if (!improves()) {
      delta *= ratio;
      break;
    }
    delta *= 2;
  }
  while (left > 0) {
    improves();
    delta *= ratio;
  }
  return { factor: x, score: best, degenerate: x === start };
}

/** A second start where the first is degenerate: small steps find what a first step of 10 jumps over. */
export function searchTwice(
  score: (factor: number) => number,
  search: LineSearch = LINE_SEARCH,
  secondDelta = 1,
): Found & { readonly second: boolean } {
  const first = searchLine(score, search);
  if (!first.degenerate) return { ...first, second: false };
  return { ...searchLine(score, { ...search, delta: secondDelta }), second: true };
}
