// All attackers in one process: one attack after the other, as the parent says. Not a test.

import type { Fate, Target } from './attack.js';
import { ATTACKS } from './attacks.js';

export interface ToAttacker {
  readonly target: Target;
  /** Of ATTACKS. */
  readonly attack: number;
  readonly count: number;
  readonly seconds: number;
}
export type FromAttacker = { readonly fate: Fate } | { readonly failed: string };

process.once('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  const { target, attack, count, seconds } = raw as ToAttacker;
  const tell = (message: FromAttacker): void => void process.send?.(message);
  const one = ATTACKS[attack];
  if (one === undefined) return tell({ failed: `no attack ${attack}` });
  one.run(target, count, seconds).then(
    (fate) => tell({ fate }),
    (error: unknown) => tell({ failed: String(error) }),
  );
});
