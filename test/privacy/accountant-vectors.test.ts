// The accountants against reference vectors: divergences, conversion, exact Gaussians, PLD, integer noise, sketches, shares.
// Not here: vectors of the noise itself and of DP-SGD (their own tests), of audits (audit.test.ts).

import { describe, expect, it } from 'vitest';
import { deltaOf, epsilonOf, groupPrivacy } from '../../protocol/privacy/convert.js';
import { checkClaim, type Placement } from '../../protocol/privacy/domain.js';
import type { Observer, PrivacyEvent } from '../../protocol/privacy/events.js';
import {
  composedMultiplier,
  gaussianDelta,
  gaussianEpsilon,
  gaussianNoiseMultiplier,
} from '../../protocol/privacy/gaussian.js';
import {
  discreteGaussianTau,
  rdpDiscreteGaussian,
  rdpSampledBound,
  rdpSkellam,
} from '../../protocol/privacy/integer-noise.js';
import {
  cohortNoiseFactor,
  excessVariance,
  fallBackMultiplier,
  localVariance,
  overlapMultiplier,
  realisedMultiplier,
  removableComponents,
  survivorFloor,
} from '../../protocol/privacy/noise-share.js';
import { ORDERS } from '../../protocol/privacy/orders.js';
import { pldEpsilon } from '../../protocol/privacy/pld-compose.js';
import { price } from '../../protocol/privacy/price.js';
import { rdpSampledGaussian } from '../../protocol/privacy/rdp-sampled.js';
import { roundedSensitivity } from '../../protocol/privacy/sensitivity.js';
import { sketchAffordable, sketchMultiplier, sketchUpperFactor } from '../../protocol/privacy/sketch-noise.js';
import { rdpTree, treeHeight } from '../../protocol/privacy/tree.js';
import { betaOf, type Case, eachCase, num, readCases } from './cases.js';
import { CONTEXT } from './events.js';

interface Sampled {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly count: number;
}
const eventsOf = ({ params }: Case): PrivacyEvent[] =>
  (params.events as object[]).map((one) => ({ type: 'poissonGaussian', ...CONTEXT, ...one }) as PrivacyEvent);

function ordersOf(orders: unknown): readonly number[] {
  if (orders === 'default') return ORDERS;
  if (orders === 'integers') return ORDERS.filter(Number.isInteger);
  if (orders === '2..128, 256') return [...Array.from({ length: 127 }, (_, i) => i + 2), 256];
  const [first, last] = orders as [number, number];
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
const shareOf = ({ params }: Case) => ({
  group: num(params.group),
  toleratedDropouts: num(params.toleratedDropouts),
  colluders: num(params.colluders),
});
/** One unsampled Gaussian at the default orders. */
const rdpEpsilonOf = (z: number, delta: number) =>
  epsilonOf(
    ORDERS.map((order) => order / (2 * z * z)),
    ORDERS,
    delta,
  ).epsilon;

describe('Rényi divergence of sampled Gaussians', () => {
  eachCase(
    'rdp/poissonGaussian',
    undefined,
    ({ params }) =>
      num(params.steps) * rdpSampledGaussian(num(params.samplingRate), num(params.noiseMultiplier), num(params.order)),
  );
  eachCase('accountant/rdpEpsilon', undefined, (one) => {
    const orders = ordersOf(one.params.orders);
    const delta = num(one.params.delta);
    if (one.params.orders === 'default') return price(eventsOf(one), delta, { accountant: 'rdp' });
    const rdp = orders.map((order) =>
      (one.params.events as Sampled[]).reduce(
        (sum, { samplingRate, noiseMultiplier, count }) =>
          sum + count * rdpSampledGaussian(samplingRate, noiseMultiplier, order),
        0,
      ),
    );
    return epsilonOf(rdp, orders, delta);
  });
  eachCase('mnistDpSgd/epsilon', undefined, ({ params }) => {
    const [z, q] = [num(params.noiseMultiplier), num(params.batch) / 60_000];
    const rdp = ORDERS.map((order) => num(params.steps) * rdpSampledGaussian(q, z, order));
    const older = ORDERS.map((order, i) => (rdp[i] as number) - Math.log(num(params.delta)) / (order - 1));
    return { rdp: epsilonOf(rdp, ORDERS, num(params.delta)).epsilon, olderLooserConversion: Math.min(...older) };
  });
});

describe('tight prices', () => {
  const cases = readCases().filter(({ rule }) => rule === 'pldEpsilon');
  it.each(cases.map((one) => [one.id, one] as const))('accountant/pldEpsilon: %s is inside its bounds', (_, one) => {
    const { epsilon } = pldEpsilon(one.params.events as Sampled[], num(one.params.delta));
    const { notBelow, notAbove, converged } = one.expected as { [name: string]: number };
    expect(epsilon).toBeGreaterThanOrEqual(notBelow as number);
    expect(epsilon).toBeLessThanOrEqual(notAbove as number);
    // The page allows 1 %; connecting the dots on this grid keeps within a thousandth.
    expect(epsilon).toBeLessThan(1.001 * (converged as number));
  });
});

describe('conversion', () => {
  const rdpOf = ({ params }: Case, orders: readonly number[]) => {
    const { flat, slope } = params.rdp as { flat?: number; slope?: number };
    return orders.map((order) => flat ?? (slope as number) * order);
  };
  eachCase('conversion/rdpToEpsilon', undefined, (one) => {
    const orders = ordersOf(one.params.orders);
    return epsilonOf(rdpOf(one, orders), orders, num(one.params.delta));
  });
  eachCase('conversion/rdpToDelta', undefined, (one) => {
    const orders = ordersOf(one.params.orders);
    return deltaOf(rdpOf(one, orders), orders, num(one.params.epsilon));
  });
  eachCase('groupPrivacy/epsilonDelta', undefined, ({ params }) =>
    groupPrivacy(num(params.epsilon), num(params.delta), num(params.records)),
  );
});

describe('exact Gaussians', () => {
  eachCase('analyticGaussian/epsilon', undefined, ({ params }) =>
    gaussianEpsilon(num(params.noiseMultiplier), num(params.delta)),
  );
  eachCase('analyticGaussian/delta', undefined, ({ params }) =>
    gaussianDelta(num(params.noiseMultiplier), num(params.epsilon)),
  );
  eachCase('analyticGaussian/noiseMultiplier', undefined, ({ params }) =>
    gaussianNoiseMultiplier(num(params.epsilon), num(params.delta)),
  );
  eachCase('analyticGaussian/trueEpsilonOfClassicalFormula', undefined, ({ params }) => {
    const delta = num(params.delta);
    return gaussianEpsilon(Math.sqrt(2 * Math.log(1.25 / delta)) / num(params.claimedEpsilon), delta);
  });
});

describe('integer noise', () => {
  eachCase('distributedGaussian/tau', undefined, ({ params }) =>
    discreteGaussianTau(num(params.clients), num(params.localStd) ** 2),
  );
  const settingOf = ({ params }: Case) => {
    const dimension = num(params.dimension);
    const scaled = num(params.clip) * num(params.scale);
    const { l2, l1 } = roundedSensitivity(scaled, dimension, betaOf(params.beta));
    const shares = num(params.clients);
    // The multiplier of these cases is of the clipping norm before rounding: that is what rounding costs.
    return { shares, dimension, l2, l1, localVariance: (num(params.noiseMultiplier) * scaled) ** 2 / shares };
  };
  eachCase('distributedGaussian/discreteGaussianEpsilon', undefined, (one) => {
    const [sum, orders] = [settingOf(one), ordersOf(one.params.orders)];
    const tau = discreteGaussianTau(sum.shares, sum.localVariance);
    const rdp = orders.map((order) => num(one.params.rounds) * rdpDiscreteGaussian(sum, tau, order));
    return epsilonOf(rdp, orders, num(one.params.delta));
  });
  eachCase('distributedGaussian/skellamEpsilon', undefined, (one) => {
    const [{ shares, localVariance: local, l2, l1 }, orders] = [settingOf(one), ordersOf(one.params.orders)];
    const rdp = orders.map((order) => num(one.params.rounds) * rdpSkellam(shares * local, l2, l1, order));
    return epsilonOf(rdp, orders, num(one.params.delta));
  });
  eachCase('distributedGaussian/discreteGaussianRdp', undefined, ({ params }) => {
    const [shares, variance] = [num(params.clients), num(params.localStd) ** 2];
    const sum = {
      shares,
      localVariance: variance,
      l2: num(params.l2),
      l1: num(params.l1),
      dimension: num(params.dimension),
    };
    return rdpDiscreteGaussian(sum, discreteGaussianTau(shares, variance), num(params.order));
  });
  eachCase('distributedGaussian/skellamRdp', undefined, ({ params }) =>
    rdpSkellam(num(params.centralVariance), num(params.l2), num(params.l1), num(params.order)),
  );
  eachCase('distributedGaussian/subsampledUpperBound', undefined, ({ params }) =>
    rdpSampledBound(num(params.samplingRate), num(params.order), (order) => num(params.baseRdpSlope) * order),
  );
});

describe('noise shares', () => {
  eachCase('noiseShare/localVariance', 'PRIVACY_SHARES', (one) => ({
    localVariance: localVariance(shareOf(one), num(one.params.noiseMultiplier), num(one.params.l2)),
    survivorFloor: survivorFloor(shareOf(one)),
    excessVarianceIfNobodyDrops: excessVariance(shareOf(one)),
  }));
  eachCase('noiseShare/excessVariance', 'PRIVACY_SHARES', (one) => excessVariance(shareOf(one)));
  eachCase('noiseShare/realisedEpsilon', undefined, (one) => {
    const { group, colluders } = shareOf(one);
    const variance = localVariance(shareOf(one), num(one.params.noiseMultiplier), 1000);
    const multiplier = realisedMultiplier(group - num(one.params.dropouts), colluders, variance, 1000);
    const delta = num(one.params.delta);
    return { multiplier, rdp: rdpEpsilonOf(multiplier, delta), exact: gaussianEpsilon(multiplier, delta) };
  });
  eachCase('noiseShare/removableComponents', undefined, ({ params }) =>
    removableComponents(num(params.group), num(params.toleratedDropouts), num(params.centralVariance)),
  );
  eachCase('grouped/cohortNoiseFactor', undefined, ({ params }) =>
    cohortNoiseFactor(num(params.clients), num(params.group)),
  );
  eachCase('grouped/overlapMultiplier', undefined, ({ params }) =>
    overlapMultiplier(num(params.noiseMultiplier), num(params.memberships)),
  );
});

describe('sketches', () => {
  /** Sketch and total of `shares` counted shares. */
  const both = (z: number, shares: number, k: number, dimension: number, upper: number) => {
    const sketch = sketchMultiplier(z ** 2 / shares, 1, k, dimension, upper);
    return { sketch, total: composedMultiplier([z, sketch]) };
  };
  eachCase('sketch/multipliers', undefined, ({ params }) => {
    const [z, k, clients, dimension] = [params.noiseMultiplier, params.k, params.clients, params.dimension].map(
      num,
    ) as [number, number, number, number];
    const multipliers = both(z, clients, k, dimension, 1);
    const rdpEpsilon = rdpEpsilonOf(multipliers.total, 1e-5);
    return { ...multipliers, rdpEpsilon, enabled: sketchAffordable(dimension, k, clients) };
  });
  eachCase(
    'sketch/multiplierStrict',
    undefined,
    ({ params }) =>
      both(
        num(params.noiseMultiplier),
        num(params.clients),
        num(params.k),
        num(params.dimension),
        sketchUpperFactor(num(params.k)),
      ).total,
  );
  eachCase('sketch/upperFactor', undefined, ({ params }) => sketchUpperFactor(num(params.k)));
  eachCase('sketch/groupMultipliers', undefined, (one) => {
    const z = num(one.params.noiseMultiplier);
    const localStd = fallBackMultiplier(shareOf(one), z);
    const { group, toleratedDropouts, colluders } = shareOf(one);
    const multipliers = both(z, group - toleratedDropouts - colluders, num(one.params.k), num(one.params.dimension), 1);
    return { localStd, ...multipliers };
  });
});

describe('tree aggregation', () => {
  eachCase('treeAggregation/epsilon', undefined, ({ params }) => {
    const [z, steps, restarts] = [num(params.noiseMultiplier), num(params.steps), num(params.restarts)];
    const rdp = ORDERS.map((order) => rdpTree(z, steps, restarts, order));
    return { height: treeHeight(steps), epsilon: epsilonOf(rdp, ORDERS, num(params.delta)).epsilon };
  });
});

describe('what has no price', () => {
  const codeFor = ({ params }: Case) => (params.delta === 0 ? 'PRIVACY_DELTA' : 'PRIVACY_EVENT');
  const cases = readCases().filter((one) => one.family === 'edge' && one.rule === 'price');
  it.each(cases.map((one) => [one.id, one.note, one] as const))('edge/price: %s (%s) is refused', (_, _note, one) => {
    for (const accountant of ['rdp', 'pld', 'gaussian'] as const)
      expect(() => price(eventsOf(one), num(one.params.delta), { accountant })).toThrowError(
        expect.objectContaining({ code: codeFor(one) }),
      );
  });
  eachCase('edge/claim', 'PRIVACY_CLAIM', ({ params }) =>
    checkClaim({
      observer: params.observer as Observer,
      placement: params.placement as Placement,
      samplingRate: num(params.samplingRate),
    }),
  );
});
