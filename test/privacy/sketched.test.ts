// Noise and verified sketches in one round, over the real machines, masks and projections: the checks stay complete, what does not clip
// is found, the clipping norm may adapt, both ledgers have both releases. Not here: sockets (test/server/private-sketch.test.ts).

import { describe, expect, it } from 'vitest';
import type { Rank } from '../../protocol/ids.js';
import { clipCounter } from '../../protocol/privacy/adaptive-clip.js';
import { price } from '../../protocol/privacy/price.js';
import { sketchedNoise } from '../../protocol/privacy/provision.js';
import { worstEvents } from '../../protocol/privacy/round-events.js';
import type { AdaptiveClipping } from '../../protocol/privacy/spec.js';
import type { MaskWork } from '../../protocol/secagg/jobs.js';
import { noisedNormOf } from '../../protocol/sketch/bounds.js';
import { deriveTask, type TaskConfig, type WaitingPhase } from '../../protocol/task.js';
import type { Outcome } from '../protocol/arena.js';
import { dropAt, type Member, makeMembers, openedLevels, World, type WorldOptions } from '../protocol/world.js';
import { privateTask, sketchedTask } from './tasks.js';

const RUN = { round: 1, attempt: 1, group: 0 } as const;
const planOf = (config: TaskConfig) => {
  const { noise, sketch } = deriveTask(config);
  if (noise === 'none' || sketch === 'none') throw new Error('no noise or no sketches');
  return { noise, sketch };
};
/** What the coordinator would leave out by the norm of a sketch alone, check 2. */
const excluded = ({ facts, members }: Outcome) =>
  facts.flatMap((f) =>
    f.type === 'excluded' ? [[members.findIndex((m) => m.identity.id === f.client), f.code] as const] : [],
  );
const adaptive = (config: TaskConfig): AdaptiveClipping => {
  const { privacy } = config;
  if (privacy === 'none' || privacy.placement === 'central' || privacy.clipping.by === 'fixed')
    throw new Error('fixed');
  return privacy.clipping;
};
const play = (config: TaskConfig, options: Partial<WorldOptions> = {}) => {
  const clip =
    'clipping' in (config.privacy as object) &&
    (config.privacy as { clipping: { by: string } }).clipping.by === 'quantile'
      ? clipCounter(config.encoding.clipNorm, adaptive(config))
      : 0;
  const world = new World({ config, clip, ...options });
  return { ...world.start().run(), world };
};
const opened = ({ sums }: Outcome, config: TaskConfig): number[] =>
  openedLevels([...sums.values()][0] as Uint16Array<ArrayBuffer>, deriveTask(config).encoding.ring);

describe('noise and verified sketches together', () => {
  const config = sketchedTask({});
  it('the bound has the noise in it, and the ring holds both', () => {
    const { noise, sketch } = planOf(config);
    expect(sketch.encodedNorm).toBe(
      noisedNormOf({ dimension: 2_000, l2: noise.l2, localVariance: noise.localVariance }),
    );
    expect(sketch.encodedNorm).toBeGreaterThan(Math.sqrt(noise.l2 ** 2 + 2_000 * noise.localVariance));
    expect(2 ** deriveTask(config).encoding.ring).toBeGreaterThan(512 * sketch.radius);
  });

  it('four rounds of updates at the full norm: no honest member is left out, and every opened sum has its noise', () => {
    const { noise } = planOf(config);
    let noisy = 0;
    for (let round = 1; round <= 4; round++) {
      const members = makeMembers(config).map((m) => ({ ...m, update: m.update.map((x) => 10 * x) }));
      const outcome = play(config, { members, round });
      expect(excluded(outcome)).toEqual([]);
      expect(outcome.result?.groups[0]?.survivors).toHaveLength(8);
      const levels = opened(outcome, config);
      if (levels.reduce((s, x) => s + x * x, 0) / levels.length > 6 * noise.localVariance) noisy++;
    }
    expect(noisy).toBe(4);
  });

  it.each<[string, [Rank, WaitingPhase][]]>([
    ['masked', [[3, 'masked']]],
    [
      'shares and masked',
      [
        [0, 'shares'],
        [5, 'masked'],
      ],
    ],
  ])('with losses in %s the sum is opened at the floor or above', (_, losses) => {
    const outcome = play(config, { tamper: dropAt(new Map(losses)) });
    expect(outcome.result?.groups[0]?.survivors).toHaveLength(8 - losses.length);
  });

  it('the ledger of a client has the sum and the sketch, and they cost more than the sum alone', () => {
    const members = makeMembers(config);
    play(config, { members });
    const types = (members[0] as Member).ledger.flatMap(({ type, events }) =>
      events.map((event) => `${type} ${event.type}`),
    );
    expect(types).toEqual(['reserved distributedGaussian', 'reserved sketch', 'settled distributedGaussian']);
    const events = worstEvents(config, deriveTask(config), RUN);
    const of = (list: typeof events) => price(list, 1e-5, { accountant: 'rdp' }).epsilon;
    expect(of(events)).toBeGreaterThan(of(events.slice(0, 1)));
  });
});

/** A client that neither clips nor holds the norm of what it rounds, and adds its noise like anybody else. */
const unclipped = (work: MaskWork): MaskWork => {
  const { mechanism } = work.encoding;
  if (mechanism === undefined) throw new Error('no noise');
  return { ...work, encoding: { ...work.encoding, clipNorm: 1e9, mechanism: { ...mechanism, maxSquare: 2 ** 53 } } };
};
/** Everybody else sends zero, so the sum is what the cheater sent and noise. */
const alone = (config: TaskConfig, norm: number): Member[] =>
  makeMembers(config).map((m, i) => {
    const update = new Float32Array(config.dimension);
    if (i === 2) update.fill(norm / Math.sqrt(config.dimension));
    return { ...m, update };
  });
const cheat: Partial<WorldOptions> = { rewrite: (client, work) => (client === 2 ? unclipped(work) : work) };

describe('a client that does not clip', () => {
  const cohort = privateTask({ dimension: 2_000, losses: 2 });
  const sketched = sketchedTask({});
  const stepsOf = (config: TaskConfig) => deriveTask(config).encoding.levels;

  it('in a cohort without sketches is found by nobody: the sum moves by all that it sent, two hundred clipping norms', () => {
    const outcome = play(cohort, { ...cheat, members: alone(cohort, 200) });
    expect(excluded(outcome)).toEqual([]);
    expect(outcome.result?.groups[0]?.survivors).toHaveLength(8);
    const sum = Math.hypot(...opened(outcome, cohort)) / stepsOf(cohort);
    expect(sum).toBeGreaterThan(195);
  });
  it('there only the ring is a bound, 2^15 grid steps a coordinate: some 90 clipping norms in each, 4,000 in all', () => {
    const { encoding } = deriveTask(cohort);
    expect(encoding.ring).toBe(16);
    const inOne = 2 ** 15 / stepsOf(cohort);
    expect(inOne).toBeCloseTo(91.5, 1);
    expect(inOne * Math.sqrt(2_000)).toBeCloseTo(4_093, 0);
  });
  it('with sketches is left out by the norm check, its noise counts as lost, and the others go on', () => {
    const outcome = play(sketched, { ...cheat, members: alone(sketched, 200) });
    expect(excluded(outcome)).toEqual([[2, 'SKETCH_NORM']]);
    expect(outcome.result?.groups[0]?.survivors).toHaveLength(7);
    expect(Math.hypot(...opened(outcome, sketched)) / stepsOf(sketched)).toBeLessThan(60);
  });
  it('there the bound is that of noise and slack, not of the clipping norm: 21 norms are what honest noise has, beyond 141 it cannot', () => {
    const { sketch } = planOf(sketched);
    const honest = sketch.encodedNorm / stepsOf(sketched);
    expect(honest).toBeCloseTo(20.8, 1);
    expect(honest * sketch.slack).toBeLessThan(141);
    expect(excluded(play(sketched, { ...cheat, members: alone(sketched, 10) }))).toEqual([]);
  });
});

describe('a clipping norm that adapts, with sketches', () => {
  const config = sketchedTask({ clipping: 'quantile' });
  it('has its bit inside what is projected: one vector in equal noise, priced and bounded as such', () => {
    const { noise, sketch } = planOf(config);
    expect(noise.bitVariance).toBe(noise.localVariance);
    expect(noise.bitSteps).toBeGreaterThan(50);
    const joint = sketchedNoise(noise, 2_000);
    expect(joint).toEqual({
      dimension: 2_001,
      l2: Math.hypot(noise.l2, noise.bitSteps),
      localVariance: noise.localVariance,
    });
    expect(sketch.encodedNorm).toBe(noisedNormOf(joint));
    const [, bit, projected] = worstEvents(config, deriveTask(config), RUN);
    expect(projected).toMatchObject({ type: 'sketch', k: 24, ...joint });
    // Not less noise in the bit than was asked for, and hardly more.
    const { bitDeviation } = adaptive(config);
    expect(bit).toMatchObject({ type: 'clipBit' });
    const std = bit?.type === 'clipBit' ? bit.std : 0;
    expect(std).toBeGreaterThanOrEqual(bitDeviation);
    expect(std).toBeLessThan(1.02 * bitDeviation);
    // Both together have the multiplier of the task.
    const multiplier = (Math.sqrt(6 * noise.localVariance) / noise.l2) ** -2 + (2 * std) ** -2;
    expect(multiplier ** -0.5).toBeGreaterThanOrEqual(1);
    expect(multiplier ** -0.5).toBeLessThan(1.02);
  });
  it('opens the sum of the bits with the sum of the updates, and leaves no honest member out', () => {
    const { noise } = planOf(config);
    let bits = 0;
    for (let round = 1; round <= 6; round++) {
      // Two of eight are longer than the norm of 1.
      const members = makeMembers(config).map((m, i) => ({
        ...m,
        update: new Float32Array(2_000).fill((i < 2 ? 3 : 0.5) / Math.sqrt(2_000)),
      }));
      const outcome = play(config, { members, round });
      expect(excluded(outcome)).toEqual([]);
      const levels = opened(outcome, config);
      expect(levels).toHaveLength(2_001);
      bits += (levels[2_000] as number) / (2 * noise.bitSteps);
    }
    // Σ(b − ½) = 6·½ − 2·½ = 2 a round, with noise of σ_b = 2·√(8/6) each.
    expect(Math.abs(bits / 6 - 2)).toBeLessThan((5 * 2 * Math.sqrt(8 / 6)) / Math.sqrt(6));
  });
  it('a member whose bit counts a hundredfold is seen by its norm, where the cohort without sketches believes it', () => {
    const loud = (work: MaskWork): MaskWork => {
      const { mechanism } = work.encoding;
      if (mechanism === undefined) throw new Error('no noise');
      return {
        ...work,
        encoding: { ...work.encoding, mechanism: { ...mechanism, bitSteps: 1_000 * mechanism.bitSteps } },
      };
    };
    const rewrite = (client: number, work: MaskWork): MaskWork => (client === 2 ? loud(work) : work);
    expect(excluded(play(config, { rewrite }))).toEqual([[2, 'SKETCH_NORM']]);
    const cohort = privateTask({ dimension: 2_000, losses: 2, clipping: 'quantile' });
    expect(excluded(play(cohort, { rewrite }))).toEqual([]);
  });
  it('is refused where the noise leaves no step for the bit', () => {
    expect(() => deriveTask(sketchedTask({ clipping: 'quantile', bitDeviation: 1e4 }))).toThrowError(
      expect.objectContaining({ code: 'CONFIG_PRIVACY', details: { field: 'privacy.clipping.bitDeviation' } }),
    );
  });
});
