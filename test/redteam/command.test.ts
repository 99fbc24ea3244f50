// `sotto redteam`: files, exit codes, what is said. The simulations behind it are made up; matrix.test.ts runs real ones.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Hash } from '../../protocol/ids.js';
import { redTeam } from '../../server/cli/redteam.js';
import { type RunSimulation, STAMP } from '../../simulations/report.js';
import { fakeIo } from '../cli/fake-io.js';
import { SMALL } from './matrix.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-redteam-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const settings = file('small.yaml', SMALL);
const bars = (metric: string, atMost: number) =>
  file('bars.yaml', `bars: [{ attack: sign-flip, defence: sketch, metric: ${metric}, atMost: ${atMost} }]`);
const options = { out: folder, fresh: true, json: false };

const run: RunSimulation = async (config, hooks) => ({
  stamp: STAMP,
  task: config.task.task,
  seed: config.seed,
  profile: config.task.profile,
  rule: config.task.rule,
  dimension: config.task.dimension,
  clients: 9,
  rounds: [],
  finalAccuracy: config.fleet.malicious.length > 0 ? 0.6 : 0.9,
  modelHash: 'cd'.repeat(32) as Hash,
  malicious: [],
  outcome: hooks?.signal?.aborted ? 'stopped' : 'finished',
  wallSeconds: 1,
  startSeconds: 1,
  roster: [],
  versions: { sotto: '0.1.0', protocol: 'sotto/1', node: 'v20' },
  config,
});

// Charts take a while to load where the machine is busy.
describe('sotto redteam', { timeout: 120_000 }, () => {
  it('writes three reports and ends with 0 where there is no bar, or all are met', async () => {
    const io = fakeIo();
    expect(await redTeam(settings, options, io, run)).toBe(0);
    expect(io.err()).toContain('2/2 sign-flip × sketch, seed 3: accuracy 60.0 %');
    expect(io.out()).toContain('small: 2 of 2 cells\nreport ');
    const { cells } = JSON.parse(readFileSync(join(folder, 'small', 'report.json'), 'utf8'));
    expect(cells.map(({ attack }: { attack: string }) => attack)).toEqual(['clean', 'sign-flip']);
    expect(readFileSync(join(folder, 'small', 'report.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(readFileSync(join(folder, 'small', 'report.md'), 'utf8')).toMatch(/^# Red team small/);
    expect(await redTeam(settings, { ...options, gate: bars('accuracyDrop', 0.31) }, fakeIo(), run)).toBe(0);
  });
  it('ends with 3 and names each bar that was missed', async () => {
    const io = fakeIo();
    expect(await redTeam(settings, { ...options, gate: bars('accuracyDrop', 0.29) }, io, run)).toBe(3);
    expect(io.out()).toContain(
      '0 of 1 bars met\nmissed accuracyDrop of sign-flip under sketch is 0.3; wanted at most 0.29',
    );
  });
  it('refuses bars that name nothing before anything runs', async () => {
    const wrong = file('wrong.yaml', 'bars: [{ attack: x, defence: sketch, metric: bytes, atMost: 1 }]');
    const never: RunSimulation = () => Promise.reject(new Error('it ran'));
    await expect(redTeam(settings, { ...options, gate: wrong }, fakeIo(), never)).rejects.toThrow('bars.0.attack is x');
  });
  it('interrupted ends with 130, keeps what is done, and goes on from there', async () => {
    const io = fakeIo();
    const again = { ...options, fresh: false, out: join(folder, 'again') };
    const code = await redTeam(settings, again, io, (config, hooks) => {
      if (config.fleet.malicious.length > 0) io.interrupt();
      return run(config, hooks);
    });
    expect(code).toBe(130);
    expect(io.out()).toContain('1 of 2 cells');
    const rest = fakeIo();
    expect(await redTeam(settings, again, rest, run)).toBe(0);
    expect(rest.err()).toContain('1/2 clean × sketch, seed 3: accuracy 90.0 % in 1.0 s (kept)');
  });
  it('--json writes nothing but JSON lines, the report last', async () => {
    const io = fakeIo();
    await redTeam(settings, { ...options, json: true }, io, run);
    const lines = io
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(['running', 'cell', 'running', 'cell', 'report']);
    expect(lines.at(-1)).toMatchObject({ format: 'sotto.redteam/1', complete: true, stamp: STAMP });
  });
});
