// Client-level privacy end to end: real sockets, real clients with ledgers of their own, sampled cohorts, a norm that adapts.

import { describe, expect, it } from 'vitest';
import { readingsOf } from '../../protocol/privacy/record.js';
import { parseSimulationConfig } from '../../simulations/config.js';
import { runSimulation } from '../../simulations/run.js';

const TEXT = `
task: private-small
profile: cohort
trust: trusted
group: { size: 8 }
model: { kind: softmax, input: 6, classes: 3 }
encoding: { clipNorm: 1 }
privacy:
  placement: distributed
  noiseMultiplier: 1
  losses: 1
  budget: { epsilon: 8, delta: 0.00001 }
  clipping: { by: quantile, bitDeviation: 2 }
optimizer: { name: fedavg, learningRate: 1 }
training: { algorithm: fedavg, epochs: 1, batchSize: 8, learningRate: 0.5, optimizer: sgd }
windows:
  keys: { deadlineMs: 120000 }
  shares: { deadlineMs: 120000 }
  consistency: { deadlineMs: 120000 }
  unmask: { deadlineMs: 120000 }
data: { source: { set: synthetic, examples: 600, inputs: 6, classes: 3 }, partition: { kind: iid } }
fleet: { clients: 16, processes: 1 }
campaign: { rounds: 12, clients: { waitMs: 500 } }
seed: 3
`;

describe('a federation with noise of the clients', () => {
  it('runs until its budget is used up, nobody beyond it, and the report prices to what the rounds said', async () => {
    const report = await runSimulation(parseSimulationConfig(TEXT, 'private'));
    const priced = report.rounds.flatMap(({ privacy }) => privacy ?? []);
    expect(report.outcome).toBe('budget');
    expect(priced.length).toBeGreaterThan(2);
    for (const { spent, groups } of priced) {
      expect(spent).toBeLessThanOrEqual(8);
      for (const { epsilon, multiplier } of groups) {
        expect(multiplier).toBeGreaterThan(0.99);
        expect(epsilon).toBeLessThan(4.9);
      }
    }
    if (report.privacy === undefined) throw new Error('no record');
    const [dearest] = readingsOf(report.privacy, 1e-5, false);
    expect(dearest?.spent.epsilon).toBeCloseTo(priced.at(-1)?.spent ?? 0, 9);
    expect(dearest?.client).toMatch(/^client-/);
    expect(dearest?.open).toBe(0);
  });
});
