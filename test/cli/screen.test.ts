// Claims about what a person sees while rounds run and afterwards. Not here: the command line.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../protocol/ids.js';
import { size } from '../../server/cli/format.js';
import { cut, LiveLines } from '../../server/cli/live.js';
import { writeRun } from '../../server/cli/runs.js';
import { simulate } from '../../server/cli/simulate.js';
import { spentLines } from '../../server/cli/spent.js';
import { reportSummary, reportTable } from '../../server/cli/table.js';
import { RunView } from '../../server/cli/view.js';
import { loadSimulationConfig } from '../../simulations/config.js';
import { type RoundEntry, type RunSimulation, type SimulationReport, STAMP } from '../../simulations/report.js';
import { fakeIo } from './fake-io.js';

const ESCAPE = String.fromCharCode(27);
const plain = pc.createColors(false);
const model = 'cd'.repeat(32) as Hash;

const entry = (round: number, accuracy: number): RoundEntry => ({
  round,
  attempts: 1,
  void: false,
  accuracy,
  loss: 0.5,
  monitor: [],
  cohort: ['client-0', 'client-1', 'client-2', 'client-3'],
  survivors: ['client-0', 'client-1', 'client-3'],
  dropped: [{ client: 'client-2', phase: 'masked' }],
  excluded: [],
  spared: [],
  voidedGroups: [],
  seconds: 1.25,
  bytesUp: 1_234_567,
  bytesDown: 999,
  modelHash: model,
});
const report = (rule: SimulationReport['rule'], accuracies: readonly number[]): SimulationReport => ({
  task: 'quick',
  seed: 7,
  profile: 'grouped',
  rule,
  dimension: 68,
  clients: 4,
  rounds: accuracies.map((accuracy, i) => entry(i + 1, accuracy)),
  finalAccuracy: accuracies.at(-1) ?? 0,
  modelHash: model,
  malicious: [{ client: 'client-3', attack: { kind: 'sign-flip', boost: 5 } }],
  outcome: 'finished',
  wallSeconds: 12,
  startSeconds: 3,
  roster: [],
  versions: { sotto: '0.1.0', protocol: 'sotto/1', node: 'v20' },
  config: loadSimulationConfig('examples/quick.yaml'),
  stamp: STAMP,
});
/** What three honest clients of the main job paid; the fourth attacks and keeps no books. */
const paid = (epsilons: readonly (number | undefined)[]): SimulationReport => ({
  ...report({ name: 'mean' }, [0.86]),
  config: loadSimulationConfig('examples/mnist.yaml'),
  roster: epsilons.map((epsilon, i) => ({
    name: `client-0${i}`,
    id: `${i}`.repeat(64) as SimulationReport['roster'][number]['id'],
    examples: 9,
    ...(epsilon !== undefined && { epsilon }),
  })),
});
const trimmed = report({ name: 'trimmed-mean', faulty: 1 }, [0.5, 0.912]);
const ruined = report({ name: 'mean' }, [0.1, 0.098]);

describe('the table', () => {
  it('shows accuracy by round beside the undefended one, who left where, bytes and time', () => {
    const text = reportTable(trimmed, [ruined], plain);
    for (const part of ['trimmed-mean (f = 1)', 'mean', '91.2 %', '9.8 %', '3/4', '2 masked', '1.2 MB', '999 B']) {
      expect(text).toContain(part);
    }
  });
  it('is followed by who was malicious, both results, and that a seeded run claims no privacy', () => {
    const text = reportSummary(trimmed, [ruined]).join('\n');
    expect(text).toContain('1 malicious (client-3)');
    expect(text).toContain('accuracy 91.2 % with grouped: trimmed-mean (f = 1)');
    expect(text).toContain('the same attack with plain mean: accuracy 9.8 %');
    expect(text).toContain('seeded: no privacy claim');
  });
});

describe('the running view', () => {
  const started = { type: 'started', rounds: 2, groups: 2, text: 'start' } as const;
  it('shows round, phase and losses, and moves on', () => {
    const view = new RunView(plain);
    expect(view.apply(started)).toEqual(['start']);
    view.apply({ type: 'attempt', round: 1, attempt: 1 });
    view.apply({ type: 'phase', round: 1, group: 0, phase: 'masked' });
    view.apply({ type: 'phase', round: 1, group: 1, phase: 'shares' });
    view.apply({ type: 'dropped', client: '#2', phase: 'masked' });
    const text = view.lines().join('\n');
    expect(text).toContain('round 1/2');
    expect(text).toContain('keys ✓');
    expect(text).toContain('shares 1/2');
    expect(text).toContain('left: #2 masked');
  });
  it('prints one lasting line for each round, and a second attempt', () => {
    const view = new RunView(plain);
    view.apply(started);
    expect(view.apply({ type: 'attempt', round: 1, attempt: 2 })).toEqual(['round 1: attempt 2']);
    const [line] = view.apply({
      type: 'round',
      round: { ...entry(1, 0.5), cohort: 4, survivors: 3, dropped: [{ client: '#2', phase: 'keys' }], excluded: [] },
    });
    expect(line).toBe('round 1  accuracy 50.0 %  loss 0.500  3/4 in  up 1.2 MB  1.3 s  left: #2 keys');
  });
  it('is empty before the start and after the last round', () => {
    const view = new RunView(plain);
    expect(view.lines()).toEqual([]);
    view.apply(started);
    view.apply({ type: 'round', round: { ...entry(2, 0.5), cohort: 4, survivors: 4, dropped: [], excluded: [] } });
    expect(view.lines()).toEqual([]);
  });
});

describe('redrawing', () => {
  it('erases exactly what it drew before a lasting line, and gives the cursor back', () => {
    const io = fakeIo({ tty: true });
    const live = new LiveLines(io.stderr, () => ['one', 'two']);
    live.print(['first']);
    live.print(['second']);
    live.close();
    live.close();
    expect(io.err()).toBe(
      `${ESCAPE}[?25lfirst\none\ntwo\n${ESCAPE}[2A\r${ESCAPE}[0Jsecond\none\ntwo\n${ESCAPE}[2A\r${ESCAPE}[0J${ESCAPE}[?25h`,
    );
  });
  it('never writes an escape sequence off a terminal', () => {
    const io = fakeIo();
    const live = new LiveLines(io.stderr, () => ['picture']);
    live.print(['a']);
    live.changed();
    live.close();
    expect(io.err()).toBe('a\n');
  });
  it('cuts lines at the width without counting colours', () => {
    expect(cut(`${ESCAPE}[32mabcdef${ESCAPE}[39m`, 3)).toBe(`${ESCAPE}[32mabc${ESCAPE}[39m`);
    expect(cut('abc', 3)).toBe('abc');
  });
});

describe('bytes', () => {
  it.each([
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_000_000, '1.0 MB'],
  ])('%d is %s', (bytes, text) => expect(size(bytes)).toBe(text));
});

describe('the report on disk', () => {
  it('goes to a folder of its own, and latest points to the newest', () => {
    const out = mkdtempSync(join(tmpdir(), 'sotto-runs-'));
    try {
      const now = new Date('2025-01-02T03:04:05Z');
      const first = writeRun(out, trimmed, [], now);
      const second = writeRun(out, ruined, [trimmed], now);
      expect(first).not.toBe(second);
      expect(readdirSync(out).sort()).toEqual(['latest', 'quick-2025-01-02-030405', 'quick-2025-01-02-030405-1']);
      const latest = JSON.parse(readFileSync(join(out, 'latest', 'report.json'), 'utf8'));
      expect(latest).toEqual(JSON.parse(JSON.stringify({ ...ruined, compared: [trimmed] })));
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('sotto simulate', () => {
  const out = mkdtempSync(join(tmpdir(), 'sotto-simulate-'));
  const fake: RunSimulation = async (config, hooks) => {
    hooks?.onEvent?.({
      type: 'started',
      clients: 15,
      groups: 5,
      rounds: config.campaign.rounds,
      malicious: ['client-3'],
    });
    hooks?.onEvent?.({ type: 'round', entry: entry(1, 0.5) });
    return { ...report(config.task.rule, [0.5]), outcome: hooks?.signal?.aborted ? 'stopped' : 'finished' };
  };
  const options = { baseline: false, compare: false, out, json: false };

  it('shows rounds on stderr, table and report on stdout', async () => {
    const io = fakeIo();
    expect(await simulate('examples/quick.yaml', options, io, fake)).toBe(0);
    expect(io.err()).toContain('15 clients in 5 groups, malicious client-3\nround 1  accuracy 50.0 %');
    expect(io.out()).toContain('report ');
    expect(io.out()).toContain('trimmed-mean (f = 1)');
  });
  it('--compare runs the plain mean with the same fleet and seed', async () => {
    const io = fakeIo();
    const seen: unknown[] = [];
    await simulate('examples/quick.yaml', { ...options, compare: true, seed: 3 }, io, (config, hooks) => {
      seen.push([config.task.rule.name, config.seed, config.fleet.malicious]);
      return fake(config, hooks);
    });
    const malicious = [{ who: { count: 1 }, attack: { kind: 'sign-flip', boost: 5 } }];
    expect(seen).toEqual([
      ['trimmed-mean', 3, malicious],
      ['mean', 3, malicious],
    ]);
    expect(io.out()).toContain('the same attack with');
  });
  it('--json writes nothing but JSON lines to stdout, the report last', async () => {
    const io = fakeIo();
    await simulate('examples/quick.yaml', { ...options, json: true }, io, fake);
    const lines = io
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(['started', 'round', 'report']);
    expect(lines.at(-1)).toMatchObject({ task: 'quick', finalAccuracy: 0.5, stamp: 'seeded: no privacy claim' });
  });
  it('a stalled run ends with 1, an interrupted one with 130 and what there is', async () => {
    const stalled: RunSimulation = async (config) => ({ ...report(config.task.rule, [0.5]), outcome: 'stalled' });
    expect(await simulate('examples/quick.yaml', options, fakeIo(), stalled)).toBe(1);
    const io = fakeIo();
    const stopped = await simulate('examples/quick.yaml', { ...options, compare: true }, io, (config, hooks) => {
      io.interrupt();
      return fake(config, hooks);
    });
    expect(stopped).toBe(130);
    expect(io.out()).toContain('report ');
    rmSync(out, { recursive: true });
  });
});

describe('what records have paid', () => {
  it('is told client by client, dearest first, and never smaller than it is', () => {
    const [head, ...lines] = spentLines(paid([3.441, 2.5, 3.4412, undefined]));
    expect(lines).toEqual(['  ε = 3.45: client 0, 2', '  ε = 2.50: client 1']);
    expect(head).toMatch(/δ = 0.00001, budget 4, .*exact integer noise/);
  });

  it('is not told where training is not private', () => {
    expect(spentLines(report({ name: 'mean' }, [0.9]))).toEqual([]);
  });
});
