// A client's own privacy budget through the command: real coordinator, sockets, masks, noise and files. Not here: prices (test/privacy).

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { run } from '../../server/cli/run.js';
import { type FakeIo, fakeIo } from './fake-io.js';
import { TOWARDS_ONE } from './towards-one.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-budget-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const settings = {
  ...TOWARDS_ONE,
  group: { size: 4 },
  encoding: { clipNorm: 1 },
  campaign: { rounds: 3 },
};
/** ε of one round is 4.7, of two 7.1. */
const NOISE = { placement: 'distributed', noiseMultiplier: 1, losses: 0, budget: { epsilon: 1000, delta: 1e-5 } };
const TRAINER = `
export const trainer = () => ({
  async init({ dimension }) {
    return { dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] };
  },
  async train(weights) {
    return { update: weights.map((w) => 1 - w), examples: 1, metrics: {} };
  },
});
`;

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
async function coordinate(
  name: string,
  changes: object,
): Promise<{ io: FakeIo; done: Promise<number>; args: string[] }> {
  writeFileSync(at(`${name}.yaml`), stringify({ ...settings, ...changes, identityFile: `${name}.key` }));
  writeFileSync(at('trainer.mjs'), TRAINER);
  const key = at(`${name}.key`);
  if (!existsSync(key)) await run(['keys', 'new', '--out', key], fakeIo());
  const keys = fakeIo();
  await run(['keys', 'show', key, '--json'], keys);
  const io = fakeIo();
  const done = run(['coordinator', at(`${name}.yaml`), '--json'], io);
  const url = await until(() => /"url":"(ws:[^"]+)"/.exec(io.out())?.[1]);
  const args = ['client', '--url', url, '--task', 'towards-one', '--coordinator', JSON.parse(keys.out()).id];
  return { io, done, args: [...args, '--trainer', at('trainer.mjs'), '--min-group', '4'] };
}
interface Running {
  readonly io: FakeIo;
  readonly done: Promise<number>;
}
async function stop(running: readonly Running[]): Promise<void> {
  for (const { io } of running) io.interrupt();
  await Promise.all(running.map(({ done }) => done));
}
const start = (args: string[]): Running => {
  const io = fakeIo();
  return { io, done: run(args, io) };
};
const limits = (guards: string, epsilon = '6'): string[] => [
  '--guards',
  at(guards),
  '--max-epsilon',
  epsilon,
  '--delta',
  '1e-5',
];
const ledgerOf = (guards: string): string[] => {
  const [file] = readdirSync(at(guards)).filter((name) => name.startsWith('ledger-'));
  const lines = readFileSync(join(at(guards), file as string), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  return lines.map((line) => {
    const { type, id } = JSON.parse(line).entry;
    return `${type} ${id}`;
  });
};

describe('sotto client --max-epsilon', () => {
  it('takes part once where the budget is for once, then refuses, also as a new process that has only its files', async () => {
    const first = await coordinate('once', { privacy: NOISE, dataDir: 'once' });
    const clients = [0, 1, 2, 3].map((i) => start([...first.args, ...limits(`g${i}`)]));
    for (const client of clients) await until(() => (client.io.err().includes('GUARD_PRIVACY') ? true : undefined));
    expect(clients[0]?.io.err()).toMatch(
      /REFUSED the coordinator: GUARD_PRIVACY .*would have spent ε = .*more than the budget of 6/,
    );
    const once = ['reserved towards-one/1.1', 'settled towards-one/1.1'];
    for (const i of [0, 1, 2, 3]) expect(ledgerOf(`g${i}`)).toEqual(once);
    await stop([first, ...clients]);

    // The coordinator comes back and goes on with round 2; of this client nothing is left but its files.
    const second = await coordinate('once', { privacy: NOISE, dataDir: 'once' });
    const again = start([...second.args, ...limits('g0')]);
    const others = [1, 2, 3].map((i) => start([...second.args, ...limits(`new${i}`, '600')]));
    await until(() => (again.io.err().includes('GUARD_PRIVACY') ? true : undefined));
    expect(again.io.err()).toContain('waiting for round 2');
    expect(ledgerOf('g0')).toEqual(once);
    await stop([second, again, ...others]);
  });

  it('refuses a task without noise of its own; with a limit for records alone it takes part in that', async () => {
    const one = await coordinate('bare', {});
    const strict = [0, 1, 2, 3].map((i) => start([...one.args, ...limits(`strict${i}`, '600')]));
    await until(() => (strict[0]?.io.err().includes("has no noise of this client's own") ? true : undefined));
    await stop([one, ...strict]);
    const other = await coordinate('bare', { campaign: { rounds: 1 } });
    const records = [0, 1, 2, 3].map((i) =>
      start([...other.args, '--guards', at(`r${i}`), '--max-record-epsilon', '3', '--delta', '1e-5']),
    );
    expect(await other.done).toBe(0);
    await Promise.all(records.map((client) => client.done));
    for (const { io } of records) expect(io.out()).toContain('took part in 1 rounds');
  });

  const base = ['client', '--url', 'ws://127.0.0.1:9', '--task', 't', '--trust-first', '--trainer', at('trainer.mjs')];
  it.each<[string, string[], string]>([
    ['an ε without δ', ['--max-epsilon', '3', '--guards', 'g'], '--delta is missing'],
    ['a δ without ε', ['--delta', '1e-5'], '--delta alone limits nothing'],
    ['a budget that nobody would remember', ['--max-epsilon', '3', '--delta', '1e-5'], '--guards is missing'],
    ['a δ of 0', ['--max-epsilon', '3', '--delta', '0', '--guards', 'g'], 'PRIVACY_DELTA'],
    ['an ε of 0', ['--max-epsilon', '0', '--delta', '1e-5', '--guards', 'g'], 'above 0'],
    ['a negative ε of records', ['--max-record-epsilon', '-2', '--delta', '1e-5', '--guards', 'g'], 'above 0'],
  ])('%s is refused before anything is opened, with a way out', async (_, more, text) => {
    const { io, done } = start([...base, ...more]);
    expect(await done).toBe(2);
    expect(io.err()).toContain(text);
  });
});
