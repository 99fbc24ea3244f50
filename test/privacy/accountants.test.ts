// What accountants must obey on ledgers that nobody chose: bounds are bounds, more is dearer, order is irrelevant; and the special
// functions far out. Seeds are fixed. Not here: reference vectors (accountant-vectors.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltaOf, epsilonOf, groupPrivacy } from '../../protocol/privacy/convert.js';
import type { PrivacyEvent } from '../../protocol/privacy/events.js';
import { fft, inverseFft } from '../../protocol/privacy/fft.js';
import {
  composedMultiplier,
  gaussianDelta,
  gaussianEpsilon,
  gaussianNoiseMultiplier,
} from '../../protocol/privacy/gaussian.js';
import { rdpSkellam } from '../../protocol/privacy/integer-noise.js';
import { logErfc, logNormalCdf, normalBetween, normalQuantile } from '../../protocol/privacy/normal.js';
import { ORDERS } from '../../protocol/privacy/orders.js';
import { discretise } from '../../protocol/privacy/pld.js';
import { pldEpsilon } from '../../protocol/privacy/pld-compose.js';
import { price, tightPrice } from '../../protocol/privacy/price.js';
import { logMomentQuadrature, logMomentSeries, rdpSampledGaussian } from '../../protocol/privacy/rdp-sampled.js';
import { event, groupSum, sampled } from './events.js';

const rdp = (events: readonly PrivacyEvent[], delta = 1e-5) => price(events, delta, { accountant: 'rdp' }).epsilon;
const refused = (code: string) => expect.objectContaining({ code });

describe('special functions', () => {
  it('ln erfc has its printed values, in the middle and where erfc itself is 0 in floating point', () => {
    // Abramowitz and Stegun, tables 7.1 and 7.3; the last by the asymptotic series −x² − ln(x√π) − 1/(2x²) + 5/(8x⁴) − 37/(24x⁶).
    expect(Math.exp(logErfc(0.5))).toBeCloseTo(0.4795001221869535, 14);
    expect(Math.exp(logErfc(2))).toBeCloseTo(0.004677734981047266, 16);
    expect(Math.exp(logErfc(-1))).toBeCloseTo(1.8427007929497148, 14);
    const x = 40;
    const series = -x * x - Math.log(x * Math.sqrt(Math.PI)) - 1 / (2 * x ** 2) + 5 / (8 * x ** 4) - 37 / (24 * x ** 6);
    expect(logErfc(x)).toBeCloseTo(series, 9);
    expect(logErfc(-30)).toBe(Math.LN2);
  });
  it('ln erfc is smooth where its two halves meet', () => {
    for (const at of [2, -2, 6, 0]) {
      const [below, above] = [logErfc(at - 1e-9), logErfc(at + 1e-9)];
      const slope = (-2 / Math.sqrt(Math.PI)) * Math.exp(-at * at - logErfc(at));
      expect((above - below) / 2e-9 / slope).toBeCloseTo(1, 4);
    }
  });
  it('the normal quantile undoes ln Φ, from 1e-300 to the middle', () => {
    for (const p of [1e-300, 1e-20, 0.001, 0.3, 0.5])
      expect(logNormalCdf(normalQuantile(p))).toBeCloseTo(Math.log(p), 10);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalBetween(8, 9)).toBeCloseTo(6.220960574271785e-16 - 1.1285884059538e-19, 26);
    expect(() => normalQuantile(0)).toThrow(RangeError);
  });
  it('the transform and its inverse are the sums that define them', () => {
    const n = 16;
    const given = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i) + i / 7);
    const [re, im] = [given.slice(), new Float64Array(n)];
    fft(re, im);
    for (let k = 0; k < n; k++) {
      const sum = (f: (x: number) => number) =>
        given.reduce((total, x, i) => total + x * f((-2 * Math.PI * i * k) / n), 0);
      expect(re[k]).toBeCloseTo(sum(Math.cos), 12);
      expect(im[k]).toBeCloseTo(sum(Math.sin), 12);
    }
    inverseFft(re, im);
    for (const [i, x] of given.entries()) expect(re[i]).toBeCloseTo(x, 13);
  });
});

describe('the divergence of a sampled Gaussian', () => {
  it('is the same by the series and by quadrature, also with order near 1 and with much noise', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.95, noNaN: true }),
        fc.double({ min: 0.6, max: 6, noNaN: true }),
        fc.integer({ min: 11, max: 109 }).filter((tenths) => tenths % 10 !== 0),
        (q, z, tenths) => {
          const [series, quadrature] = [logMomentSeries(q, z, tenths / 10), logMomentQuadrature(q, z, tenths / 10)];
          // The series subtracts from 1, so its absolute error is what a double has there.
          expect(Math.abs(series - quadrature)).toBeLessThan(1e-8 * quadrature + 2e-13);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });
  it('at whole orders is the quadrature too, and rises with the order through the fractional ones', () => {
    for (const [q, z] of [
      [0.3, 0.8],
      [0.02, 1.5],
      [1e-7, 1],
    ] as const) {
      for (const order of [2, 5, 10])
        expect(rdpSampledGaussian(q, z, order) * (order - 1)).toBeCloseTo(logMomentQuadrature(q, z, order), 12);
      const curve = ORDERS.map((order) => rdpSampledGaussian(q, z, order));
      for (let i = 1; i < curve.length; i++) expect(curve[i]).toBeGreaterThanOrEqual(curve[i - 1] as number);
    }
  });
  it('for tiny sampling rates is the leading term α q²(e^(1/z²) − 1)/2, where the plain series would be noise', () => {
    for (const order of [1.5, 2, 7.3]) {
      const q = 1e-8;
      expect(rdpSampledGaussian(q, 2, order) / ((order * q * q * Math.expm1(1 / 4)) / 2)).toBeCloseTo(1, 5);
    }
  });
  it('of Skellam noise between whole orders is on the chord of (α−1)·D: between its neighbours, never below the Gaussian part', () => {
    const at = (order: number) => rdpSkellam(400, 10, 60, order);
    expect(2.5 * at(3.5)).toBeCloseTo((2 * at(3) + 3 * at(4)) / 2, 12);
    expect(at(1.3)).toBeCloseTo(at(2), 12);
    for (const order of [2.1, 2.9, 3.5, 10.7]) {
      expect(at(order)).toBeGreaterThan(at(Math.floor(order)));
      expect(at(order)).toBeLessThan(at(Math.ceil(order)));
      expect(at(order)).toBeGreaterThan((order * 100) / 800);
    }
  });
});

describe('prices of random ledgers', () => {
  const one = fc.record({
    q: fc.oneof(fc.constant(1), fc.double({ min: 0.005, max: 0.5, noNaN: true })),
    z: fc.double({ min: 0.8, max: 5, noNaN: true }),
    count: fc.integer({ min: 1, max: 30 }),
  });
  const ledger = fc
    .array(one, { minLength: 1, maxLength: 3 })
    .map((list) => list.map(({ q, z, count }) => sampled(q, z, count)));

  it('RDP lies above the tight price, and both above 0', () => {
    fc.assert(
      fc.property(ledger, (events) => {
        const tight = price(events, 1e-5, { accountant: 'pld' }).epsilon;
        expect(tight).toBeGreaterThan(0);
        expect(rdp(events)).toBeGreaterThan(tight);
      }),
      { numRuns: 6, seed: 2 },
    );
  });
  it('the order of events is irrelevant; one more event, more sampling, less noise, smaller δ are dearer', () => {
    fc.assert(
      fc.property(ledger, one, (events, { q, z, count }) => {
        const extra = sampled(q, z, count);
        const all = rdp([...events, extra]);
        expect(rdp([extra, ...events].reverse())).toBeCloseTo(all, 9);
        expect(all).toBeGreaterThan(rdp(events));
        expect(rdp([...events, sampled(q, z / 1.1, count)])).toBeGreaterThan(all);
        expect(rdp([...events, sampled(q, z, count + 1)])).toBeGreaterThan(all);
        if (q < 1) expect(rdp([...events, sampled(Math.min(1, 1.1 * q), z, count)])).toBeGreaterThan(all);
        expect(rdp([...events, extra], 1e-6)).toBeGreaterThan(all);
      }),
      { numRuns: 6, seed: 3 },
    );
  });
  it('an all-Gaussian ledger: PLD is within 1e-4 of the exact value and not below, RDP above', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.5, max: 20, noNaN: true }), { minLength: 1, maxLength: 5 }),
        (multipliers) => {
          const events = multipliers.map((z) => sampled(1, z, 2));
          const exact = price(events, 1e-6, { accountant: 'gaussian' }).epsilon;
          const pld = price(events, 1e-6, { accountant: 'pld' }).epsilon;
          expect(exact).toBeCloseTo(gaussianEpsilon(composedMultiplier(multipliers) / Math.SQRT2, 1e-6), 9);
          expect(pld).toBeGreaterThan(exact - 1e-9);
          expect(pld).toBeLessThan(exact + 1e-4 * Math.max(1, exact));
          expect(rdp(events, 1e-6)).toBeGreaterThan(exact);
        },
      ),
      { numRuns: 20, seed: 5 },
    );
  });
  it('exact ε, δ and z are each other’s inverse', () => {
    for (const [z, delta] of [
      [0.3, 1e-5],
      [1, 1e-9],
      [7, 0.001],
    ] as const) {
      const epsilon = gaussianEpsilon(z, delta);
      expect(gaussianDelta(z, epsilon) / delta).toBeCloseTo(1, 8);
      expect(gaussianNoiseMultiplier(epsilon, delta)).toBeCloseTo(z, 8);
    }
    const curve = ORDERS.map((order) => order / 8);
    expect(deltaOf(curve, ORDERS, epsilonOf(curve, ORDERS, 1e-5).epsilon).delta).toBeCloseTo(1e-5, 12);
    expect(groupPrivacy(0, 1e-6, 3)).toEqual({ epsilon: 0, delta: 3e-6 });
  });
  it('the discrete loss keeps all mass, and its mean under P is no less than the true divergence', () => {
    // KL of N(1, z²) from N(0, z²) is 1/(2z²); pessimistic rounding may only add.
    for (const direction of ['remove', 'add'] as const) {
      const { offset, mass, infinite } = discretise(1, 0.8, direction, 1e-3);
      expect(mass.reduce((a, b) => a + b, infinite)).toBeCloseTo(1, 14);
      const mean = mass.reduce((sum, m, i) => sum + m * (offset + i) * 1e-3, 0);
      expect(mean).toBeGreaterThanOrEqual(1 / (2 * 0.64));
      expect(mean).toBeLessThan(1 / (2 * 0.64) + 1e-6);
    }
  });
});

describe('what a price says', () => {
  it('replacing a client instead of leaving it out halves the multiplier of every kind of release', () => {
    const replace = { unit: 'client', observer: 'coordinator', neighbours: 'replace-one' } as const;
    const kinds = [
      [event({ type: 'clipBit', std: 5 }, replace), 5],
      [event({ type: 'histogram', variance: 900, l2: 3 }, replace), 5],
      [groupSum(10, replace), 5],
      [event({ type: 'sketch', localVariance: 100, l2: 10, k: 100, dimension: 10_000 }, replace), 5],
    ] as const;
    for (const [one, half] of kinds)
      expect(price([one], 0.01, { accountant: 'gaussian', sketches: 'average' }).epsilon).toBeCloseTo(
        gaussianEpsilon(half, 0.01),
        9,
      );
    expect(() =>
      rdp([
        event(
          { type: 'poissonGaussian', samplingRate: 0.1, noiseMultiplier: 1, count: 1 },
          { neighbours: 'replace-one' },
        ),
      ]),
    ).toThrowError(refused('PRIVACY_EVENT'));
  });
  it('integer noise by PLD or exactly is an equivalent, not a guarantee; floats and sampling are named', () => {
    const sum = groupSum(2);
    expect(price([sum], 1e-5, { accountant: 'rdp' })).toMatchObject({
      standing: 'bound',
      arithmetic: 'exact',
      sampling: 'none',
    });
    expect(tightPrice([sum], 1e-5)).toMatchObject({ standing: 'gaussian-equivalent', accountant: 'gaussian' });
    expect(rdp([sum])).toBeGreaterThan(tightPrice([sum], 1e-5).epsilon);
    const float = { ...sampled(0.1, 1, 10), arithmetic: 'real' } as PrivacyEvent;
    expect(tightPrice([float], 1e-5)).toMatchObject({
      arithmetic: 'real',
      sampling: 'secret-coins',
      accountant: 'pld',
    });
    const cohort = { ...sampled(0.1, 1, 10), unit: 'client' } as PrivacyEvent;
    expect(price([cohort], 1e-5, { accountant: 'rdp' }).sampling).toBe('hidden-cohort');
  });
  it('warns where the best order is the last one', () => {
    expect(price([sampled(1, 2000, 1)], 1e-9, { accountant: 'rdp' }).warnings).toHaveLength(1);
    expect(price([sampled(1, 1, 1)], 1e-5, { accountant: 'rdp' }).warnings).toEqual([]);
  });
  it.each(['coordinator', 'participant', 'auditor'] as const)(
    'I claim that sampling clients hides them from the %s and am refused',
    (observer) => {
      const cohort = { ...sampled(0.1, 1, 10), unit: 'client', observer } as PrivacyEvent;
      expect(() => rdp([cohort])).toThrowError(refused('PRIVACY_CLAIM'));
      expect(() => rdp([{ ...cohort, samplingRate: 1 } as PrivacyEvent])).not.toThrow();
      expect(() => rdp([{ ...cohort, unit: 'record' } as PrivacyEvent])).not.toThrow();
    },
  );
  it('I sell noise of the coordinator as protection from the coordinator and am refused', () => {
    const central = event(
      { type: 'gaussian', noiseMultiplier: 1, count: 1 },
      { unit: 'client', observer: 'coordinator' },
    );
    expect(() => rdp([central])).toThrowError(refused('PRIVACY_CLAIM'));
    expect(rdp([{ ...central, observer: 'released-model' }])).toBeCloseTo(4.7285, 4);
  });
  it('units, neighbours and observers are never summed', () => {
    for (const other of [{ unit: 'client' }, { neighbours: 'replace-one' }, { observer: 'auditor' }] as const)
      expect(() => rdp([sampled(1, 2, 1), { ...sampled(1, 2, 1), ...other } as PrivacyEvent])).toThrowError(
        refused('PRIVACY_MIXED'),
      );
  });
  it('refuses a δ that PLD cannot resolve, and sampled events where only unsampled ones are exact', () => {
    expect(() => pldEpsilon([{ samplingRate: 0.1, noiseMultiplier: 1, count: 1 }], 9e-11)).toThrowError(
      refused('PRIVACY_PLD_RANGE'),
    );
    expect(pldEpsilon([{ samplingRate: 0.1, noiseMultiplier: 1, count: 1 }], 1e-10).epsilon).toBeGreaterThan(0);
    expect(() => price([sampled(0.1, 1, 1)], 1e-5, { accountant: 'gaussian' })).toThrowError(
      refused('PRIVACY_ACCOUNTANT'),
    );
    expect(() => price([], 1e-5, { accountant: 'clt' as 'rdp' })).toThrowError(refused('PRIVACY_ACCOUNTANT'));
  });
  it('nothing costs nothing, by every accountant; never sampled costs nothing', () => {
    for (const accountant of ['rdp', 'pld', 'gaussian'] as const) {
      expect(price([], 1e-5, { accountant }).epsilon).toBe(0);
      expect(price([sampled(0, 1, 10)], 1e-5, { accountant }).epsilon).toBeCloseTo(0, 12);
    }
  });
});
