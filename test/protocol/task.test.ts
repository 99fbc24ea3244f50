// The settings of a task: what follows from them, which contradictions are refused with which remedy, and the strict text that
// clients read. Numbers of the ring and threshold tables are those of protocol.md §4 and §5.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import {
  canonicalJson,
  deriveTask,
  type Json,
  ringOf,
  type TaskConfig,
  thresholdOf,
  type WAITING_PHASES,
  type Window,
} from '../../protocol/task.js';
import { parseTask } from '../../protocol/task-schema.js';
import { taskOf } from './world.js';

const encodingOf = (bits: number): TaskConfig['encoding'] => ({
  clipNorm: 1,
  range: 1,
  bits,
  weighting: { by: 'uniform' },
});
const errorOf = (work: () => unknown): SottoError => {
  try {
    work();
  } catch (error) {
    if (error instanceof SottoError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('what follows from the settings', () => {
  it('thresholds: t = max(⌊2N/3⌋+1, ⌊(N+a)/2⌋+1), the table of protocol.md §4', () => {
    expect([16, 32, 64, 128].map((n) => thresholdOf(n, 0))).toEqual([11, 22, 43, 86]);
    expect([8, 8, 8].map((n, i) => thresholdOf(n, [0, 3, 4][i] as number))).toEqual([6, 6, 7]);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 128 }), fc.nat({ max: 127 }), (n, a) => {
        fc.pre(a < n);
        const t = thresholdOf(n, a);
        // Two sets of signers of which at most a sign both: they cannot both reach t.
        return 2 * t > n + a && t <= n && 3 * t > 2 * n;
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('rings: ρ ≥ b + ⌈log₂ n⌉ of 16, 24, 32, the table of protocol.md §5', () => {
    expect([8, 12, 16].map((bits) => ringOf(bits, 64))).toEqual([16, 24, 24]);
    // Both sides of each step: n = 64 takes 6 bits, n = 65 takes 7.
    expect([ringOf(10, 64), ringOf(11, 64), ringOf(10, 65), ringOf(9, 65)]).toEqual([16, 24, 24, 16]);
    expect([ringOf(18, 64), ringOf(19, 64), ringOf(26, 64), ringOf(27, 64)]).toEqual([24, 32, 32, undefined]);
  });

  it('levels, bytes on the wire, and one more coordinate where the task is weighted', () => {
    const plain = deriveTask(taskOf({ size: 64, dimension: 1000, encoding: encodingOf(16) }));
    expect([plain.encoding.levels, plain.encoding.ring, plain.vectorLength, plain.inputBytes]).toEqual([
      32_767, 24, 1000, 3000,
    ]);
    const weighted = deriveTask(
      taskOf({
        size: 64,
        dimension: 1000,
        encoding: { ...encodingOf(8), weighting: { by: 'examples', maxExamples: 10 } },
      }),
    );
    expect([weighted.vectorLength, weighted.inputBytes]).toEqual([1001, 2002]);
    const open = deriveTask(taskOf({ size: 64, dimension: 1000, profile: 'open' }));
    expect([open.threshold, open.vectorLength, open.inputBytes]).toEqual([1, 1000, 4000]);
  });
});

const window = (count: [number, number], time: [number, number]): Window => ({
  count: { min: count[0], max: count[1] },
  time: { min: time[0], max: time[1] },
});
const windows = (phase: (typeof WAITING_PHASES)[number], one: Window, size = 8): TaskConfig['windows'] => ({
  ...taskOf({ size }).windows,
  [phase]: one,
});

describe('contradictions are refused with the setting, both sides and a way out', () => {
  const cases: [title: string, task: TaskConfig, code: string, field: string, says: RegExp][] = [
    ['no coordinates', taskOf({ size: 8, dimension: 0 }), 'CONFIG_INVALID', 'dimension', /dimension 0 is not in 1…/],
    [
      'too many coordinates',
      taskOf({ size: 8, dimension: 2 ** 26 + 1 }),
      'CONFIG_INVALID',
      'dimension',
      /not in 1…67108864/,
    ],
    [
      'two groups in profile cohort',
      { ...taskOf({ size: 8 }), group: { size: 8, count: 2, colluders: 0 } },
      'CONFIG_GROUP_SIZE',
      'group.count',
      /use profile grouped or group.count 1/,
    ],
    ['a group of one', taskOf({ size: 1 }), 'CONFIG_GROUP_SIZE', 'group.size', /not in 2…128/],
    ['a group of 129', taskOf({ size: 129 }), 'CONFIG_GROUP_SIZE', 'group.size', /split the clients into more groups/],
    [
      'seven strangers',
      taskOf({ size: 7, trust: 'standard' }),
      'CONFIG_GROUP_SIZE',
      'group.size',
      /below 8: .*set trust: trusted/,
    ],
    [
      'four groups of strangers',
      taskOf({ size: 8, count: 4, trust: 'standard' }),
      'CONFIG_GROUP_SIZE',
      'group.count',
      /5…1024 groups, not 4.*use more groups, or profile cohort/,
    ],
    [
      'everybody colludes',
      taskOf({ size: 8, colluders: 8, windows: windows('keys', window([8, 8], [0, 1])) }),
      'CONFIG_THRESHOLD',
      'group.colluders',
      /threshold of 9, more than the group has; use at most 7 colluders/,
    ],
    [
      'a range above the clip',
      taskOf({ size: 8, encoding: { ...encodingOf(8), range: 2 } }),
      'CONFIG_INVALID',
      'encoding.range',
      /at most clipNorm 1/,
    ],
    [
      'an infinite clip',
      taskOf({ size: 8, encoding: { ...encodingOf(8), clipNorm: Number.POSITIVE_INFINITY } }),
      'CONFIG_INVALID',
      'encoding.clipNorm',
      /positive number/,
    ],
    ['one bit', taskOf({ size: 8, encoding: encodingOf(1) }), 'CONFIG_INVALID', 'encoding.bits', /2…31/],
    [
      'a sum that overflows the largest ring',
      taskOf({ size: 64, encoding: encodingOf(27) }),
      'CONFIG_RING',
      'encoding.bits',
      /needs 33 bits, more than the largest ring \(32\); use at most 26 bits/,
    ],
    [
      'a robust rule over one sum',
      taskOf({ size: 8, rule: { name: 'median', faulty: 0 } }),
      'CONFIG_RULE_PROFILE',
      'rule',
      /use profile grouped .* open .* or rule mean/,
    ],
    [
      'a robust rule with weights',
      taskOf({
        size: 8,
        count: 5,
        rule: { name: 'median', faulty: 1 },
        encoding: { ...encodingOf(8), weighting: { by: 'examples', maxExamples: 5 } },
      }),
      'CONFIG_RULE_PROFILE',
      'encoding.weighting',
      /takes encoding.weighting uniform only/,
    ],
    [
      'three liars among six groups',
      taskOf({ size: 8, count: 6, rule: { name: 'trimmed-mean', faulty: 3 } }),
      'CONFIG_RULE_COUNT',
      '',
      /needs at least 7 inputs, there are 6/,
    ],
    [
      'a count window upside down',
      taskOf({ size: 8, windows: windows('shares', window([8, 7], [0, 1])) }),
      'CONFIG_PHASE_WINDOW',
      'windows.shares',
      /count.min 8 is above count.max 7/,
    ],
    [
      'a time window upside down',
      taskOf({ size: 8, windows: windows('unmask', window([6, 8], [2, 1])) }),
      'CONFIG_PHASE_WINDOW',
      'windows.unmask',
      /time.min 2 is above time.max 1/,
    ],
    [
      'no time at all',
      taskOf({ size: 8, windows: windows('keys', window([6, 8], [0, 0])) }),
      'CONFIG_PHASE_WINDOW',
      'windows.keys',
      /time.max 0 must be positive/,
    ],
    [
      'a quorum below the threshold',
      taskOf({ size: 8, windows: windows('masked', window([5, 8], [0, 1])) }),
      'CONFIG_PHASE_WINDOW',
      'windows.masked',
      /count.min 5 is below the threshold 6/,
    ],
    [
      'a phase that waits for more than the group has',
      taskOf({ size: 8, windows: windows('masked', window([6, 9], [0, 1])) }),
      'CONFIG_PHASE_WINDOW',
      'windows.masked',
      /count.max 9 is above group.size 8/,
    ],
    [
      'a robust rule over updates that may be too few for it',
      taskOf({
        size: 8,
        profile: 'open',
        rule: { name: 'median', faulty: 2 },
        windows: windows('masked', window([4, 8], [0, 1])),
      }),
      'CONFIG_PHASE_WINDOW',
      'windows.masked',
      /count.min 4 is below the 5 updates that rule median needs; raise it, or lower rule.faulty/,
    ],
    [
      'an optimiser without a rate',
      taskOf({ size: 8, optimizer: { name: 'fedavg', learningRate: 0 } }),
      'CONFIG_OPTIMIZER',
      'learningRate',
      /must be a finite number above 0/,
    ],
  ];
  for (const [title, task, code, field, says] of cases)
    it(`${title}: ${code}`, () => {
      const error = errorOf(() => deriveTask(task));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(says);
      if (field !== '') expect(error.details.field).toBe(field);
    });

  it('the limits themselves are accepted', () => {
    for (const task of [
      taskOf({ size: 128 }),
      taskOf({ size: 8, trust: 'standard' }),
      taskOf({ size: 8, count: 5, trust: 'standard' }),
      taskOf({ size: 8, colluders: 7 }),
      taskOf({ size: 64, encoding: encodingOf(26) }),
      taskOf({ size: 8, count: 7, rule: { name: 'trimmed-mean', faulty: 3 } }),
    ])
      expect(deriveTask(task).text).toBe(canonicalJson(task as unknown as Json));
  });
});

describe('the text of a task', () => {
  const task = taskOf({ size: 8 });
  const changed = (change: (value: Record<string, unknown>) => void): string => {
    const value = JSON.parse(deriveTask(task).text) as Record<string, unknown>;
    change(value);
    return JSON.stringify(value);
  };

  it('is read back as the same task, and written again as the same text', () => {
    const { text } = deriveTask(task);
    expect(parseTask(text)).toEqual(task);
    expect(deriveTask(parseTask(text)).text).toBe(text);
  });

  const bad: [title: string, change: (value: Record<string, unknown>) => void, field: string][] = [
    ['an unknown setting', (v) => Object.assign(v, { backdoor: true }), 'backdoor'],
    ['an unknown setting inside another', (v) => Object.assign(v.group as object, { extra: 1 }), 'group.extra'],
    ['another protocol', (v) => Object.assign(v, { protocol: 'sotto/2' }), 'protocol'],
    ['an unknown profile', (v) => Object.assign(v, { profile: 'sketched' }), 'profile'],
    ['a missing setting', (v) => delete v.prg, 'prg'],
    ['a fraction of a client', (v) => Object.assign(v.group as object, { size: 8.5 }), 'group.size'],
    ['a negative number of colluders', (v) => Object.assign(v.group as object, { colluders: -1 }), 'group.colluders'],
    ['a number as text', (v) => Object.assign(v, { dimension: '5' }), 'dimension'],
    ['a task id with a slash', (v) => Object.assign(v, { task: '../x' }), 'task'],
    ['an unknown rule', (v) => Object.assign(v, { rule: { name: 'krumm', faulty: 1 } }), 'rule'],
    ['a rule without its f', (v) => Object.assign(v, { rule: { name: 'median' } }), 'rule'],
    ['a mean with an f', (v) => Object.assign(v, { rule: { name: 'mean', faulty: 1 } }), 'rule'],
    ['a phase too many', (v) => Object.assign(v.windows as object, { sketch: {} }), 'windows.sketch'],
  ];
  for (const [title, change, field] of bad)
    it(`with ${title} is refused, and the setting is named`, () => {
      const error = errorOf(() => parseTask(changed(change)));
      expect([error.code, error.details.field]).toEqual(['CONFIG_INVALID', field]);
    });

  it('that is no JSON is refused', () => {
    for (const text of ['', '{', 'null', '[]', '"x"'])
      expect(errorOf(() => parseTask(text)).code).toBe('CONFIG_INVALID');
  });
});

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 units, at every depth, without white space; lists keep their order', () => {
    expect(canonicalJson({ b: [3, 1, { z: null, a: true }], a: 'x\n', B: -0.5, '10': 1, '9': 2 })).toBe(
      '{"10":1,"9":2,"B":-0.5,"a":"x\\n","b":[3,1,{"a":true,"z":null}]}',
    );
  });

  it('is one text for one value, however its keys were put in, and parses back to it', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([k, v]) => [k, shuffled(v)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value as Json);
        expect(canonicalJson(shuffled(value) as Json)).toBe(text);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(JSON.parse(JSON.stringify(JSON.parse(text)))));
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('leaves out what is undefined, as JSON does', () => {
    expect(canonicalJson({ a: undefined, b: 1 } as unknown as Json)).toBe('{"b":1}');
  });
});
