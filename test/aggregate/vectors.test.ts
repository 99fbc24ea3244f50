// Reference vectors of the robustness page for the rules, steps and distances there are. Not here: attacks, monitoring, drift and
// privacy audits (their parts have them); the rules that only comparisons know (list below).

import { describe, expect, it } from 'vitest';
import type { ClippingStart, MedianStart, Neighbours } from '../../protocol/rule.js';
import { bulyanSelection } from '../../server/aggregate/bulyan.js';
import { meanOfClosest } from '../../server/aggregate/closest.js';
import {
  arc,
  bucketing,
  bulyan,
  centredClipping,
  clip,
  createDistanceKernel,
  distancesPlain,
  geometricMedian,
  krum,
  meamed,
  mean,
  median,
  multiKrum,
  nnm,
  type PreStep,
  type Rule,
  trimmedMean,
  type Visible,
} from '../../server/aggregate/index.js';
import { krumScores } from '../../server/aggregate/krum.js';
import { squaredDistance } from '../../server/aggregate/vectors.js';
import { type Case, codeOf, f64, inputsOf, readCases } from './rows.js';

/** Rules of the page that the coordinator does not offer: subset rules, and those that need a root set or per-client history. */
const LEFT_OUT = ['mda', 'smea', 'caf', 'dnc', 'dncScores', 'monna', 'fltrust', 'foolsGoldWeights'];
const cases = readCases().filter(
  ({ family, rule }) => ['aggregator', 'edge'].includes(family) && !LEFT_OUT.includes(rule),
);

const rowsOf = ({ inputs }: Case): number[][] => (inputs.vectors ?? []).map((row) => row.map(Number));

/** f as a count; a fraction β is ⌊βn⌋. */
function faultyOf({ params, inputs }: Case): number {
  const count = inputs.vectors?.length ?? 0;
  return typeof params.fraction === 'number' ? Math.floor(params.fraction * count) : Number(params.f ?? 0);
}

function ruleOf(one: Case): Rule | undefined {
  const { rule, params } = one;
  const faulty = faultyOf(one);
  // The 3-row cases are below 2f + 3, where nothing is proven.
  const neighbours = params.neighbours as Neighbours;
  const vectorStart = Array.isArray(params.start);
  switch (rule) {
    case 'mean':
      return mean();
    case 'median':
      return median(faulty);
    case 'trimmedMean':
      return trimmedMean(faulty);
    case 'meamed':
      return meamed(faulty);
    case 'geometricMedian':
      return geometricMedian({
        faulty,
        nu: Number(params.nu),
        steps: Number(params.iterations),
        start: params.start as MedianStart,
      });
    case 'centeredClipping': {
      const start: ClippingStart = vectorStart ? 'previous' : (params.start as ClippingStart);
      return centredClipping({ faulty, tau: Number(params.tau), steps: Number(params.iterations), start });
    }
    case 'krum':
      return krum({ faulty, neighbours, force: true });
    case 'multiKrum':
      return multiKrum({ faulty, neighbours, force: true, keep: Number(params.k) });
    case 'bulyan':
      return bulyan(faulty);
    default:
      return undefined;
  }
}

function stepOf({ rule, params }: Case): PreStep<Visible> | undefined {
  switch (rule) {
    case 'staticClip':
      return clip(Number(params.c));
    case 'arc':
      return arc();
    case 'nnm':
      return nnm();
    case 'bucketing':
      // Draws near 1 leave every index where it is, which is the permutation of the case.
      expect(params.permutation).toEqual([0, 1, 2, 3, 4]);
      return bucketing(Number(params.s), () => 1 - 2 ** -53);
    default:
      return undefined;
  }
}

function answer(one: Case): unknown {
  const rows = f64(rowsOf(one));
  const step = stepOf(one);
  if (step !== undefined) return step.apply(inputsOf(rows), faultyOf(one)).inputs.map(({ vector }) => [...vector]);
  const rule = ruleOf(one);
  const { params } = one;
  const started = Array.isArray(params.start) ? [Float64Array.from(params.start)] : [];
  const output = rule && [...rule.aggregate(inputsOf(rows), started).vector];
  if (one.rule === 'bulyan') {
    const selected = bulyanSelection(distancesPlain(rows), rows.length, faultyOf(one));
    const taken = selected.map((i) => rows[i] ?? new Float64Array(0));
    return { selected, median: [...median(0).aggregate(inputsOf(taken), []).vector], output };
  }
  if (output !== undefined) return output;
  switch (one.rule) {
    case 'krumScores':
      return [...krumScores(createDistanceKernel()(rows), rows.length, faultyOf(one), params.neighbours as Neighbours)];
    case 'meanOfClosest':
      return [...meanOfClosest(rows, Number(params.count)).vector];
    case 'pairwiseSquaredDistance': {
      const { a, b } = one.inputs as unknown as { a: number[]; b: number[] };
      return squaredDistance(Float64Array.from(a), Float64Array.from(b));
    }
    default:
      throw new Error(`no answer to ${one.rule}`);
  }
}

function expectClose(value: unknown, expected: unknown, tolerance: number): void {
  if (typeof expected === 'number') {
    expect(Math.abs(Number(value) - expected)).toBeLessThanOrEqual(tolerance);
    return;
  }
  const [got, wanted] = [value, expected].map((of) => Object.entries(of as object));
  expect(got?.map(([key]) => key)).toEqual(wanted?.map(([key]) => key));
  wanted?.forEach(([, part], i) => {
    expectClose(got?.[i]?.[1], part, tolerance);
  });
}

describe('vectors/robustness.json', () => {
  it('has the cases this file is about, and leaves out the rules it names', () => {
    expect(cases.length).toBe(56);
    for (const rule of LEFT_OUT) expect(readCases().some((one) => one.rule === rule)).toBe(true);
  });

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const isError = typeof one.expected === 'object' && one.expected !== null && 'throws' in one.expected;
    if (isError) expect(codeOf(() => answer(one))).toMatch(/^AGGREGATE_/);
    else expectClose(answer(one), one.expected, one.tolerance);
  });
});
