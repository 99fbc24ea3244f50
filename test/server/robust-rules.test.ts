// The robust rules on the road that the coordinator takes: configuration → signed task → sockets → engine → model.
// Not here: what the rules compute (test/aggregate), files of settings (test/config.test.ts).

import { describe, expect, it } from 'vitest';
import type { RuleSpec } from '../../protocol/rule.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import { parseTask } from '../../protocol/task-schema.js';
import {
  clip,
  createRule,
  groupMean,
  pipeline,
  type RuleState,
  update,
  type Visible,
} from '../../server/aggregate/index.js';
import { type RoundReport, workerEngine } from '../../server/index.js';
import { codeOf } from '../aggregate/rows.js';
import { taskOf } from '../protocol/world.js';
import { arrange, type Setting } from './setting.js';

/** As clients get it: from the text that is signed. A field that the schema does not know would not arrive. */
const signed = (config: TaskConfig): TaskConfig => parseTask(deriveTask(config).text);

const NO_DRAWS = () => Number.NaN;

/** The means of the groups as a plain computation gives them: grid updates need no rounding. */
function groupMeans(setting: Setting, report: RoundReport): Visible[] {
  return report.groups.map(({ id, members }) => {
    const rows = setting.updates.filter((_, i) => members.includes(setting.idOf(i)));
    const mean = Float32Array.from(
      rows[0] ?? [],
      (_, k) => rows.reduce((sum, row) => sum + (row[k] ?? 9), 0) / rows.length,
    );
    return groupMean(id, mean, rows.length);
  });
}

/** A task of profile `open` that closes with all its updates. */
function openTask(size: number, rule: RuleSpec): TaskConfig {
  const config = taskOf({ size, profile: 'open' });
  const masked = { ...config.windows.masked, count: { min: size, max: size } };
  return signed({ ...config, rule, windows: { ...config.windows, masked } });
}

const stagesOf = (report: RoundReport | undefined): string[] => (report?.rule ?? []).map(({ stage }) => stage);

describe('profile open', () => {
  const HUGE = Float32Array.from([5e5, -5e5, 5e5, 0, 5e5]);

  it('NNM → trimmed mean: one client sends half a million, the model is what the rule gives, and the report points at it', async () => {
    const rule: RuleSpec = { name: 'trimmed-mean', faulty: 1, pre: [{ name: 'nnm' }] };
    const setting = await arrange({
      config: openTask(6, rule),
      client: (i) => (i === 2 ? { update: HUGE } : {}),
      coordinator: { engine: workerEngine(1) },
    });
    const [report] = (await setting.run()).rounds;
    const inputs = (report?.groups[0]?.members ?? []).map((id) => {
      const at = setting.clients.findIndex((one) => one.identity.id === id);
      return update(id, at === 2 ? HUGE : (setting.updates[at] ?? HUGE), 1);
    });
    // In `open` the engine bounds rows by the task's norm before any step.
    const same = pipeline([clip<Visible>(1e6)], createRule(rule, NO_DRAWS));
    const { vector, reports } = same.aggregate(inputs, []);
    expect([...setting.coordinator.model()]).toEqual([...Float32Array.from(vector)]);
    expect(setting.coordinator.model().every((value) => Math.abs(value) < 1)).toBe(true);
    expect(stagesOf(report)).toEqual(['clip', 'nnm', 'trimmed-mean']);
    expect(report?.rule).toEqual(reports);
    const nnm = report?.rule[1];
    const liar = inputs.findIndex(({ from }) => from === setting.idOf(2));
    expect(nnm?.stage === 'nnm' && nnm.popularity.map((share) => share < 0.5)).toEqual(
      inputs.map((_, i) => i === liar),
    );
  });

  it('bucketing → Krum: buckets are drawn by the coordinator, the model is one of them', async () => {
    const rule: RuleSpec = {
      name: 'krum',
      faulty: 1,
      neighbours: 'n-f-1',
      force: false,
      pre: [{ name: 'bucketing', size: 2 }],
    };
    const draws = [0.9, 0.1, 0.7, 0.3];
    let at = 0;
    const setting = await arrange({
      config: openTask(10, rule),
      coordinator: { random: () => draws[at++ % 4] ?? 0 },
    });
    const [report] = (await setting.run()).rounds;
    expect(stagesOf(report)).toEqual(['clip', 'bucketing', 'krum']);
    const [, bucketing, krum] = report?.rule ?? [];
    if (bucketing?.stage !== 'bucketing' || krum?.stage !== 'krum') throw new Error('other stages');
    expect(bucketing.buckets.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(bucketing.buckets.flat()).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const members = report?.groups[0]?.members ?? [];
    const [a, b] = (bucketing.buckets[krum.chosen[0] ?? 9] ?? []).map((i) =>
      setting.updates.find((_, client) => setting.idOf(client) === members[i]),
    );
    expect([...setting.coordinator.model()]).toEqual(Array.from(a ?? [], (value, k) => (value + (b?.[k] ?? 9)) / 2));
  });
});

describe('profile grouped', () => {
  it('ARC → Multi-Krum over group means; clients stay masked, the report is per group', async () => {
    const rule: RuleSpec = {
      name: 'multi-krum',
      faulty: 1,
      neighbours: 'n-f-2',
      keep: 3,
      force: false,
      pre: [{ name: 'arc' }],
    };
    const setting = await arrange({ config: signed(taskOf({ size: 2, count: 5, rule })) });
    const [report] = (await setting.run()).rounds;
    if (report === undefined) throw new Error('no round');
    const { vector, reports } = createRule(rule, NO_DRAWS).aggregate(groupMeans(setting, report), []);
    expect([...setting.coordinator.model()]).toEqual([...Float32Array.from(vector)]);
    expect(report.rule).toEqual(reports);
    expect(report.rule[1]).toMatchObject({ stage: 'multi-krum', chosen: { length: 3 }, scores: { length: 5 } });
  });

  it('centred clipping starts each round where the last one ended: three rounds are one computation with its state', async () => {
    const rule: RuleSpec = { name: 'centred-clipping', faulty: 1, tau: 0.05, steps: 2, start: 'previous' };
    const setting = await arrange({
      config: signed(taskOf({ size: 2, count: 3, rule })),
      campaign: { rounds: 3 },
      coordinator: { engine: workerEngine(2) },
    });
    const { rounds } = await setting.run();
    expect(rounds.map(({ outcome }) => outcome.type)).toEqual(['committed', 'committed', 'committed']);
    const same = createRule(rule, NO_DRAWS);
    let state: RuleState = same.init(5);
    let model = new Float32Array(5);
    for (const report of rounds) {
      const { vector, state: after } = same.aggregate(groupMeans(setting, report), state);
      const step = Float32Array.from(vector);
      model = model.map((value, i) => value + (step[i] ?? 9));
      state = after;
    }
    expect([...setting.coordinator.model()]).toEqual([...model]);
    // Had each round begun at zero, all three steps would be the first one.
    const first = Float32Array.from(same.aggregate(groupMeans(setting, rounds[0] as RoundReport), same.init(5)).vector);
    expect([...model]).not.toEqual([...first.map((value) => Math.fround(3 * value))]);
  });
});

describe('the signed text of a task', () => {
  const of = (rule: RuleSpec, patch: Partial<TaskConfig> = {}) => taskOf({ size: 2, count: 7, rule, ...patch });

  it('does not change for rules without steps, and holds every parameter of those with', () => {
    expect(deriveTask(of({ name: 'median', faulty: 2 })).text).toContain('"rule":{"faulty":2,"name":"median"}');
    const pre = [{ name: 'nnm' }, { name: 'clip', norm: 2 }] as const;
    const { text } = deriveTask(of({ name: 'trimmed-mean', faulty: 2, pre }));
    expect(text).toContain('"rule":{"faulty":2,"name":"trimmed-mean","pre":[{"name":"nnm"},{"name":"clip","norm":2}]}');
    expect(deriveTask(parseTask(text)).text).toBe(text);
    expect(deriveTask(of({ name: 'trimmed-mean', faulty: 2, pre: [pre[1], pre[0]] })).text).not.toBe(text);
  });

  it.each([
    ['an empty list of steps', { name: 'mean', pre: [] }],
    ['an unknown step', { name: 'median', faulty: 1, pre: [{ name: 'mix' }] }],
    ['an unknown field', { name: 'krum', faulty: 1, neighbours: 'n-f-2', force: false, keep: 2 }],
    ['a missing field', { name: 'krum', faulty: 1, neighbours: 'n-f-2' }],
    ['a neighbour count of its own', { name: 'krum', faulty: 1, neighbours: 'n-f', force: false }],
    ['a start of another rule', { name: 'geometric-median', faulty: 1, nu: 0.1, steps: 3, start: 'previous' }],
    ['more steps than anybody needs', { name: 'geometric-median', faulty: 1, nu: 0.1, steps: 201, start: 'zero' }],
    ['ν = 0', { name: 'geometric-median', faulty: 1, nu: 0, steps: 3, start: 'zero' }],
  ])('with %s is refused by the reader and by the checker', (_, rule) => {
    const config = of(rule as unknown as RuleSpec);
    const text = JSON.stringify(config);
    expect(codeOf(() => parseTask(text))).toBe('CONFIG_INVALID');
    expect(String(codeOf(() => deriveTask(config)))).toMatch(/^CONFIG_(INVALID|RULE_COUNT)$/);
  });

  it('is refused where the claim cannot be kept by so many groups, with the numbers', () => {
    const krum = { name: 'krum', faulty: 2, neighbours: 'n-f-2' } as const;
    expect(() => deriveTask(of({ ...krum, force: false }, { group: { size: 2, count: 6, colluders: 0 } }))).toThrow(
      /krum with faulty 2 needs at least 7 inputs, there are 6/,
    );
    deriveTask(of({ ...krum, force: true }, { group: { size: 2, count: 6, colluders: 0 } }));
    expect(() => deriveTask(of({ name: 'bulyan', faulty: 2 }))).toThrow(/needs at least 11 inputs, there are 7/);
    expect(() => deriveTask(of({ name: 'median', faulty: 2, pre: [{ name: 'bucketing', size: 2 }] }))).toThrow(
      /bucketing → median with faulty 2 needs at least 9 inputs, there are 7/,
    );
    expect(() => deriveTask(of({ name: 'mean', pre: [{ name: 'nnm' }] }))).toThrow(/takes f from its rule/);
  });

  it('has no step and no robust rule where the coordinator sees one sum', () => {
    for (const rule of [
      { name: 'mean', pre: [{ name: 'clip', norm: 1 }] },
      { name: 'meamed', faulty: 0 },
    ] as const)
      expect(codeOf(() => deriveTask(taskOf({ size: 4, rule })))).toBe('CONFIG_RULE_PROFILE');
  });
});
