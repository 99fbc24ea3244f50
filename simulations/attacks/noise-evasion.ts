// A client that leaves out its part of the distributed noise: the sum has less noise than the ledger says, and its own update stands
// out less. Not covered by the detection ceiling of robustness.md §0.5.

import type { AttackOf } from './attack.js';

/** Trains and clips honestly. The engine of fleet/hostile.ts takes the noise out of the work it is handed; without DP it changes nothing. */
export const noiseEvasion = (): AttackOf<'own'> => ({
  name: 'noise evasion',
  knows: 'own',
  clips: true,
  noise: 'none',
});
