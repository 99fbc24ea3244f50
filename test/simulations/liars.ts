// Plays a small federation with verified sketches in which some clients break the protocol, over real sockets. Not a test.

import { expect } from 'vitest';
import { parseSimulationConfig } from '../../simulations/config.js';
import type { RoundEntry, SimulationReport } from '../../simulations/report.js';
import { runSimulation } from '../../simulations/run.js';

export interface Actor {
  readonly round: number;
  readonly clients: readonly number[];
  /** As a file says it. */
  readonly attack: string;
}
const settings = (actors: readonly Actor[], rounds: number, waitMs: number) =>
  parseSimulationConfig(
    `
task: liars
profile: sketch
group: { size: 20 } # threshold 14
sketch: { malicious: 4, exclusions: 5, dropouts: 1, selection: [], deadlineMs: 120000 }
model: { kind: softmax, input: 1400, classes: 4 }
encoding: { clipNorm: 4 }
optimizer: { name: fedavg, learningRate: 1 }
training: { algorithm: fedavg, epochs: 1, batchSize: 16, learningRate: 0.02, optimizer: sgd }
windows:
  keys: { deadlineMs: 120000 }
  shares: { deadlineMs: 120000 }
  consistency: { deadlineMs: 120000 }
  unmask: { deadlineMs: 120000 }
data:
  source: { set: synthetic, examples: 600, inputs: 1400, classes: 4 }
  partition: { kind: iid }
  testExamples: 60
fleet:
  clients: 20
  processes: 1
  malicious:
${actors.map(({ round, clients, attack }) => `    - { clients: [${clients}], attack: ${attack}, from: ${round}, until: ${round} }`).join('\n')}
campaign: { rounds: ${rounds}, clients: { waitMs: ${waitMs} } }
seed: 5
`,
    'liars',
  );
export const nameOf = (client: number): string => `client-${String(client).padStart(2, '0')}`;
export const out = ({ excluded }: RoundEntry | undefined = {} as RoundEntry) =>
  Object.fromEntries(excluded.map(({ client, code }) => [client, code]));
export const proven = ({ monitor }: RoundEntry) =>
  Object.fromEntries(monitor.flatMap((event) => (event.type === 'ban' ? [[event.client, event.code]] : [])));
/** @param waitMs for the clients of a round: for ever where nobody is banned, a moment where somebody will be missing */
export async function play(actors: readonly Actor[], rounds: number, waitMs = 600_000): Promise<SimulationReport> {
  const report = await runSimulation(settings(actors, rounds, waitMs));
  expect(report.outcome).toBe('finished');
  return report;
}
