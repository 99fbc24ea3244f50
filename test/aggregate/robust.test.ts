// The robust rules beyond order statistics: the contract of all rules, their robustness constants, and what each claims for itself.
// Not here: median and trimmed mean (rules.test.ts), reference vectors (vectors.test.ts), selection over sketches (selection.test.ts).

import { describe, expect, it } from 'vitest';
import { leastInputs, type PreSpec, type RuleSpec } from '../../protocol/rule.js';
import {
  arc,
  bucketing,
  clip,
  createRule,
  drawSeed,
  generatorOf,
  nnm,
  pipeline,
  type Rule,
  resumeRule,
  type Visible,
} from '../../server/aggregate/index.js';
import { Random } from '../../simulations/random.js';
import { type RuleClaims, ruleContract } from '../contracts/rule.js';
import { ALL_CASES } from '../robustness-cases.js';
import { worstOfTrials } from './kappa.js';
import { aggregate, codeOf, f64, inputsOf } from './rows.js';

const draws = () => {
  const random = Random.fromSeed('draws');
  return () => random.uniform();
};
const ruleOf = (spec: RuleSpec): Rule => createRule(spec, draws());

/** `spec` for f bad inputs. */
type Spec = (faulty: number) => RuleSpec;
const WEISZFELD = { nu: 1e-6, steps: 200, start: 'median' } as const;
const CLIPPING = { tau: 10, steps: 5 } as const;
const KRUM = { neighbours: 'n-f-1', force: false } as const;
const SPECS = {
  median: (faulty) => ({ name: 'median', faulty }),
  'trimmed-mean': (faulty) => ({ name: 'trimmed-mean', faulty }),
  meamed: (faulty) => ({ name: 'meamed', faulty }),
  'geometric-median': (faulty) => ({ name: 'geometric-median', faulty, ...WEISZFELD }),
  'geometric-median from zero': (faulty) => ({ name: 'geometric-median', faulty, nu: 0.1, steps: 3, start: 'zero' }),
  'centred-clipping': (faulty) => ({ name: 'centred-clipping', faulty, ...CLIPPING, start: 'median' }),
  'centred-clipping from the last': (faulty) => ({ name: 'centred-clipping', faulty, ...CLIPPING, start: 'previous' }),
  krum: (faulty) => ({ name: 'krum', faulty, ...KRUM }),
  'krum n-f-2': (faulty) => ({ name: 'krum', faulty, neighbours: 'n-f-2', force: false }),
  'multi-krum': (faulty) => ({ name: 'multi-krum', faulty, keep: 1 + faulty, ...KRUM }),
  bulyan: (faulty) => ({ name: 'bulyan', faulty }),
  mda: (faulty) => ({ name: 'mda', faulty }),
  smea: (faulty) => ({ name: 'smea', faulty }),
  caf: (faulty) => ({ name: 'caf', faulty }),
  dnc: (faulty) => ({ name: 'dnc', faulty, filter: 1, iterations: 2, coordinates: 1_000 }),
} as const satisfies Record<string, Spec>;
const NOT_SHIFTING: readonly string[] = ['geometric-median from zero', 'centred-clipping from the last'];

const behind =
  (pre: readonly PreSpec[], spec: Spec): Spec =>
  (faulty) => ({ ...spec(faulty), pre });
const PIPELINES = {
  'nnm → trimmed-mean': behind([{ name: 'nnm' }], SPECS['trimmed-mean']),
  'arc → median': behind([{ name: 'arc' }], SPECS.median),
  'nnm → clip → geometric-median': behind([{ name: 'nnm' }, { name: 'clip', norm: 2 }], SPECS['geometric-median']),
} as const satisfies Record<string, Spec>;

/**
 * A mutually nearest pair scores the same where Krum counts one neighbour, so two must be counted for scores to differ. Bulyan comes
 * down to one neighbour at its last steps (f < 3): the order of its inputs shows, as its docstring says.
 */
const UNTIED: Readonly<Record<string, (faulty: number) => number | undefined>> = {
  krum: (faulty) => faulty + 3,
  'krum n-f-2': (faulty) => faulty + 4,
  'multi-krum': (faulty) => faulty + 3,
  bulyan: () => undefined,
  // The widest pair may stand in several subsets of the same diameter.
  mda: () => undefined,
};

const claimsOf = (name: string, spec: Spec, rest: Pick<RuleClaims, 'shifts' | 'returnsOne'>): RuleClaims => ({
  name,
  make: (faulty) => ruleOf(spec(faulty)),
  least: (faulty) => leastInputs(spec(faulty)),
  untied: UNTIED[name] ?? ((faulty) => faulty),
  ...rest,
});
for (const [name, spec] of Object.entries(SPECS)) {
  const shifts = !NOT_SHIFTING.includes(name);
  // 5 steps of at most 10 reach a row of norm 7; a single row of the contract is no farther.
  ruleContract(claimsOf(name, spec, { shifts, returnsOne: name !== 'geometric-median from zero' }));
}
for (const [name, spec] of Object.entries(PIPELINES)) {
  const clips = name.includes('clip') || name.includes('arc');
  ruleContract(claimsOf(name, spec, { shifts: !clips, returnsOne: !name.includes('clip') }));
}

describe('robustness constants (Allouah et al. 2023, Table 1)', () => {
  const TRIALS = 5_000;
  const run = (spec: RuleSpec) => {
    const rule = ruleOf(spec);
    return (rows: readonly (readonly number[])[]) => aggregate(rule, rows);
  };

  it.each([
    [5, 1],
    [7, 2],
  ])('n = %i, f = %i: no adversarial trial exceeds what is proven, and the mean exceeds all of it', (n, f) => {
    const r = f / (n - 2 * f);
    const expected = ALL_CASES.find(({ rule, params }) => rule === 'kappaBounds' && params.n === n && params.f === f)
      ?.expected as Record<string, number>;
    const bound = { geometricMedian: 4 * (1 + r) ** 2, krum: 6 * (1 + r), trimmedMean: 6 * r * (1 + r) };
    for (const [name, value] of Object.entries(bound)) expect(value).toBeCloseTo(expected[name] ?? 0, 9);
    const mixed = ((8 * f) / (n - f)) * (bound.trimmedMean + 1);
    // Smoothing errs by about ν where most rows are one point; the bound is of the exact median.
    const exact: Spec = (faulty) => ({ name: 'geometric-median', faulty, ...WEISZFELD, nu: 1e-12 });
    const claims: readonly (readonly [Spec, number])[] = [
      [exact, bound.geometricMedian],
      [SPECS.krum, bound.krum],
      [PIPELINES['nnm → trimmed-mean'], mixed],
    ];
    for (const [spec, limit] of claims) {
      const worst = worstOfTrials(run(spec(f)), n, f, TRIALS);
      expect(worst).toBeLessThanOrEqual(limit);
      // No rule is below r, so a search that never gets near has no teeth.
      expect(worst).toBeGreaterThan(0.9 * r);
    }
    expect(worstOfTrials(run({ name: 'mean' }), n, f, 400)).toBeGreaterThan(1e3);
  });
});

describe('the rules for themselves', () => {
  it('take {1, 2, 3, 4, 1e10} with one bad input to what their definitions say', () => {
    const rows = [[1], [2], [3], [4], [1e10]];
    expect(aggregate(ruleOf(SPECS.meamed(1)), rows)).toEqual([2.5]);
    expect(aggregate(ruleOf(SPECS['multi-krum'](1)), rows)[0]).toBeCloseTo(2.5, 12);
    expect(aggregate(ruleOf(PIPELINES['nnm → trimmed-mean'](1)), rows)).toEqual([2.5]);
    expect(aggregate(ruleOf(SPECS['geometric-median'](1)), rows)[0]).toBeCloseTo(3, 6);
  });

  it('become the mean without bad inputs', () => {
    const random = Random.fromSeed(1);
    const rows = Array.from({ length: 6 }, () => [random.normal(), random.normal()]);
    const mean = aggregate(ruleOf({ name: 'mean' }), rows);
    for (const spec of [
      { name: 'meamed', faulty: 0 },
      { name: 'bulyan', faulty: 0 },
      { name: 'multi-krum', faulty: 0, keep: 6, ...KRUM },
      { name: 'krum', faulty: 0, ...KRUM, pre: [{ name: 'nnm' }] },
    ] as const satisfies RuleSpec[])
      aggregate(ruleOf(spec), rows).forEach((value, i) => {
        expect(value).toBeCloseTo(mean[i] ?? Number.NaN, 12);
      });
  });

  it('MeaMed breaks ties by the lower index, and that is where the order of inputs shows', () => {
    expect(aggregate(ruleOf(SPECS.meamed(1)), [[1], [4], [7]])).toEqual([2.5]);
    expect(aggregate(ruleOf(SPECS.meamed(1)), [[7], [4], [1]])).toEqual([5.5]);
    const report = ruleOf(SPECS.meamed(1)).aggregate(
      inputsOf(
        f64([
          [1, 0],
          [4, 0],
          [7, 9],
        ]),
      ),
      [],
    ).reports[0];
    expect(report).toEqual({ stage: 'meamed', faulty: 1, cut: [0, 0, 1] });
  });

  it('Krum with equal scores takes the lower index; Multi-Krum reports scores and the chosen, best first', () => {
    const rows = f64([[0], [10], [11], [0.5], [10.5]]);
    const report = ruleOf({ name: 'multi-krum', faulty: 1, keep: 3, neighbours: 'n-f-2', force: false }).aggregate(
      inputsOf(rows),
      [],
    ).reports[0];
    expect(report).toMatchObject({ stage: 'multi-krum', neighbours: 'n-f-2', scores: [100.25, 1.25, 1.25, 90.5, 0.5] });
    expect(report?.stage === 'multi-krum' && report.chosen).toEqual([4, 1, 2]);
  });

  it('Krum below 2f + 3 runs only when forced; keep beyond n − f never', () => {
    const rows = [[1], [2], [9]];
    expect(codeOf(() => aggregate(ruleOf({ name: 'krum', faulty: 1, ...KRUM }), rows))).toBe('AGGREGATE_PRECONDITION');
    expect(aggregate(ruleOf({ name: 'krum', faulty: 1, ...KRUM, force: true }), rows)).toEqual([1]);
    const greedy: RuleSpec = { name: 'multi-krum', faulty: 1, keep: 3, ...KRUM, force: true };
    expect(codeOf(() => aggregate(ruleOf(greedy), rows))).toBe('AGGREGATE_PRECONDITION');
  });

  it('Bulyan is not one ranking: what it takes second depends on what it took first', () => {
    const random = Random.fromSeed(8);
    let differs = 0;
    for (let i = 0; i < 50; i++) {
      const rows = f64(Array.from({ length: 7 }, () => [random.normal(), random.normal()]));
      const [report] = ruleOf(SPECS.bulyan(1)).aggregate(inputsOf(rows), []).reports;
      const [krum] = ruleOf({ name: 'multi-krum', faulty: 1, keep: 5, neighbours: 'n-f-2', force: false }).aggregate(
        inputsOf(rows),
        [],
      ).reports;
      if (report?.stage !== 'bulyan' || krum?.stage !== 'multi-krum') throw new Error('other stages');
      expect(report.chosen[0]).toBe(krum.chosen[0]);
      // n − 4f = 3 of the 5 chosen count in each coordinate.
      expect(report.kept.reduce((sum, share) => sum + share, 0)).toBeCloseTo(3, 12);
      if (report.chosen.join() !== krum.chosen.join()) differs++;
    }
    expect(differs).toBeGreaterThan(5);
  });

  it('the geometric median weighs the far one least, stops when it stands still, and depends on start and steps', () => {
    const rows = f64([
      [0, 0],
      [1, 0],
      [0, 1],
      [100, 100],
    ]);
    const [report] = ruleOf(SPECS['geometric-median'](1)).aggregate(inputsOf(rows), []).reports;
    if (report?.stage !== 'geometric-median') throw new Error('another stage');
    expect(report.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(Math.min(...report.weights)).toBe(report.weights[3]);
    expect(report.steps).toBeLessThanOrEqual(200);
    const short = (start: 'zero' | 'median') =>
      aggregate(ruleOf({ name: 'geometric-median', faulty: 1, nu: 0.1, steps: 1, start }), [[5], [6], [7]])[0];
    expect(short('zero')).not.toBeCloseTo(short('median') ?? 0, 2);
  });

  it('centred clipping: no input moves the centre by more than τ/n a step, and the state is what was published', () => {
    const spec: RuleSpec = { name: 'centred-clipping', faulty: 1, tau: 0.5, steps: 1, start: 'previous' };
    const rule = ruleOf(spec);
    const honest = f64([
      [0, 0],
      [0.1, 0],
      [0, 0.1],
    ]);
    const result = rule.aggregate(inputsOf([...honest, Float64Array.of(1e12, 0)]), rule.init(2));
    const without = rule.aggregate(inputsOf([...honest, Float64Array.of(0, 0)]), rule.init(2));
    expect((result.vector[0] ?? 9) - (without.vector[0] ?? 9)).toBeCloseTo(0.5 / 4, 12);
    const published = Float32Array.from(result.vector);
    expect(result.state).toEqual([Float64Array.from(published)]);
    expect(resumeRule(spec, published)).toEqual(result.state);
    expect(resumeRule({ ...spec, start: 'zero' }, published)).toEqual([]);
    expect(resumeRule(spec, undefined)).toEqual([]);
    expect(codeOf(() => rule.aggregate(inputsOf(honest), [Float64Array.of(1)]))).toBe('AGGREGATE_SHAPE');
  });

  it('values whose squares are not finite are refused by rules over distances, with the name of the input', () => {
    const rows = [[1], [2], [1e200], [3], [4]];
    for (const name of ['krum', 'multi-krum', 'geometric-median', 'centred-clipping'] as const) {
      expect(codeOf(() => aggregate(ruleOf(SPECS[name](1)), rows))).toBe('AGGREGATE_NON_FINITE');
      expect(() => aggregate(ruleOf(SPECS[name](1)), rows)).toThrow(/input 2/);
    }
  });
});

describe('steps', () => {
  it('stand in the order in which they are written: NNM then clip is not clip then NNM', () => {
    const [mix, cut]: readonly PreSpec[] = [{ name: 'nnm' }, { name: 'clip', norm: 1 }];
    const rows = [
      [0, 2],
      [2, 0],
      [1.6, 1.6],
      [9, 9],
      [0.4, 0.8],
    ];
    const of = (pre: readonly PreSpec[]) => ruleOf({ name: 'trimmed-mean', faulty: 1, pre });
    expect(of([mix as PreSpec, cut as PreSpec]).name).toBe('nnm → clip(1) → trimmed-mean(1)');
    expect(aggregate(of([mix as PreSpec, cut as PreSpec]), rows)).not.toEqual(
      aggregate(of([cut as PreSpec, mix as PreSpec]), rows),
    );
  });

  it('NNM: a lone liar is in few mixtures, which the report says; a mixture keeps the name of its row', () => {
    const rows = f64([[0], [1], [2], [3], [1e6]]);
    const { inputs, report } = nnm().apply(inputsOf(rows), 1);
    expect(inputs.map(({ from, members }) => [from, members])).toEqual([0, 1, 2, 3, 4].map((i) => [i, [i]]));
    if (report.stage !== 'nnm') throw new Error('another stage');
    expect(report.popularity).toEqual([0.8, 1, 1, 1, 0.2]);
    expect(report.radius[0]).toBe(3);
  });

  it('bucketing: every input is in one bucket, members and weights go with it, the last may be short', () => {
    const rows = f64([[1], [2], [3], [4], [5]]);
    const { inputs, report } = bucketing(2, draws()).apply(inputsOf(rows, [1, 2, 3, 4, 5]), 1);
    expect(inputs.flatMap(({ members }) => [...members]).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(inputs.map(({ members }) => members.length)).toEqual([2, 2, 1]);
    for (const { members, weight, vector } of inputs) {
      const sum = members.reduce((total: number, i) => total + Number(i) + 1, 0);
      expect(weight).toBe(sum);
      expect(vector[0]).toBe(sum / members.length);
    }
    expect(report).toEqual({ stage: 'bucketing', buckets: inputs.map(({ members }) => [...members]) });
  });

  it('bucketing: every permutation is as likely (chi-square over 24, 23 degrees, fixed seed, below 49.7: 1 in 1,000)', () => {
    const counts = new Map<string, number>();
    const random = generatorOf(drawSeed(draws()));
    const step = bucketing(1, random);
    for (let i = 0; i < 24_000; i++) {
      const order = step.apply(inputsOf(f64([[0], [1], [2], [3]])), 0).inputs.map(({ from }) => from);
      counts.set(order.join(), (counts.get(order.join()) ?? 0) + 1);
    }
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
    expect(counts.size).toBe(24);
    expect(chi).toBeLessThan(49.7);
  });

  it('float32 rows stay float32, so that a long row does not push the others off the fast kernel', () => {
    const rows = [Float32Array.of(30, 40), Float32Array.of(1, 0), Float32Array.of(0, 1)];
    for (const step of [clip<Visible>(5), arc<Visible>(), nnm<Visible>(), bucketing<Visible>(2, draws())]) {
      const kinds: string[] = [];
      const probe: Rule = {
        ...ruleOf({ name: 'trimmed-mean', faulty: 1 }),
        aggregate(inputs) {
          kinds.push(...inputs.map(({ vector }) => vector.constructor.name));
          return { vector: new Float64Array(2), state: [], reports: [] };
        },
      };
      pipeline([step], probe).aggregate(inputsOf(rows), []);
      expect(new Set(kinds)).toEqual(new Set(['Float32Array']));
    }
  });

  it('the seeded generator repeats, and two seeds do not', () => {
    const list = (seed: readonly [number, number, number, number]) => {
      const next = generatorOf(seed);
      return Array.from({ length: 5 }, next);
    };
    expect(list([1, 2, 3, 4])).toEqual(list([1, 2, 3, 4]));
    expect(list([0, 0, 0, 0])).not.toEqual(list([1, 0, 0, 0]));
    expect(list([0, 0, 0, 0]).every((value) => value >= 0 && value < 1)).toBe(true);
  });
});
