// Attacks on the labels a client trains on; its update is then an honest one of wrong data and obeys the clip.
// Not here: pixel triggers (backdoor.ts), which change the inputs.

import type { Dataset } from '../../client/dataset.js';
import type { AttackOf } from './attack.js';
import { requireClass, rowsOf, sourceTest } from './triggers.js';

/**
 * `reverse` y → K−1−y, `shift` y → (y+1) mod K, `targeted` from → to, `random` uniform over K. (robustness.md §2.)
 */
export type LabelFlip =
  | { readonly mode: 'reverse' | 'shift' | 'random' }
  | { readonly mode: 'targeted'; readonly from: number; readonly to: number };

export function labelFlip(flip: LabelFlip): AttackOf<'own'> {
  return {
    name: flip.mode === 'targeted' ? `label flip ${flip.from}→${flip.to}` : `label flip (${flip.mode})`,
    knows: 'own',
    clips: true,
    poison: (data, { random }) => {
      // The arrays are shared by all shards of the process: a copy of the labels, never a write into them.
      const labels = data.labels.slice();
      const flipped = flipper(flip, data.classes, () => random.integer(data.classes));
      for (const row of rowsOf(data)) labels[row] = flipped(labels[row] ?? 0);
      return { ...data, labels };
    },
    ...(flip.mode === 'targeted' && { goal: (test: Dataset) => sourceTest(test, flip.from, flip.to) }),
  };
}

function flipper(flip: LabelFlip, classes: number, draw: () => number): (label: number) => number {
  switch (flip.mode) {
    case 'reverse':
      return (label) => classes - 1 - label;
    case 'shift':
      return (label) => (label + 1) % classes;
    case 'random':
      return draw;
    case 'targeted': {
      const { from, to } = flip;
      for (const label of [from, to]) requireClass(label, classes);
      return (label) => (label === from ? to : label);
    }
    default:
      return flip satisfies never;
  }
}
