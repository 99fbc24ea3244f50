// Lists of operations that once broke a promise of the round, each with what it found. Replayed by order.test.ts for ever.
// A failing property prints an entry for this list.

import type { Play } from './ops.js';

export const REPRODUCTIONS: readonly { readonly found: string; readonly play: Play }[] = [
  {
    found: 'a timer that fired a hair before its time was never asked for again: the round hung',
    play: {
      clients: 8,
      groups: 1,
      hold: true,
      ops: [{ op: 'deliver', count: 400, seed: 1 }, { op: 'early tick' }],
    },
  },
];
