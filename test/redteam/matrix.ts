// A small red team for the tests of this folder, and made-up results of it. Not here: tests.

import type { CellResult } from '../../simulations/redteam/report.js';
import { type Cell, parseRedTeamConfig, type RedTeamConfig } from '../../simulations/redteam/settings.js';

/**
 * One defence with sketches, one attack, two rounds: two cells of a second each. The norm bound alone: what more there is depends on
 * the matrix of the projections, which no seed decides.
 */
export const SMALL = `
name: small
simulation:
  task: small
  model: { kind: softmax, input: 800, classes: 4 }
  encoding: { clipNorm: 4 }
  optimizer: { name: fedavg, learningRate: 1 }
  training: { algorithm: fedavg, epochs: 1, batchSize: 16, learningRate: 0.02, optimizer: sgd }
  data:
    source: { set: synthetic, examples: 600, inputs: 800, classes: 4 }
    partition: { kind: iid }
  fleet: { clients: 9, processes: 1 }
  campaign: { rounds: 2 }
attacks:
  - name: sign-flip
    malicious: { clients: [2], attack: { kind: sign-flip, boost: 500 } }
defences:
  - name: sketch
    profile: sketch
    trust: trusted
    group: { size: 9, colluders: 0 }
    sketch: { malicious: 1, exclusions: 1, dropouts: 0, selection: [] }
seeds: [3]
`;
export const small = (change: (text: string) => string = (text) => text): RedTeamConfig =>
  parseRedTeamConfig(change(SMALL), 'small.yaml');

/** As if it had run. */
export const resultOf = (
  { attack, defence, seed }: Pick<Cell, 'attack' | 'defence' | 'seed'>,
  measured: Partial<CellResult> = {},
): CellResult => ({
  attack,
  defence,
  seed,
  accuracy: [0.5, 0.8],
  finalAccuracy: 0.8,
  attackSuccess: {},
  attackSuccessRate: null,
  detection: { precision: 1, recall: 1, falsePositiveRate: 0 },
  roundsToDetect: { median: 1, p90: null, missed: 1 },
  falseExclusions: 0,
  falseQuarantines: 0,
  falseBans: 0,
  named: [{ code: 'SKETCH_NORM', malicious: 2, honest: 0 }],
  voidRounds: 0,
  outcome: 'finished',
  seconds: 1,
  bytes: 2_000_000,
  ...measured,
});
