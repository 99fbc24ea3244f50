// From update to ring element and back under noise: the vectors, and what each step must hold whatever the update is.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import {
  clipCounter,
  clipOfCounter,
  followsClip,
  fractionOf,
  isUnclipped,
  nextClip,
  updateMultiplier,
} from '../../protocol/privacy/adaptive-clip.js';
import { honestShares } from '../../protocol/privacy/noise-share.js';
import {
  bitsNeeded,
  planNoise,
  requireFloor,
  requireLocalDeviation,
  scaleFor,
} from '../../protocol/privacy/provision.js';
import { roundedSensitivity } from '../../protocol/privacy/sensitivity.js';
import type { AdaptiveClipping, DistributedSpec } from '../../protocol/privacy/spec.js';
import { clipFactor, signed } from '../../protocol/secagg/encode.js';
import type { Encoding, Mechanism } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import {
  addShare,
  decodeNoised,
  drawShare,
  encodeBounded,
  roundBounded,
  roundBy,
} from '../../protocol/secagg/noised.js';
import { gather, rotate, rotationKey, spread, unrotate } from '../../protocol/secagg/rotate.js';
import { deriveTask, encodingOf } from '../../protocol/task.js';
import { betaOf, eachCase, num, nums } from './cases.js';
import { privateTask } from './tasks.js';

const run = <T>(job: Generator<{ key: Uint8Array; length: number }, T, Uint8Array>): T =>
  runStreaming(job, 'aes256ctr', nativeKeystream);
const key = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const RINGS = [16, 24, 32];

describe('vectors', () => {
  eachCase('rounding/sensitivity', undefined, ({ params }) =>
    roundedSensitivity(num(params.scaledClip), num(params.dimension), betaOf(params.beta)),
  );
  eachCase('ring/scale', undefined, ({ params: p }) =>
    scaleFor(num(p.bits), num(p.clients), num(p.clip), num(p.dimension), num(p.localStd), num(p.k)),
  );
  eachCase('ring/bitsNeeded', undefined, ({ params: p }) => {
    const bits = bitsNeeded(num(p.clients), num(p.maxLevel), num(p.sumNoiseStd), num(p.tail));
    return { bits, ring: RINGS.find((ring) => ring >= bits) };
  });
  eachCase('ring/centreLift', undefined, ({ params, inputs }) =>
    nums(inputs.values).map((word) => signed(word, num(params.bits) as 16)),
  );
  eachCase('encode/rotate', undefined, ({ params, inputs }) => {
    const padded = new Float64Array(num(params.paddedLength));
    padded.set(nums(inputs.vector));
    spread(padded, (at) => (nums(inputs.signs)[at] === -1 ? 1 : 0));
    return [...padded];
  });
  eachCase('encode/pipeline', undefined, ({ params, inputs }) => {
    const signs = nums(inputs.signs);
    const sign = (at: number): number => (signs[at] === -1 ? 1 : 0);
    const [clip, scale, bits] = [num(params.clip), num(params.scale), num(params.bits)];
    const values = new Float64Array(signs.length);
    values.set(nums(inputs.vector));
    const norm = Math.hypot(...values);
    spread(values, sign);
    const scaled = values.map((value) => value * clipFactor(norm, clip) * scale);
    const rounded = [...scaled].map((value, i) => roundBy(value, nums(inputs.uniforms)[i] as number));
    const squaredNorm = rounded.reduce((sum, level) => sum + level * level, 0);
    const { l2 } = roundedSensitivity(clip * scale, signs.length, betaOf(params.beta));
    const squaredNormBound = Math.floor(l2 * l2);
    const ring = rounded.map(
      (level, i) => (((level + (nums(inputs.noise)[i] as number)) % 2 ** bits) + 2 ** bits) % 2 ** bits,
    );
    const lifted = Float64Array.from(ring, (word) => signed(word, bits as 16) / scale);
    gather(lifted, sign);
    return {
      rounded,
      squaredNorm,
      squaredNormBound,
      accepted: squaredNorm <= squaredNormBound,
      ring,
      decoded: [...lifted].slice(0, (inputs.vector as unknown[]).length),
    };
  });
  eachCase('adaptiveClip/sequence', undefined, ({ params, inputs, expected }) => {
    const norms = nums(inputs.norms);
    const [target, rate] = [num(params.target), num(params.learningRate)];
    const clips = [num(inputs.initialClip)];
    while (clips.length < (expected as unknown[]).length) {
      const clip = clips.at(-1) as number;
      const bits = norms.reduce((sum, norm) => sum + (isUnclipped(norm, clip) ? 0.5 : -0.5), 0);
      const fraction = fractionOf(bits, norms.length);
      clips.push(
        params.update === 'additive' ? clip - rate * (fraction - target) : nextClip(clip, fraction, target, rate),
      );
    }
    return clips;
  });
  eachCase('adaptiveClip/noisyStep', undefined, ({ params, inputs }) => {
    const clip = num(inputs.clip);
    const bits = nums(inputs.norms).reduce((sum, norm) => sum + (isUnclipped(norm, clip) ? 0.5 : -0.5), 0);
    const fraction = fractionOf(bits + num(inputs.noise), num(params.clients));
    return { fraction, clip: nextClip(clip, fraction, num(params.target), num(params.learningRate)) };
  });
  eachCase('adaptiveClip/updateMultiplier', 'CONFIG_PRIVACY', ({ params }) =>
    updateMultiplier(num(params.totalMultiplier), num(params.bitStd)),
  );
  eachCase('edge/share', 'PRIVACY_SHARES', ({ params: p }) =>
    honestShares({ group: num(p.group), toleratedDropouts: num(p.toleratedDropouts), colluders: num(p.colluders) }),
  );
  eachCase('edge/openSum', 'PRIVACY_FLOOR', ({ params: p }) =>
    requireFloor(num(p.survivors), num(p.group) - num(p.toleratedDropouts)),
  );
  eachCase('edge/localStd', 'CONFIG_PRIVACY', ({ params }) => requireLocalDeviation(num(params.gridUnits), 100));
  eachCase('edge/reuseNoise', 'PRIVACY_REUSED', ({ params }) => {
    const share = run(
      drawShare(encodingFor(8), { from: 'discrete-gaussian', variance: 9, bitVariance: 0, key: key(1) }),
    );
    for (let group = 0; group < num(params.groups); group++) addShare(new Uint32Array(8), share);
  });
});

const encodingFor = (dimension: number, mechanism: Partial<Mechanism> = {}): Encoding => ({
  dimension,
  clipNorm: 2,
  range: 2,
  levels: 200,
  ring: 32,
  weighted: false,
  mechanism: {
    prg: 'aes256ctr',
    maxSquare: Math.floor(roundedSensitivity(200, dimension, Math.exp(-0.5)).l2 ** 2),
    rotationKey: 'none',
    bitSteps: 0,
    centralVariance: 0,
    ...mechanism,
  },
});
const encode = (encoding: Encoding, update: Float32Array, seed = 5) =>
  run(encodeBounded(encoding, encoding.mechanism as Mechanism, update, key(seed)));
const squareOf = (levels: Iterable<number>): number => [...levels].reduce((sum, x) => sum + (x | 0) ** 2, 0);

describe('encoding under noise', () => {
  it('never sends more than Δ₂, whatever the update is', () => {
    const float = fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 3.4e38, -3.4e38, 1e-45));
    fc.assert(
      fc.property(
        fc.array(float, { minLength: 7, maxLength: 7 }),
        fc.boolean(),
        fc.nat(255),
        (values, turned, seed) => {
          const encoding = encodingFor(7, { rotationKey: turned ? key(7) : 'none' });
          const words = encode(encoding, Float32Array.from(values), seed);
          expect(squareOf(words)).toBeLessThanOrEqual((encoding.mechanism as Mechanism).maxSquare);
        },
      ),
      { seed: 4, numRuns: 300 },
    );
  });
  it('a client whose training gave NaN sends zero, with its noise: it is not told from one that learned nothing', () => {
    const words = encode(encodingFor(4), Float32Array.of(1, Number.NaN, 2, 3));
    expect([...words]).toEqual([0, 0, 0, 0]);
  });
  it('rounds again while the vector is too long, at most 64 times, then toward zero', () => {
    const values = new Float64Array(9).fill(0.5);
    let reads = 0;
    const of = (bound: number): Int32Array => {
      const into = new Int32Array(9);
      const job = roundBounded(values, bound, key(3), into);
      let step = job.next();
      const stream = nativeKeystream('aes256ctr', key(3));
      while (!step.done) {
        reads++;
        step = job.next(stream.read(step.value.length) as Uint8Array);
      }
      return into;
    };

    expect(squareOf(of(9))).toBeGreaterThan(0);
    expect(reads).toBe(1);
    reads = 0;
    expect([...of(0)]).toEqual(new Array(9).fill(0));
    expect(reads).toBe(64);
  });
  it('rounding is unbiased where the bound does not bite', () => {
    const values = new Float64Array(20_000).fill(0.3);
    const into = new Int32Array(values.length);
    run(roundBounded(values, 20_000, key(2), into));
    expect(into.reduce((sum, x) => sum + x, 0) / values.length).toBeCloseTo(0.3, 1);
  });
  it.each([1, 2, 3, 5, 8, 13, 100, 1_000])(
    'turning %s coordinates keeps the norm, and turning back gives them again',
    (d) => {
      const update = Float64Array.from({ length: d }, (_, i) => Math.sin(i * i + 1));
      const values = update.slice();
      run(rotate(values, key(1)));
      expect(Math.hypot(...values)).toBeCloseTo(Math.hypot(...update), 9);
      run(unrotate(values, key(1)));
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo(update[i] as number, 9);
    },
  );
  it('turning spreads a spike at either end over the block', () => {
    for (const at of [0, 149]) {
      const values = new Float64Array(150);
      values[at] = 1;
      run(rotate(values, key(1)));
      expect(Math.max(...values.map(Math.abs))).toBeLessThan(0.3);
    }
  });
  it('sum and decode give the mean within the predicted error, bit included', () => {
    const config = privateTask({ size: 8, dimension: 300, clipping: 'quantile' });
    const derived = deriveTask(config);
    const plan = derived.noise;
    if (plan === 'none') throw new Error('no plan');
    const clip = clipCounter(
      config.encoding.clipNorm,
      (config.privacy as { readonly clipping: AdaptiveClipping }).clipping,
    );
    const encoding = encodingOf(nativePrimitives, config, derived, { round: 3, clip });
    const mechanism = encoding.mechanism as Mechanism;
    const updates = Array.from({ length: 8 }, (_, c) =>
      Float32Array.from({ length: 300 }, (__, i) => Math.sin(c + i) / 40),
    );
    const sum = new Uint32Array(301);
    for (const [c, update] of updates.entries()) {
      const words = run(encodeBounded(encoding, mechanism, update, key(c)));
      addShare(
        words,
        run(
          drawShare(encoding, {
            from: 'discrete-gaussian',
            variance: plan.localVariance,
            bitVariance: plan.bitVariance,
            key: key(c + 50),
          }),
        ),
      );
      for (let i = 0; i < 301; i++) sum[i] = (sum[i] as number) + (words[i] as number);
    }
    const { mean, bits } = run(decodeNoised(encoding, mechanism, sum, 8, key(9)));
    const step = encoding.range / encoding.levels;
    const deviation = (Math.sqrt(8 * plan.localVariance + 8 / 4) * step) / 8;
    const errors = [...mean].map(
      (value, i) => (value - updates.reduce((s, u) => s + (u[i] as number), 0) / 8) / deviation,
    );
    const variance = errors.reduce((s, e) => s + e * e, 0) / errors.length;
    expect(variance).toBeGreaterThan(0.7);
    expect(variance).toBeLessThan(1.3);
    // All eight norms are below the clipping norm: Σ(b − ½) = 4, with its noise.
    expect(Math.abs(bits - 4)).toBeLessThan((5 * Math.sqrt(8 * plan.bitVariance)) / (2 * plan.bitSteps));
  });
  it('the rotation is fresh in each round and the same for all', () => {
    expect(rotationKey(nativePrimitives, key(1), 3)).toEqual(rotationKey(nativePrimitives, key(1), 3));
    expect(rotationKey(nativePrimitives, key(1), 3)).not.toEqual(rotationKey(nativePrimitives, key(1), 4));
  });
});

describe('central noise', () => {
  it('is added once, after opening, at the variance that was asked for; clients add none', () => {
    const {
      noise: _n,
      losses: _l,
      noiseless: _f,
      clipping: _c,
      ...claim
    } = privateTask({ dimension: 4_096 }).privacy as DistributedSpec;
    const config = { ...privateTask({ dimension: 4_096 }), privacy: { ...claim, placement: 'central' } } as const;
    const { noise, encoding, survivorFloor, threshold } = deriveTask(config);
    if (noise === 'none') throw new Error('no plan');
    expect(noise).toMatchObject({ placement: 'central', localVariance: 0, centralVariance: Math.ceil(noise.l2 ** 2) });
    expect(survivorFloor).toBe(threshold);
    const mechanism = encoding.mechanism as Mechanism;
    const { mean } = run(decodeNoised(encoding, mechanism, new Uint32Array(4_096), 8, key(3)));
    const steps = [...mean].map((value) => (value * 8 * encoding.levels) / encoding.range);
    const variance = steps.reduce((sum, x) => sum + x * x, 0) / steps.length;
    expect(Math.abs(variance / noise.centralVariance - 1)).toBeLessThan(5 * Math.sqrt(2 / 4_096));
  });
  it('with sketches, which it does not cover, or in profile open, is refused', () => {
    const { noise: _n, losses: _l, noiseless: _f, clipping: _c, ...claim } = privateTask({}).privacy as DistributedSpec;
    const config = { ...privateTask({}), privacy: { ...claim, placement: 'central' } } as const;
    expect(() => deriveTask({ ...config, profile: 'open' })).toThrowError(
      expect.objectContaining({ code: 'CONFIG_PRIVACY' }),
    );
  });
});

describe('adaptive clipping', () => {
  const spec = { by: 'quantile', quantile: 0.5, learningRate: 0.2, bitDeviation: 5, least: 0.01, most: 100 } as const;
  it.each([0.1, 5])(
    'comes within 5 %% of the median norm in 100 rounds from %s, and the inverted bit would not',
    (start) => {
      const norms = Array.from({ length: 101 }, (_, i) => 0.5 + i / 100);
      const settled = (bit: (norm: number, clip: number) => boolean): number => {
        let clip = start;
        for (let round = 0; round < 100; round++) {
          const bits = norms.reduce((sum, norm) => sum + (bit(norm, clip) ? 0.5 : -0.5), 0);
          clip = nextClip(clip, fractionOf(bits, norms.length), 0.5, 0.2);
        }
        return clip;
      };
      expect(Math.abs(settled(isUnclipped) - 1)).toBeLessThan(0.05);
      expect(Math.abs(settled((norm, clip) => !isUnclipped(norm, clip)) - 1)).toBeGreaterThan(0.5);
    },
  );
  it('travels as whole numbers, stays in its range, and a step that does not follow is seen', () => {
    const clip = clipCounter(1, spec);
    expect(clipOfCounter(clip, spec)).toBeCloseTo(1, 6);
    expect(clipCounter(1e9, spec)).toBe(2 ** 31 - 1);
    expect(clipOfCounter(clipCounter(0, spec), spec)).toBeCloseTo(0.01, 6);
    const fraction = Math.round(0.8 * (2 ** 31 - 1));
    const next = clipCounter(nextClip(1, 0.8, 0.5, 0.2), spec);
    expect(followsClip(clip, fraction, next, spec)).toBe(true);
    expect(followsClip(clip, fraction, next + 1_000, spec)).toBe(false);
  });
});

describe('settings that promise what they cannot keep are refused, with field and remedy', () => {
  const refused = (patch: Parameters<typeof privateTask>[0], code: string, field?: string) => {
    const config = privateTask({ size: 8, dimension: 64, ...patch });
    let thrown: unknown;
    try {
      deriveTask(config);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, ...(field && { details: { field } }) });
  };
  it.each([
    ['ε of 0', { budget: { epsilon: 0, delta: 1e-5 } }, 'PRIVACY_EPSILON'],
    ['a negative ε', { budget: { epsilon: -1, delta: 1e-5 } }, 'PRIVACY_EPSILON'],
    ['δ of 0', { budget: { epsilon: 1, delta: 0 } }, 'PRIVACY_DELTA'],
    ['δ of 1', { budget: { epsilon: 1, delta: 1 } }, 'PRIVACY_DELTA'],
    ['no noise, with a claim', { noiseMultiplier: 0 }, 'CONFIG_PRIVACY', 'privacy.noiseMultiplier'],
    ['noise below two grid steps', { clipSteps: 1 }, 'CONFIG_PRIVACY', 'privacy.clipSteps'],
    ['noise beyond the sampler', { noiseMultiplier: 5_000 }, 'CONFIG_PRIVACY', 'privacy.clipSteps'],
    ['more losses than the threshold leaves', { losses: 3 }, 'CONFIG_PRIVACY', 'privacy.losses'],
    ['too few honest shares', { losses: 2, noiseless: 5 }, 'PRIVACY_SHARES'],
    [
      'a bit that costs more than the round',
      { clipping: 'quantile' as const, bitDeviation: 0.1 },
      'CONFIG_PRIVACY',
      'privacy.clipping.bitDeviation',
    ],
  ])('%s', (_, patch, code, field?: string) => refused(patch, code, field));
  it('another grid than that of clipSteps, and examples as weights', () => {
    const config = privateTask({ size: 8, dimension: 64 });
    const grid = { ...config, encoding: { ...config.encoding, bits: 16 } };
    expect(() => deriveTask(grid)).toThrowError(expect.objectContaining({ code: 'CONFIG_PRIVACY' }));
    const weighted = {
      ...config,
      encoding: { ...config.encoding, weighting: { by: 'examples', maxExamples: 5 } as const },
    };
    expect(() => deriveTask(weighted)).toThrowError(expect.objectContaining({ code: 'CONFIG_PRIVACY' }));
  });
  it('a window that could close below the survivor floor', () => {
    const config = privateTask({ size: 8, dimension: 64, losses: 1 });
    const windows = { ...config.windows, masked: { ...config.windows.masked, count: { min: 6, max: 8 } } };
    expect(() => deriveTask({ ...config, windows })).toThrowError(
      expect.objectContaining({ code: 'CONFIG_PHASE_WINDOW' }),
    );
  });
  it('a noised sum that no ring holds', () => {
    const config = privateTask({ size: 8, dimension: 64, rotation: 'none', clipSteps: 2 ** 25, noiseMultiplier: 4e-4 });
    const huge = { ...config, group: { ...config.group, size: 128 }, profile: 'cohort' as const };
    expect(() =>
      planNoise({ ...huge, privacy: { ...(huge.privacy as object), losses: 0 } as never }, 86),
    ).not.toThrow();
    expect(() => deriveTask({ ...huge, privacy: { ...(huge.privacy as object), losses: 0 } as never })).toThrowError(
      expect.objectContaining({ code: 'CONFIG_RING' }),
    );
  });
});
