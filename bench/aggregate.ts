// How long the first rules take, kernel by kernel. Rows are whole rules: checks, selection, trim counts, report, result.

import { createRule, createSimdKernel, groupMean, median, orderPlain } from '../server/aggregate/index.js';
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
      for (const name of ['median', 'trimmed-mean'] as const) {
        const rule = createRule({ name, faulty: f }, Math.random);
        bestMs(2, () => rule.aggregate(inputs, []));
        const ms = bestMs(8, () => rule.aggregate(inputs, []));
        rows.push(atMost(`${name} ${m} x 1M, f = ${f}, with report`, ms, 'ms', target));
      }
      const kernel = createSimdKernel();
      for (const [name, selection] of [
        ['median', medianSelection(m, 0)],
        ['mean by selection', trimmedSelection(m, 0)],
      ] as const) {
        bestMs(2, () => kernel(vectors, selection));
        rows.push(
          atMost(
            `${name} ${m} x 1M, nothing counted`,
            bestMs(8, () => kernel(vectors, selection)),
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
    return rows;
  },
};
