// The small simulation over sockets without a defence. Everyday: with one (test/simulations/simulation.test.ts), without sockets
// (rehearsal.test.ts).

import { expect, it } from 'vitest';
import { parseSimulationConfig } from '../../simulations/config.js';
import { runSimulation } from '../../simulations/run.js';
import { withPlainMean } from '../../simulations/variants.js';
import { quick } from '../simulations/quick.js';

it('a simulation over real sockets is ruined by the attack under the plain mean', { timeout: 120_000 }, async () => {
  const report = await runSimulation(withPlainMean(parseSimulationConfig(quick({ boost: 60 }), 'quick')));
  expect(report.rule.name).toBe('mean');
  expect(report.finalAccuracy).toBeLessThan(0.5);
});
