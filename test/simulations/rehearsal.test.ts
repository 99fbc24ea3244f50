// The simulation without the protocol: that it learns, repeats, and that the attack ruins the mean and not the defence.
// Not here: the same over sockets (simulation.test.ts).

import { describe, expect, it } from 'vitest';
import { parseSimulationConfig } from '../../simulations/config.js';
import { rehearse } from '../../simulations/rehearsal.js';
import { withPlainMean } from '../../simulations/variants.js';
import { quick } from './quick.js';

const accuracies = (rounds: readonly { accuracy: number }[]): number[] => rounds.map(({ accuracy }) => accuracy);

describe('a rehearsal', () => {
  it('learns under attack with the trimmed mean, and not under the plain mean', async () => {
    const config = parseSimulationConfig(quick({ boost: 60 }), 'quick');
    const defended = accuracies(await rehearse(config, { workers: 1 }));
    const ruined = accuracies(await rehearse(withPlainMean(config), { workers: 1 }));
    // Chance is 0.25 for four equal classes.
    expect(defended.at(-1)).toBeGreaterThan(0.8);
    expect(ruined.at(-1)).toBeLessThan(0.5);
  });

  it('gives the same numbers for the same seed, whatever the number of workers', async () => {
    const config = parseSimulationConfig(quick({ rounds: 3, seed: 4 }), 'quick');
    const one = await rehearse(config, { workers: 1 });
    const two = await rehearse(config, { workers: 2 });
    expect(one.map(({ accuracy, loss }) => [accuracy, loss])).toEqual(
      two.map(({ accuracy, loss }) => [accuracy, loss]),
    );
  });
});
