// How long the first rules take, kernel by kernel. Rows are whole rules: checks, selection, trim counts, report, result. Group means
// lie where the engine decodes them to, in the memory of the kernel (aggregate/row-memory.ts).

import type { ClientId } from '../protocol/ids.js';
import type { RuleSpec } from '../protocol/rule.js';
import {
  createDistanceKernel,
  createRule,
  createRuleKernels,
  createSelection,
  createSimdKernel,
  distancesPlain,
  type GroupMean,
  groupMean,
  median,
  orderPlain,
  sketch,
} from '../server/aggregate/index.js';
import { medianSelection, trimmedSelection } from '../server/aggregate/order.js';
import { Random } from '../simulations/random.js';
import { type Bench, type Row, atLeast as reach, row, atMost as stayBelow } from './harness.js';

const MILLION = 1_000_000;

const atMost = (what: string, value: number, unit: string, target: number): Row =>
  stayBelow(target, row(what, value, unit));
const atLeast = (what: string, value: number, unit: string, target: number): Row =>
  reach(target, row(what, value, unit));

/** Smallest of `repeats` wall times, milliseconds: other programs only ever add to one. Run it once before for the compilers. */
function bestMs(repeats: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function rowsOf(m: number, d: number): Float32Array[] {
  const random = Random.fromSeed(`bench ${m} ${d}`);
  // Uniform, not normal: quicker to make, as hard to sort.
  return Array.from({ length: m }, () => Float32Array.from({ length: d }, () => random.uint32() / 2 ** 32 - 0.5));
}

export const aggregateBench: Bench = {
  name: 'aggregate',
  title: 'Robust rules over float32 rows, one thread',
  async run() {
    const rows: Row[] = [];
    for (const [m, f, target] of [
      [16, 3, 12],
      [64, 12, 150],
    ] as const) {
      const vectors = rowsOf(m, MILLION);
      const inputs = vectors.map((vector, i) => groupMean(i, vector, 1));
      const kernels = createRuleKernels();
      const places = kernels.order.takeRows(m, MILLION) ?? [];
      vectors.forEach((vector, i) => {
        places[i]?.set(vector);
      });
      const decoded = places.map((vector, i) => groupMean(i, vector, 1));
      for (const name of ['median', 'trimmed-mean'] as const) {
        const rule = createRule({ name, faulty: f }, Math.random, kernels);
        const time = (from: readonly GroupMean[]): number => {
          bestMs(2, () => rule.aggregate(from, []));
          return bestMs(16, () => rule.aggregate(from, []));
        };
        rows.push(atMost(`${name} ${m} x 1M, f = ${f}, with report`, time(decoded), 'ms', target));
        rows.push(row('  rows from elsewhere, copied in', time(inputs), 'ms'));
      }
      const kernel = kernels.order;
      for (const [name, selection] of [
        ['median', medianSelection(m, 0)],
        ['mean by selection', trimmedSelection(m, 0)],
      ] as const) {
        bestMs(2, () => kernel(places, selection));
        rows.push(
          atMost(
            `${name} ${m} x 1M, nothing counted`,
            bestMs(16, () => kernel(places, selection)),
            'ms',
            target,
          ),
        );
      }
      const mean = createRule({ name: 'mean' }, Math.random);
      rows.push({ what: `mean ${m} x 1M`, value: bestMs(3, () => mean.aggregate(inputs, [])), unit: 'ms' });
    }
    const inputs = rowsOf(25, MILLION).map((vector, i) => groupMean(i, vector, 1));
    const plain = median(6, orderPlain);
    const simd = median(6, createSimdKernel());
    bestMs(1, () => simd.aggregate(inputs, []));
    const plainMs = bestMs(2, () => plain.aggregate(inputs, []));
    rows.push(atMost('median 25 x 1M in plain JavaScript', plainMs, 'ms', 1_300));
    rows.push(
      atLeast(
        'SIMD over plain JavaScript, median 25 x 1M',
        plainMs / bestMs(5, () => simd.aggregate(inputs, [])),
        'x',
        10,
      ),
    );
    rows.push(...distanceRows(), ...ruleRows());
    return rows;
  },
};

function distanceRows(): Row[] {
  const random = Random.fromSeed('bench sketches');
  const ids = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(64, '0') as ClientId);
  const sketches = ids.map((id) =>
    sketch(
      id,
      Float64Array.from({ length: 64 }, () => random.uint32() / 2 ** 32 - 0.5),
    ),
  );
  const norm = { name: 'norm', bound: 1e3, slack: 2 } as const;
  const krum = createSelection([norm, { name: 'multi-krum', faulty: 200, neighbours: 'n-f-2', force: false }]);
  const median = { name: 'median' } as const;
  const centre = createSelection([norm, { name: 'distance', faulty: 200, centre: median, factor: 2 }]);
  const vectors = sketches.map(({ vector }) => vector);
  const distances = createDistanceKernel();
  const time = (repeats: number, work: () => void): number => {
    bestMs(2, work);
    return bestMs(repeats, work);
  };
  const plainMs = time(3, () => distancesPlain(vectors));
  const wideRows = rowsOf(16, MILLION);
  return [
    atMost(
      'Multi-Krum on 1,000 sketches, k = 64',
      time(8, () => krum.select(sketches, 200)),
      'ms',
      100,
    ),
    row(
      'distance to the median of 1,000 sketches, k = 64',
      time(5, () => centre.select(sketches, 200)),
      'ms',
    ),
    atLeast('distances of 1,000 sketches, SIMD over plain', plainMs / time(5, () => distances(vectors)), 'x', 1),
    row(
      'distances of 16 x 1M',
      time(3, () => distances(wideRows)),
      'ms',
    ),
  ];
}

/** The other rules, once each: what a round of a large model costs. */
function ruleRows(): Row[] {
  const inputs = rowsOf(16, MILLION).map((vector, i) => groupMean(i, vector, 1));
  const specs: readonly RuleSpec[] = [
    { name: 'trimmed-mean', faulty: 3, pre: [{ name: 'nnm' }] },
    { name: 'meamed', faulty: 3 },
    { name: 'geometric-median', faulty: 3, nu: 0.1, steps: 3, start: 'zero' },
    { name: 'centred-clipping', faulty: 3, tau: 10, steps: 3, start: 'previous' },
    { name: 'bulyan', faulty: 3 },
  ];
  return specs.map((spec) => {
    const rule = createRule(spec, Math.random);
    const state = rule.init(MILLION);
    bestMs(1, () => rule.aggregate(inputs, state));
    return row(
      `${rule.name} 16 x 1M`,
      bestMs(2, () => rule.aggregate(inputs, state)),
      'ms',
    );
  });
}
