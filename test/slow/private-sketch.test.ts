// Client-level noise and verified sketches in whole rounds over sockets: real clients with ledgers, a clipping norm that adapts, an attacker
// who does not clip. Slow because of the projections of eight clients in one process. The machines alone: test/privacy/sketched.test.ts.

import { describe, expect, it } from 'vitest';
import { EMPTY_COHORT, replay } from '../../protocol/privacy/cohort-ledger.js';
import { createCurves, eventsInForce } from '../../protocol/privacy/ledger.js';
import { readingsOf } from '../../protocol/privacy/record.js';
import { parseSimulationConfig } from '../../simulations/config.js';
import { runSimulation } from '../../simulations/run.js';

const TEXT = `
task: private-sketch-small
profile: sketch
trust: trusted
group: { size: 8 }
sketch: { malicious: 1, exclusions: 1, dropouts: 1, rows: 24, securityBits: 20 }
model: { kind: softmax, input: 650, classes: 3 }
encoding: { clipNorm: 1 }
privacy:
  placement: distributed
  noiseMultiplier: 1
  losses: 2
  budget: { epsilon: 12, delta: 0.00001 }
  clipping: { by: quantile, bitDeviation: 2 }
optimizer: { name: fedavg, learningRate: 1 }
training: { algorithm: fedavg, epochs: 1, batchSize: 8, learningRate: 0.5, optimizer: sgd }
windows:
  keys: { deadlineMs: 120000 }
  shares: { deadlineMs: 120000 }
  consistency: { deadlineMs: 120000 }
  unmask: { deadlineMs: 120000 }
data: { source: { set: synthetic, examples: 600, inputs: 650, classes: 3 }, partition: { kind: iid } }
fleet: { clients: 8, processes: 1, malicious: [{ count: 1, attack: { kind: gaussian, deviation: 40 } }] }
campaign: { rounds: 3 }
seed: 3
`;

describe('a federation with noise of the clients and verified sketches, over sockets', () => {
  it('opens noised sums of the seven that clip, and prices sum, bit and sketch of each', async () => {
    const report = await runSimulation(parseSimulationConfig(TEXT, 'private-sketch'));
    const rounds = report.rounds.filter(({ privacy }) => privacy !== undefined);
    expect(rounds).toHaveLength(3);
    const [hostile] = report.malicious;
    for (const { privacy } of rounds) {
      expect(privacy?.spent).toBeLessThanOrEqual(12);
      for (const { multiplier } of privacy?.groups ?? []) expect(multiplier).toBeGreaterThan(0.99);
    }
    expect(JSON.stringify(rounds[0])).toContain('SKETCH_NORM');
    expect(hostile?.client).toBe('client-04');
    if (report.privacy === undefined) throw new Error('no record');
    const ledgers = replay(EMPTY_COHORT, report.privacy.cohort, createCurves());
    expect(ledgers.size).toBe(8);
    for (const ledger of ledgers.values()) {
      const types = eventsInForce(ledger).map(({ type }) => type);
      for (const type of ['sketch', 'clipBit', 'distributedGaussian'] as const)
        expect(types.filter((one) => one === type)).toHaveLength(rounds.length);
    }
    const [dearest] = readingsOf(report.privacy, 1e-5, false);
    expect(dearest?.average?.epsilon).toBeLessThan(dearest?.spent.epsilon ?? 0);
  }, 300_000);
});
