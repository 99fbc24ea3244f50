// What decides over sketches who is in: the filters, the budget, and what does not compile. Not here: the sketches themselves.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { Problem } from '../../protocol/schema.js';
import { type CentreSpec, checkSelection, type SelectionSpec } from '../../protocol/selection.js';
import { filtersSchema } from '../../protocol/selection-schema.js';
import {
  centreOf,
  createDistanceKernel,
  createSelection,
  distancesPlain,
  groupMean,
  median,
  type Selection,
  type Sketch,
  sketch,
  slackOf,
  update,
} from '../../server/aggregate/index.js';
import { Random } from '../../simulations/random.js';
import { codeOf } from './rows.js';

const id = (i: number): ClientId => i.toString(16).padStart(64, '0') as ClientId;
const sketches = (rows: readonly (readonly number[])[]): Sketch[] =>
  rows.map((row, i) => sketch(id(i), Float64Array.from(row)));
const index = (client: ClientId): number => Number.parseInt(client, 16);
const out = ({ excluded }: Selection): number[] => excluded.map((one) => index(one.id));

const WIDE = { name: 'norm', bound: 1e6, slack: 1 } as const;
const CENTRES: readonly CentreSpec[] = [
  { name: 'median' },
  { name: 'trimmed-mean' },
  { name: 'nnm-trimmed-mean' },
  { name: 'geometric-median', nu: 1e-6, steps: 100 },
];
/** Each filter behind a norm bound that nobody reaches, f = 3. */
const FILTERS: readonly (readonly [string, SelectionSpec])[] = [
  ...CENTRES.map(
    (centre) => [`distance to ${centre.name}`, [WIDE, { name: 'distance', faulty: 3, centre, factor: 2 }]] as const,
  ),
  ...CENTRES.map(
    (centre) => [`cosine to ${centre.name}`, [WIDE, { name: 'cosine', faulty: 3, centre, least: 0 }]] as const,
  ),
  ['multi-krum', [WIDE, { name: 'multi-krum', faulty: 3, neighbours: 'n-f-2', force: false }]],
];

/** Sketches by a dense matrix of −1, 0, 1 drawn ¼, ½, ¼: what the filters are made for. */
function project(updates: readonly Float64Array[], k: number, random: Random): Sketch[] {
  const d = updates[0]?.length ?? 0;
  const matrix = Array.from({ length: k }, () =>
    Int8Array.from({ length: d }, () => (random.integer(2) === 0 ? 0 : random.integer(2) === 0 ? 1 : -1)),
  );
  return updates.map((x, i) =>
    sketch(
      id(i),
      Float64Array.from(matrix, (row) => row.reduce((sum, sign, j) => sum + sign * (x[j] ?? 0), 0)),
    ),
  );
}

/** n updates round a common direction; the first f send −3 times theirs. */
function fleet(n: number, f: number, d: number, random: Random): Float64Array[] {
  const common = Float64Array.from({ length: d }, () => random.normal());
  return Array.from({ length: n }, (_, i) => common.map((value) => (i < f ? -3 : 1) * (value + 0.5 * random.normal())));
}

describe.each(FILTERS)('%s', (_, spec) => {
  it('finds three sign-flippers among twenty by their sketches alone, and reports a score for each sketch', () => {
    const random = Random.fromSeed(11);
    const rows = project(fleet(20, 3, 400, random), 64, random);
    const result = createSelection(spec).select(rows, 10);
    expect(out(result).sort()).toEqual([0, 1, 2]);
    expect(result.accepted.map(index)).toEqual(Array.from({ length: 17 }, (_, i) => i + 3));
    expect(result.spared).toEqual([]);
    const report = result.reports.at(-1);
    expect(report?.scores).toHaveLength(20);
    expect(report?.deviation).toBeCloseTo(Math.sqrt(2 / 64), 12);
    for (const { score, reason } of result.excluded) {
      expect(score).toBeGreaterThan(report?.limit ?? Number.POSITIVE_INFINITY);
      expect(reason).toBe(report?.filter);
    }
  });

  it('never takes more than the budget, takes the worst first, and names whom it spared', () => {
    const random = Random.fromSeed(12);
    const rows = project(fleet(20, 3, 400, random), 64, random);
    const all = createSelection(spec).select(rows, 3);
    for (const budget of [0, 1, 2]) {
      const result = createSelection(spec).select(rows, budget);
      expect(result.excluded).toEqual(all.excluded.slice(0, budget));
      expect(result.spared).toEqual(all.excluded.slice(budget));
      expect(result.accepted).toHaveLength(20 - budget);
    }
    const scores = all.excluded.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('follows its sketches: their order does not decide who is out', () => {
    const random = Random.fromSeed(13);
    const rows = project(fleet(15, 3, 200, random), 32, random);
    const shuffled = random.sample(15, 15);
    const [one, other] = [rows, [...shuffled].map((i) => rows[i] as Sketch)].map((list) =>
      out(createSelection(spec).select(list, 15)).sort(),
    );
    expect(other).toEqual(one);
  });

  it('refuses 2f ≥ sketches, none, mixed lengths and what is not finite, and changes nothing', () => {
    const select = (rows: number[][]) => () => createSelection(spec).select(sketches(rows), 1);
    expect(codeOf(select([[1], [2], [3], [4], [5], [6]]))).toBe('AGGREGATE_PRECONDITION');
    expect(codeOf(select([]))).toBe('AGGREGATE_EMPTY');
    expect(codeOf(select([[1, 2], [1]]))).toBe('AGGREGATE_SHAPE');
    expect(codeOf(select([[1], [Number.NaN]]))).toBe('AGGREGATE_NON_FINITE');
    expect(codeOf(() => createSelection(spec).select(sketches([[1]]), -1))).toBe('AGGREGATE_PRECONDITION');
    const rows = sketches(Array.from({ length: 9 }, (_, i) => [i, 1, -i]));
    const before = structuredClone(rows);
    createSelection(spec).select(rows, 4);
    expect(rows).toEqual(before);
  });
});

describe('distance and cosine', () => {
  it('leave identical sketches alone, and zeros', () => {
    for (const row of [
      [1, 2, 3],
      [0, 0, 0],
    ]) {
      for (const [, spec] of FILTERS.slice(0, -1)) {
        expect(createSelection(spec).select(sketches(Array.from({ length: 9 }, () => row)), 9).excluded).toEqual([]);
      }
    }
  });

  it('work their docstring examples', () => {
    const distance = [WIDE, { name: 'distance', faulty: 1, centre: { name: 'median' }, factor: 2 }] as const;
    const far = createSelection(distance).select(
      sketches([
        [0, 0],
        [1, 0],
        [9, 0],
      ]),
      3,
    );
    expect(far.excluded).toEqual([{ id: id(2), score: 8, reason: 'distance' }]);
    expect(far.reports[1]).toEqual({ filter: 'distance', scores: [1, 0, 8], limit: 2, deviation: 1 });
    const cosine = [WIDE, { name: 'cosine', faulty: 1, centre: { name: 'median' }, least: 0 }] as const;
    const turned = createSelection(cosine).select(
      sketches([
        [2, 0],
        [1, 1],
        [-3, 0],
      ]),
      3,
    );
    expect(turned.excluded).toEqual([{ id: id(2), score: 2, reason: 'cosine' }]);
    const krum = [WIDE, { name: 'multi-krum', faulty: 1, neighbours: 'n-f-1', force: true }] as const;
    const alone = createSelection(krum).select(
      sketches([
        [0, 0],
        [1, 0],
        [9, 0],
      ]),
      3,
    );
    expect(alone.reports[1]?.scores).toEqual([1, 1, 64]);
    expect(out(alone)).toEqual([2]);
  });

  it('the centre stays among the honest whatever f < n/2 sketches say', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: -1e9, max: 1e9, noNaN: true }), (seed, lie) => {
        const random = Random.fromSeed(seed);
        const rows = Array.from({ length: 7 }, (_, i) =>
          Array.from({ length: 4 }, () => (i < 3 ? lie : random.uniform())),
        );
        for (const spec of CENTRES) {
          const centre = centreOf(sketches(rows), spec, 3, distancesPlain);
          // Honest coordinates lie in [0, 1]; 4(1 + r)² with r = 3 bounds the square of the error of the geometric median.
          for (const value of centre) expect(Math.abs(value - 0.5)).toBeLessThan(8 * Math.sqrt(4));
        }
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});

describe('the norm bound', () => {
  it('lets honest updates at the bound pass: 4 deviations of the projection, no false alarm in 2,000 sketches', () => {
    const random = Random.fromSeed(5);
    const k = 64;
    const spec: SelectionSpec = [{ name: 'norm', bound: 3, slack: slackOf(k, 4) }];
    for (let i = 0; i < 10; i++) {
      const updates = Array.from({ length: 200 }, () => {
        const x = Float64Array.from({ length: 100 }, () => random.normal());
        const norm = Math.hypot(...x);
        return x.map((value) => (3 * value) / norm);
      });
      expect(createSelection(spec).select(project(updates, k, random), 200).excluded).toEqual([]);
    }
  });

  it('with no slack cuts about half of them: the warning in its docstring is true', () => {
    const random = Random.fromSeed(6);
    const updates = Array.from({ length: 400 }, () =>
      Float64Array.from({ length: 100 }, () => (random.integer(2) ? 0.3 : -0.3)),
    );
    const { excluded } = createSelection([{ name: 'norm', bound: 3, slack: 1 }]).select(
      project(updates, 64, random),
      400,
    );
    // One matrix for all, so draws are not independent; half ± 0.2 is far outside of chance for a wrong factor in the limit.
    expect(excluded.length / 400).toBeGreaterThan(0.3);
    expect(excluded.length / 400).toBeLessThan(0.7);
  });

  it('has the first claim on the budget; the spared go on to the next filter', () => {
    const rows = sketches([[1], [1.1], [0.9], [1.05], [0.95], [30], [20]]);
    const spec: SelectionSpec = [
      { name: 'norm', bound: 10, slack: 2 },
      { name: 'distance', faulty: 2, centre: { name: 'median' }, factor: 100 },
    ];
    expect(createSelection(spec).select(rows, 1)).toMatchObject({
      excluded: [{ id: id(5), score: 30, reason: 'norm' }],
      spared: [
        { id: id(6), score: 20, reason: 'norm' },
        { id: id(6), reason: 'distance' },
      ],
      accepted: { length: 6 },
    });
  });
});

describe('a selection spec', () => {
  it.each(FILTERS)('of %s is read as it was written, and not with one key more', (_, spec) => {
    const [, ...filters] = spec;
    expect(filtersSchema(JSON.parse(JSON.stringify(filters)))).toEqual(filters);
    expect(filtersSchema([{ ...spec[1], extra: 1 }])).toBeInstanceOf(Problem);
    expect(filtersSchema([spec[0]])).toBeInstanceOf(Problem); // the norm bound is not for a file to set
  });

  const check = (spec: unknown, clients = 20) => codeOf(() => checkSelection(spec as SelectionSpec, clients));
  const distance = { name: 'distance', faulty: 3, centre: { name: 'median' }, factor: 2 };

  it('begins with its only norm bound', () => {
    expect(check([WIDE, distance])).toBeUndefined();
    expect(check([distance])).toBe('CONFIG_INVALID');
    expect(check([])).toBe('CONFIG_INVALID');
    expect(check([WIDE, WIDE])).toBe('CONFIG_INVALID');
  });

  it('is refused where too few clients are there for f, and where a number is out of its range', () => {
    expect(check([WIDE, distance], 7)).toBeUndefined();
    expect(check([WIDE, distance], 6)).toBe('CONFIG_RULE_COUNT');
    const krum = { name: 'multi-krum', faulty: 3, neighbours: 'n-f-2' };
    expect(check([WIDE, { ...krum, force: false }], 8)).toBe('CONFIG_RULE_COUNT');
    expect(check([WIDE, { ...krum, force: true }], 8)).toBeUndefined();
    for (const bad of [
      { ...distance, factor: 1 },
      { ...distance, centre: { name: 'mean' } },
      { ...distance, centre: { name: 'geometric-median', nu: 0, steps: 3 } },
      { ...distance, name: 'cosine', least: 1 },
      { ...krum, neighbours: 'n-f' },
      { name: 'vibes' },
    ])
      expect(check([WIDE, bad])).toBe('CONFIG_INVALID');
    expect(check([{ ...WIDE, slack: 0.9 }])).toBe('CONFIG_INVALID');
  });
});

describe('what the coordinator may not see does not compile', () => {
  it('a rule over coordinates takes no masked input, no sketch and no bare vector', () => {
    const rule = median(0);
    const masked = new Uint8Array(8);
    // @ts-expect-error a masked input is bytes of a ring: its order statistics mean nothing
    expect(() => rule.aggregate([masked], [])).toThrow();
    // @ts-expect-error sketches decide membership, they never become a model
    rule.aggregate(sketches([[1]]), []);
    // @ts-expect-error a vector does not say where it comes from
    expect(() => rule.aggregate([Float32Array.of(1)], [])).toThrow();
  });

  it('a selection rule takes no sums: nobody can leave a group mean', () => {
    const rule = createSelection([WIDE]);
    // @ts-expect-error the mean of a group hides its members
    rule.select([groupMean(0, Float32Array.of(1), 8)], 1);
    // @ts-expect-error updates in the clear need no sketches: rules work on them as they are
    rule.select([update(id(0), Float32Array.of(1), 1)], 1);
  });
});

describe('the pairwise distances of sketches', () => {
  it('are the same bits in WASM and in JavaScript for three hundred of them', () => {
    const random = Random.fromSeed(3);
    const rows = Array.from({ length: 300 }, () => Float64Array.from({ length: 64 }, () => random.normal()));
    expect(Buffer.from(createDistanceKernel()(rows).buffer).equals(Buffer.from(distancesPlain(rows).buffer))).toBe(
      true,
    );
  });
});
