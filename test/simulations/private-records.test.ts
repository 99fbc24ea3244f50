// Record-level privacy end to end: what `sotto privacy plan` says of the settings beforehand is what each client's own ledger says
// afterwards, and `sotto privacy ledger` reads it from the run. Not here: whole clients (private.test.ts), the trainer (test/dp-sgd).

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Plan } from '../../server/cli/privacy/plan.js';
import { run } from '../../server/cli/run.js';
import { parseSimulationConfig } from '../../simulations/config.js';
import { runSimulation } from '../../simulations/run.js';
import { fakeIo } from '../cli/fake-io.js';

const TEXT = `
task: records-small
profile: cohort
trust: trusted
group: { size: 4 }
model: { kind: softmax, input: 6, classes: 3 }
encoding: { clipNorm: 5 }
optimizer: { name: fedavg, learningRate: 1 }
training:
  algorithm: fedavg
  learningRate: 0.5
  optimizer: sgd
  dpSgd: { clipNorm: 1, noiseMultiplier: 2, samplingRate: 0.2, lotSize: 30, steps: 3, microBatch: 64 }
windows:
  keys: { deadlineMs: 120000 }
  shares: { deadlineMs: 120000 }
  consistency: { deadlineMs: 120000 }
  unmask: { deadlineMs: 120000 }
data: { source: { set: synthetic, examples: 600, inputs: 6, classes: 3 }, partition: { kind: iid } }
fleet: { clients: 4, processes: 1, recordBudget: { epsilon: 8, delta: 0.00001 } }
campaign: { rounds: 2 }
seed: 3
`;
const folder = mkdtempSync(join(tmpdir(), 'sotto-records-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function sotto(...line: string[]): Promise<readonly Record<string, unknown>[]> {
  const io = fakeIo();
  expect(await run(line, io)).toBe(0);
  return io
    .out()
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one));
}

it('each client’s records have spent what the plan of the same file said, with exact noise, and the ledger command says so', async () => {
  const file = join(folder, 'small.yaml');
  writeFileSync(file, TEXT);
  const [plan] = (await sotto('privacy', 'plan', file, '--delta', '1e-5', '--json')) as unknown as [Plan];
  const report = await runSimulation(parseSimulationConfig(TEXT, 'records'));
  expect(report.rounds.filter(({ survivors }) => survivors.length > 0)).toHaveLength(2);
  mkdirSync(join(folder, 'run'));
  writeFileSync(join(folder, 'run', 'report.json'), JSON.stringify(report));
  const readings = await sotto('privacy', 'ledger', join(folder, 'run'), '--json');
  const clients = readings.filter(({ type }) => type === 'reading');
  expect(clients).toHaveLength(4);
  for (const reading of clients) {
    expect(reading).toMatchObject({ open: 0, statement: { unit: 'record' }, spent: { arithmetic: 'exact' } });
    const { epsilon } = reading.spent as { epsilon: number };
    const { name, epsilon: told } = report.roster.find((one) => one.name === reading.client) ?? { name: 'nobody' };
    expect(told, name).toBeCloseTo(epsilon, 9);
    // The noise is never less than was asked for, and the grid makes it at most a thousandth more.
    expect(epsilon).toBeLessThanOrEqual(plan.worst.epsilon);
    expect(epsilon / plan.worst.epsilon).toBeGreaterThan(0.99);
  }
  expect(readings.at(-1)).toMatchObject({ type: 'headline' });
}, 60_000);
