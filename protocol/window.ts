// When a phase closes, as data. Not here: the rule itself (round/moves.ts), which phases there are (task.ts).

import type { Millis } from './ids.js';

/** A phase closes when `time.min` has passed, `count.min` is in and nobody more can come (or `count.max` is in), or at `time.max`. */
export interface Window {
  readonly count: { readonly min: number; readonly max: number };
  readonly time: { readonly min: Millis; readonly max: Millis };
}
