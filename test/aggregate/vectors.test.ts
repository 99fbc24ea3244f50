// Reference vectors of the robustness page for the rules, steps and distances. Not here: attacks, monitoring, drift and privacy audits
// (robustness-cases.ts says who has them).

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import type { ClippingStart, MedianStart, Neighbours } from '../../protocol/rule.js';
import { bulyanSelection } from '../../server/aggregate/bulyan.js';
import { meanOfClosest } from '../../server/aggregate/closest.js';
import {
  arc,
  bucketing,
  bulyan,
  caf,
  centredClipping,
  clip,
  createDistanceKernel,
  distancesPlain,
  dnc,
  dncScores,
  flTrust,
  foolsGoldWeights,
  geometricMedian,
  krum,
  mda,
  meamed,
  mean,
  median,
  monna,
  multiKrum,
  nnm,
  type PreStep,
  type Rule,
  smea,
  trimmedMean,
  update,
  type Visible,
} from '../../server/aggregate/index.js';
import { krumScores } from '../../server/aggregate/krum.js';
import { squaredDistance } from '../../server/aggregate/vectors.js';
import { type Case, casesOf, difference } from '../robustness-cases.js';
import { codeOf, f64, inputsOf } from './rows.js';

const cases = casesOf('test/aggregate/vectors.test.ts');

const rowsOf = ({ inputs }: Case): number[][] => ((inputs.vectors ?? []) as unknown[][]).map((row) => row.map(Number));

/** f as a count; a fraction β is ⌊βn⌋. */
function faultyOf(one: Case): number {
  const { params } = one;
  const count = rowsOf(one).length;
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
    case 'mda':
      return mda(faulty);
    case 'smea':
      return smea(faulty);
    case 'caf':
      return caf(faulty);
    case 'dnc': {
      expect(params.coordinates).toBe('all');
      const coordinates = rowsOf(one)[0]?.length ?? 0;
      const settings = { faulty, filter: Number(params.c), iterations: Number(params.iterations), coordinates };
      return dnc(settings, () => 0);
    }
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
  const updates = () => rows.map((row, i) => update(String(i).padStart(64, '0') as ClientId, row, 1));
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
    case 'monna':
      return [...monna({ faulty: faultyOf(one), trusted: Number(params.trusted) }).aggregate(updates(), []).vector];
    case 'fltrust':
      return [...flTrust(Float64Array.from(params.root as number[])).aggregate(updates(), []).vector];
    case 'dncScores':
      return dncScores(rows);
    case 'foolsGoldWeights':
      return foolsGoldWeights(f64(one.inputs.histories as number[][]), Number(params.kappa));
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

describe('vectors/robustness.json', () => {
  it('here are 73 cases', () => {
    expect(cases.length).toBe(73);
  });

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const isError = typeof one.expected === 'object' && one.expected !== null && 'throws' in one.expected;
    if (isError) expect(codeOf(() => answer(one))).toMatch(/^AGGREGATE_/);
    else expect(difference(answer(one), one.expected, one.tolerance, one.id)).toBe('');
  });
});
