// Attack maths against vectors/robustness.json's closed forms, and what the one shape promises (nothing written to, stacking).
// Not here: whether a real hostile client gets its vector into a sum (fleet.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../client/dataset.js';
import {
  type Attack,
  boosted,
  createAttack,
  freeRider,
  gaussian,
  innerProduct,
  labelFlip,
  type OmniscientView,
  signFlip,
  stack,
  vectorAbuse,
} from '../../simulations/attacks/index.js';
import { Random } from '../../simulations/random.js';

const honest = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
].map((row) => Float32Array.from(row));

function view(over: Partial<OmniscientView> = {}): OmniscientView {
  const clean = Float32Array.of(1, -2, 0.5);
  return {
    round: 3,
    model: Float32Array.of(1.5, 1, 0),
    previousModel: Float32Array.of(1, 2, 0),
    clean,
    colluders: [clean],
    at: 0,
    rank: 0,
    attackers: 1,
    cohort: 4,
    encoding: { dimension: 3, clipNorm: 1, range: 1, levels: 127, ring: 16, weighted: false },
    random: Random.fromSeed('attack'),
    honest,
    ...over,
  };
}
function corrupted(attack: Attack, update = Float32Array.of(1, -2, 0.5), over: Partial<OmniscientView> = {}): number[] {
  const { corrupt } = attack as { corrupt?: (u: Float32Array, v: OmniscientView) => Float32Array };
  if (corrupt === undefined) throw new Error(`${attack.name} does not corrupt updates`);
  return [...corrupt(update, view(over))];
}
const data: Dataset = {
  inputs: new Float32Array(10),
  shape: [1],
  labels: Uint8Array.of(0, 1, 7, 9, 4, 1, 1, 1, 1, 1),
  classes: 10,
  rows: Uint32Array.of(0, 1, 2, 3, 4),
};
const poisoned = (attack: Attack): number[] => {
  const result = attack.poison?.(data, { rank: 0, attackers: 1, random: Random.fromSeed(1) });
  return [...(result?.labels ?? [])];
};

describe('attacks on updates', () => {
  it('a sign flip sends the negative update, boosted or not', () => {
    expect(corrupted(signFlip())).toEqual([-1, 2, -0.5]);
    expect(corrupted(signFlip(10))).toEqual([-10, 20, -5]);
    expect(corrupted(boosted(10))).toEqual([10, -20, 5]);
  });

  it('inner-product manipulation sends −epsilon times the honest mean (vectors attack/ipm/1, attack/signFlipOmniscient/1)', () => {
    expect(corrupted(innerProduct(2))).toEqual([-8, -10, -12]);
    expect(corrupted(innerProduct(1))).toEqual([-4, -5, -6]);
  });

  it('gaussian noise has the mean and deviation it names', () => {
    // 20,000 draws: the mean is off by more than 5 standard errors (5 · 0.3 / √20000) once in 1.7 million runs; seed fixed.
    const draws = corrupted(gaussian(0.3, 0.1), new Float32Array(20_000));
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    const square = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.1)).toBeLessThan(0.011);
    expect(Math.abs(Math.sqrt(square) - 0.3)).toBeLessThan(0.01);
  });

  it('a free rider sends nothing, or the last global step (vector attack/freeRiderReplay/1)', () => {
    expect(corrupted(freeRider({ send: 'zero' }))).toEqual([0, 0, 0]);
    expect(corrupted(freeRider({ send: 'replay' }))).toEqual([0.5, -1, 0]);
    expect(corrupted(freeRider({ send: 'replay' }), undefined, { previousModel: undefined })).toEqual([0, 0, 0]);
    const noise = corrupted(freeRider({ send: 'noise', deviation: 0.01 }));
    expect(noise.every((value) => value !== 0 && Math.abs(value) < 0.1)).toBe(true);
  });

  it('only those that mean to do harm with size give up the clip', () => {
    const unclipped = [signFlip(2), boosted(2), gaussian(1)];
    const clipped = [
      freeRider({ send: 'zero' }),
      labelFlip({ mode: 'reverse' }),
      innerProduct(0.1),
      vectorAbuse('ring'),
    ];
    expect(unclipped.map(({ clips }) => clips)).toEqual([false, false, false]);
    expect(clipped.map(({ clips }) => clips)).toEqual([true, true, true, true]);
  });

  it('never writes to what it is shown', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 9 }),
        (row) => {
          const update = Float32Array.from(row);
          const rows = [update, update.map((x) => x / 2)];
          const known = { honest: rows, model: update, previousModel: update.slice(), clean: update, colluders: rows };
          const before = structuredClone([rows, known]);
          for (const attack of [signFlip(3), innerProduct(2), gaussian(1), freeRider({ send: 'replay' })]) {
            corrupted(attack, update, known);
          }
          expect([rows, known]).toEqual(before);
        },
      ),
      { seed: 7, numRuns: 50 },
    );
  });
});

describe('attacks on labels', () => {
  it('flips as robustness.md §2 says (vectors attack/labelFlip/1 and /2), in its own rows only', () => {
    const rest = [1, 1, 1, 1, 1];
    expect(poisoned(labelFlip({ mode: 'reverse' }))).toEqual([9, 8, 2, 0, 5, ...rest]);
    expect(poisoned(labelFlip({ mode: 'shift' }))).toEqual([1, 2, 8, 0, 5, ...rest]);
    expect(poisoned(labelFlip({ mode: 'targeted', from: 1, to: 7 }))).toEqual([0, 7, 7, 9, 4, ...rest]);
    expect(poisoned(labelFlip({ mode: 'random' })).every((label) => label < 10)).toBe(true);
  });

  it('leaves the arrays that other clients share as they were', () => {
    const before = [...data.labels];
    for (const mode of ['reverse', 'shift', 'random'] as const) poisoned(labelFlip({ mode }));
    expect([...data.labels]).toEqual(before);
  });

  it('refuses a class the data do not have', () => {
    expect(() => poisoned(labelFlip({ mode: 'targeted', from: 1, to: 10 }))).toThrow(
      'label 10 is none of the 10 classes',
    );
  });
});

describe('attacks on the uploaded bytes', () => {
  const vector = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const upload = (kind: Parameters<typeof vectorAbuse>[0]): Uint8Array =>
    vectorAbuse(kind).upload?.(vector, { random: Random.fromSeed(1), encoding: view().encoding }) ?? vector;

  it('sends NaN, infinity, a wrong length, or uniform ring elements', () => {
    const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];
    expect(floats(upload('nan'))).toEqual([Number.NaN, Number.NaN]);
    expect(floats(upload('infinity'))).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect([...upload('short')]).toEqual([1, 2, 3, 4]);
    expect([...upload('long')]).toEqual([...vector, 0, 0, 0, 0]);
    expect(upload('ring')).toHaveLength(8);
    expect([...upload('ring')]).not.toEqual([...vector]);
    expect([...vector]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe('the shape', () => {
  it('stacks: stages in order, the best-informed knowledge, clipping only if all clip', () => {
    const both = stack('both', labelFlip({ mode: 'reverse' }), innerProduct(2), boosted(3));
    expect(both.knows).toBe('omniscient');
    expect(both.clips).toBe(false);
    expect(corrupted(both)).toEqual([-24, -30, -36]);
    expect(poisoned(both).slice(0, 5)).toEqual([9, 8, 2, 0, 5]);
    expect(both.upload).toBeUndefined();
  });

  it('is named by a configuration, and says which number makes no attack', () => {
    expect(createAttack({ kind: 'sign-flip', boost: 20 }).name).toBe('sign-flip ×20');
    expect(createAttack({ kind: 'label-flip', mode: 'targeted', from: 1, to: 7 }).name).toBe('label flip 1→7');
    expect(() => createAttack({ kind: 'sign-flip', boost: 0 })).toThrow(
      'CONFIG_INVALID: attack sign-flip: boost is 0; it must be a number above 0',
    );
  });
});
