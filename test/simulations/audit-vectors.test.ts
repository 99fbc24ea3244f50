// Group testing, the tracker, FLDetector's score, membership inference, the one-run audit and adversarial inputs against
// vectors/robustness.json, and what each promises beyond. Not here: attacks on the model's training (attack-vectors.test.ts).

import { describe, expect, it } from 'vitest';
import {
  columnWeights,
  cyclicDesign,
  decode,
  decoderErrorRates,
  isolationOf,
  posteriorLlr,
} from '../../server/monitor/index.js';
import {
  auc,
  epsilonLowerBound,
  FLAG_AT,
  fgsm,
  flDetectorRoundScore,
  flDetectorSuspicion,
  type Gaussian,
  type Guesses,
  liraOffline,
  liraOnline,
  liraStatistic,
  oneRunPValue,
  pgd,
  Random,
  tprAtFpr,
  trackerStep,
  yeom,
} from '../../simulations/index.js';
import { type Case, casesOf, difference } from '../robustness-cases.js';

const list = (value: unknown): number[] => value as number[];
const cases = casesOf('test/simulations/audit-vectors.test.ts');

function answer({ rule, params, inputs }: Case): unknown {
  const p = params as Record<string, number>;
  const box = { min: p.min ?? 0, max: p.max ?? 0 };
  switch (rule) {
    case 'cyclicDesign':
    case 'posteriorLlr':
    case 'decoderErrorRates':
      return groupTesting(rule, p, inputs);
    case 'trackerStep':
      return trackerStep(list(inputs.priors), inputs.positive as boolean, {
        truePositive: p.truePositiveRate as number,
        falsePositive: p.falsePositiveRate as number,
      });
    case 'flDetectorRoundScore':
      return flDetectorRoundScore(inputs.predicted as number[][], inputs.actual as number[][]);
    case 'epsilonLowerBound':
      return epsilonLowerBound(p as unknown as Guesses, p.delta as number, p.significance);
    case 'pValue':
      return oneRunPValue(p as unknown as Guesses, p.epsilon as number, p.delta as number);
    case 'yeom':
      return yeom(list(inputs.memberLosses), list(inputs.nonMemberLosses));
    case 'liraStatistic':
      return liraStatistic(list(inputs.probabilities), p.label as number, p.floor);
    case 'liraScore':
      return liraOnline(inputs.phi as number, inputs.in as Gaussian, inputs.out as Gaussian);
    case 'auc':
      return auc(list(inputs.positive), list(inputs.negative));
    case 'fgsm':
      return [...fgsm(list(inputs.x), list(inputs.gradient), p.epsilon as number, box)];
    case 'pgdLinear': {
      const options = { ...box, epsilon: p.epsilon as number, step: p.step as number, steps: p.steps as number };
      return [...pgd(list(inputs.x), () => list(inputs.gradient), options)];
    }
    default:
      throw new Error(`no answer to ${rule}`);
  }
}

const ratio = (text: unknown): number => {
  const [a = 0, b = 1] = String(text).split('/').map(Number);
  return a / b;
};

function groupTesting(rule: string, p: Record<string, number>, inputs: Case['inputs']): unknown {
  const design = cyclicDesign(p.tests as number, p.clients as number, list(p.rowOffsets));
  const errors = { falseAlarm: p.falseAlarm as number, misdetection: p.misdetection as number };
  if (rule === 'posteriorLlr') {
    const outcomes = list(inputs.outcomes).map((outcome) => outcome === 1);
    return posteriorLlr(design, outcomes, errors, ratio(p.prior));
  }
  if (rule === 'decoderErrorRates') return decoderErrorRates(design, errors, list(p.lookup), p.malicious as number);
  return {
    columnWeights: columnWeights(design),
    privacyGf2: isolationOf(design, 'gf2'),
    privacyIntegerRange2: isolationOf(design, { range: 2 }),
  };
}

describe('the vectors', () => {
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    expect(difference(answer(one), one.expected, one.tolerance, one.id)).toBe('');
  });
});

describe('group testing', () => {
  const errors = { falseAlarm: 0.05, misdetection: 0.05 };
  it('gives the same likelihood ratios as the sum over all sets of clients', () => {
    const design = cyclicDesign(4, 7, [0, 1, 3]);
    const outcomes = [true, false, true, true];
    const [good, bad] = [new Float64Array(7), new Float64Array(7)];
    for (let set = 0; set < 128; set++) {
      let chance = 1;
      for (let c = 0; c < 7; c++) chance *= (set >> c) & 1 ? 0.2 : 0.8;
      design.rows.forEach((row, t) => {
        const alarm = row.some((c) => (set >> c) & 1) ? 0.95 : 0.05;
        chance *= outcomes[t] ? alarm : 1 - alarm;
      });
      for (let c = 0; c < 7; c++) {
        const side = (set >> c) & 1 ? bad : good;
        side[c] = (side[c] ?? 0) + chance;
      }
    }
    const expected = [...good].map((value, c) => Math.log(value / (bad[c] ?? 0)));
    expect(difference(posteriorLlr(design, outcomes, errors, 0.2), expected, 1e-12)).toBe('');
  });
  it('flags nobody where all tests are negative, and finds a single attacker in every place', () => {
    const design = cyclicDesign(8, 15, [0, 1, 3, 7]);
    const lookup = [5, 5, 5, 4, 3, 3, 2, 1, 0];
    expect(decode(design, Array<boolean>(8).fill(false), errors, lookup)).toEqual([]);
    for (let bad = 0; bad < 15; bad++)
      expect(
        decode(
          design,
          design.rows.map((row) => row.includes(bad)),
          errors,
          lookup,
        ),
      ).toContain(bad);
  });
  it('a design that does not fit its clients is refused', () => {
    expect(() => cyclicDesign(9, 15, [0, 1, 3, 7])).toThrow(/AGGREGATE_PRECONDITION/);
  });
});

describe('the tracker of the simulation', () => {
  it('n = 60, f = 6, g = 4 at (.8, .1): p90 of the rounds to flag ≤ 15, honest clients ever flagged ≤ 0.1 % (fixed seed)', () => {
    const rates = { truePositive: 0.8, falsePositive: 0.1 };
    const random = Random.fromSeed('x');
    const [n, f, g, runs, rounds] = [60, 6, 4, 120, 60];
    const firsts: number[] = [];
    let wrong = 0;
    for (let run = 0; run < runs; run++) {
      let p = Array<number>(n).fill(f / n);
      const first = new Map<number, number>();
      for (let round = 1; round <= rounds; round++) {
        const order = [...random.sample(n, n)];
        const next = [...p];
        for (let at = 0; at < n; at += g) {
          const members = order.slice(at, at + g);
          const isBad = members.some((who) => who < f);
          const positive = random.uniform() < (isBad ? rates.truePositive : rates.falsePositive);
          const after = trackerStep(
            members.map((who) => p[who] ?? 0),
            positive,
            rates,
          );
          members.forEach((who, i) => {
            next[who] = after[i] ?? 0;
          });
        }
        p = next;
        p.forEach((value, who) => {
          if (value >= FLAG_AT && !first.has(who)) first.set(who, round);
        });
      }
      for (let who = 0; who < f; who++) firsts.push(first.get(who) ?? Number.POSITIVE_INFINITY);
      wrong += [...first.keys()].filter((who) => who >= f).length;
    }
    firsts.sort((a, b) => a - b);
    expect(firsts[Math.ceil(0.9 * firsts.length) - 1]).toBeLessThanOrEqual(15);
    expect(firsts.at(-1)).toBeLessThanOrEqual(rounds);
    // 6.5 are 0.1 % of 120 runs of 54; more than 14 would have probability 0.4 %.
    expect(wrong).toBeLessThanOrEqual(14);
  });
  it('never becomes surer than 30 nats', () => {
    let p = [0.5];
    for (let i = 0; i < 100; i++) p = trackerStep(p, true, { truePositive: 0.99, falsePositive: 0.01 });
    expect(Math.log((p[0] ?? 0) / (1 - (p[0] ?? 0)))).toBeLessThan(30.1);
    expect(p[0]).toBeLessThan(1);
  });
});

describe('FLDetector', () => {
  it('averages the last rounds, and scores nobody where all predictions hold', () => {
    expect(flDetectorRoundScore([[1, 2]], [[1, 2]])).toEqual([0]);
    const rounds = [
      [1, 0],
      [0.5, 0.5],
      [0.25, 0.75],
    ];
    expect(flDetectorSuspicion(rounds, 2)).toEqual([0.375, 0.625]);
  });
});

describe('membership inference', () => {
  it('reports the rate at a false-positive rate, not an average', () => {
    const negative = Array.from({ length: 100 }, (_, i) => i);
    expect(tprAtFpr([98, 99, 99.5, 120], negative, 0)).toBe(0.5);
    expect(tprAtFpr([98, 98.5, 99.5, 120], negative, 0.01)).toBe(0.75);
    expect(tprAtFpr([5], [], 0.01)).toBe(1);
  });
  it('the offline score is the normal quantile of φ among models without it', () => {
    expect(liraOffline(1.5, { mean: 0.5, std: 1 })).toBeCloseTo(0.8413447460685429, 12);
  });
});

describe('the one-run audit', () => {
  it('refutes more with more right guesses, less with abstentions that hide δ, and never counts that do not nest', () => {
    const bounds = [60, 70, 80, 90].map((correct) => epsilonLowerBound({ canaries: 100, guesses: 100, correct }, 0));
    for (const [i, bound] of bounds.entries()) if (i > 0) expect(bound).toBeGreaterThan(bounds[i - 1] ?? 0);
    const seen = { canaries: 1000, guesses: 100, correct: 95 };
    expect(epsilonLowerBound(seen, 1e-4)).toBeLessThan(epsilonLowerBound(seen, 1e-5));
    expect(() => oneRunPValue({ canaries: 10, guesses: 11, correct: 1 }, 1, 0)).toThrow(RangeError);
    expect(() => oneRunPValue({ canaries: 10, guesses: 5, correct: 6 }, 1, 0)).toThrow(RangeError);
  });
  it('does not refute randomised response of its true ε, in 100 runs at 5 % (fixed seed)', () => {
    const random = Random.fromSeed('one run');
    const epsilon = 1;
    const right = 1 / (1 + Math.exp(-epsilon));
    let refuted = 0;
    for (let run = 0; run < 100; run++) {
      let correct = 0;
      for (let i = 0; i < 400; i++) if (random.uniform() < right) correct++;
      if (epsilonLowerBound({ canaries: 400, guesses: 400, correct }, 0) > epsilon) refuted++;
    }
    // 5 % of 100 is 5; 15 or more have probability below 1.4e-4.
    expect(refuted).toBeLessThan(15);
    expect(refuted).toBeGreaterThan(0);
  });
});

describe('adversarial inputs', () => {
  it('PGD stays within ε of its start and inside the box, and follows a gradient that turns', () => {
    const random = Random.fromSeed('pgd');
    const target = [0.55, 0.2];
    const toTarget = (x: Float64Array) => target.map((value, i) => value - (x[i] ?? 0));
    const options = { min: 0, max: 1, epsilon: 0.1, step: 0.02, steps: 30, random: () => random.uniform() };
    const [a, b] = pgd([0.5, 0.5], toTarget, options);
    expect(Math.abs((a ?? 0) - 0.55)).toBeLessThanOrEqual(0.02);
    expect(b).toBeCloseTo(0.4, 12);
  });
});
