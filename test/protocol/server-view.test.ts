// What the coordinator sees (protocol.md §9.4): masked words are uniform, two sets of inputs with one sum look the same, and below the
// threshold nothing is revealed. Masks come from a CSPRNG, so these tests cannot fix a seed: each χ² value is accepted within 5.6
// standard deviations (Wilson-Hilferty), 2.2e-8 for both tails; with fewer than 40 of them the false-alarm rate is below 1e-6.

import { describe, expect, it } from 'vitest';
import { combineShares } from '../../protocol/crypto/shamir.js';
import { fromHex } from '../../protocol/ids.js';
import { nativeKeystream } from '../../protocol/native/index.js';
import { wordsOf } from '../../protocol/secagg/encode.js';
import type { UnmaskWork } from '../../protocol/secagg/jobs.js';
import { commitToB, selfMaskKey } from '../../protocol/secagg/keys.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { applyMasks, foldInput, packWords } from '../../protocol/secagg/mask.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import {
  dropAt,
  exactSurvivors,
  memberOf,
  nativeRuntime,
  openedLevels,
  primitives,
  sentBy,
  taskOf,
  World,
} from './world.js';

const D = 30_000;
/** |z| of a χ² value with k degrees of freedom: (χ²/k)^(1/3) is nearly normal, mean 1 − 2/9k, variance 2/9k (Wilson and Hilferty 1931). */
const zOf = (chi2: number, k: number): number =>
  Math.abs((chi2 / k) ** (1 / 3) - (1 - 2 / (9 * k))) / Math.sqrt(2 / (9 * k));
const BOUND = 5.6;

function histogram(inputs: Iterable<Uint8Array>, width: number, place: number): number[] {
  const counts = Array<number>(256).fill(0);
  for (const bytes of inputs)
    for (let i = place; i < bytes.length; i += width)
      counts[bytes[i] as number] = (counts[bytes[i] as number] as number) + 1;
  return counts;
}
function uniformZ(counts: readonly number[]): number {
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
  return zOf(
    counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0),
    counts.length - 1,
  );
}
/** Two samples of one size: Σ (a − b)² ÷ (a + b). */
const sameZ = (a: readonly number[], b: readonly number[]): number =>
  zOf(
    a.reduce((sum, n, i) => sum + (n - (b[i] as number)) ** 2 / (n + (b[i] as number)), 0),
    a.length - 1,
  );

const taskAt = (bits: number): TaskConfig => {
  const base = taskOf({ size: 8, dimension: D });
  return { ...base, encoding: { ...base.encoding, bits, range: (2 ** (bits - 1) - 1) / 128 } };
};
/** All clients send the same constant: as far from uniform as an update can be. */
const constant = (value: number) => Array<number>(D).fill(value);

describe('masked words are uniform', () => {
  for (const [ring, bits] of [
    [16, 8],
    [24, 16],
    [32, 26],
  ] as const)
    it(`ρ = ${ring}: every byte of every y, though all updates are one constant`, () => {
      const config = taskAt(bits);
      expect(deriveTask(config).encoding.ring).toBe(ring);
      const members = Array.from({ length: 8 }, (_, i) => memberOf(i, constant(3 / 128)));
      const world = new World({ config, members });
      world.start().run();
      const inputs = [...world.engine.inputs.values()];
      expect(inputs).toHaveLength(8);
      for (let place = 0; place < ring / 8; place++)
        expect(uniformZ(histogram(inputs, ring / 8, place)), `byte ${place}`).toBeLessThan(BOUND);
      // Nor does the difference of two clients tell anything: their pair mask enters with opposite signs, not the same one.
      const [a = new Uint8Array(), b = new Uint8Array()] = inputs;
      expect(uniformZ(histogram([a.map((byte, i) => byte ^ (b[i] as number))], ring / 8, 0))).toBeLessThan(BOUND);
      // The test can fail: without its masks the same vector is far off.
      const { encoding } = deriveTask(config);
      const plain = packWords(wordsOf(encoding, D).fill(3), encoding, nativeRuntime.kernels);
      expect(uniformZ(histogram([plain], ring / 8, 0))).toBeGreaterThan(100);
    });

  it('the same update masked in two attempts gives two unrelated vectors', () => {
    const config = taskAt(8);
    const views = [1, 2].map((attempt) => {
      const members = Array.from({ length: 8 }, (_, i) => memberOf(i, constant(1 / 128)));
      const world = new World({ config, members, attempt });
      world.start().run();
      return world.engine.inputs.get(`test/1.${attempt}/0/0`) ?? new Uint8Array();
    });
    const [first = new Uint8Array(), second = new Uint8Array()] = views;
    expect(uniformZ(histogram([first.map((byte, i) => byte ^ (second[i] as number))], 1, 0))).toBeLessThan(BOUND);
  });
});

/** The most a curious coordinator can do with what it is given: each y without its self mask, and without the pair masks of the gone. */
function stripped(world: World, work: UnmaskWork): Uint8Array[] {
  const { encoding } = work;
  return work.selfSecrets.map(({ rank, secret }) => {
    const words = wordsOf(encoding, D);
    foldInput(
      words,
      world.engine.inputs.get(`test/1.1/0/${rank}`) ?? new Uint8Array(),
      encoding,
      nativeRuntime.kernels,
    );
    const key = selfMaskKey(primitives, work.gctx, secret, rank);
    runStreaming(applyMasks(words, [{ key, sign: -1 }], nativeRuntime.kernels), work.prg, nativeKeystream);
    return packWords(words, encoding, nativeRuntime.kernels);
  });
}
function viewOf(updates: readonly number[]): { vectors: Uint8Array[]; sum: number[] } {
  let captured: UnmaskWork | undefined;
  const world = new World({
    config: taskAt(8),
    members: updates.map((value, i) => memberOf(i, constant(value / 128))),
    tamper: dropAt(new Map([[7, 'masked']])),
    engine: (work) => {
      if (work.type === 'unmask')
        captured = { ...work, selfSecrets: work.selfSecrets.map((s) => ({ ...s, secret: s.secret.slice() })) };
      return undefined;
    },
  });
  world.start().run();
  expect(exactSurvivors(world)).toEqual([[0, 1, 2, 3, 4, 5, 6]]);
  if (captured === undefined) throw new Error('nothing was opened');
  const [sum = new Uint16Array()] = world.sums.values();
  return { vectors: stripped(world, captured), sum: openedLevels(sum, 16).slice(0, 3) };
}

describe('two sets of inputs with the same sum', () => {
  it('give the same sum and, for all that R6 opens, views of the same distribution: uniform but for the sum', () => {
    const even = viewOf([10, 10, 10, 10, 10, 10, 10, 99]);
    const uneven = viewOf([127, -107, 10, -50, 70, 10, 10, -99]);
    expect(even.sum).toEqual([70, 70, 70]);
    expect(uneven.sum).toEqual(even.sum);
    for (const place of [0, 1]) {
      const [a, b] = [even, uneven].map(({ vectors }) => histogram(vectors.slice(0, 6), 2, place)) as [
        number[],
        number[],
      ];
      expect(uniformZ(a)).toBeLessThan(BOUND);
      expect(uniformZ(b)).toBeLessThan(BOUND);
      expect(sameZ(a, b)).toBeLessThan(BOUND);
    }
    // Client 0 alone: 10 in one world, 127 in the other.
    const [a, b] = [even, uneven].map(({ vectors }) => histogram(vectors.slice(0, 1), 2, 0)) as [number[], number[]];
    expect(sameZ(a, b)).toBeLessThan(BOUND);
  });
});

describe('below the threshold nothing is revealed', () => {
  it('too few inputs: no share is ever opened, and the vectors that came stay uniform', () => {
    const members = Array.from({ length: 8 }, (_, i) => memberOf(i, constant(1)));
    const gone = new Map([0, 1, 2].map((i) => [i, 'masked' as const]));
    const world = new World({ config: taskAt(8), members, tamper: dropAt(gone) });
    world.start().run();
    expect(world.failure).toMatchObject({ code: 'ROUND_QUORUM', phase: 'masked' });
    expect(members.flatMap((m) => sentBy(m, 'unmask'))).toEqual([]);
    const inputs = [...world.engine.inputs.values()];
    expect(inputs).toHaveLength(5);
    expect(uniformZ(histogram(inputs, 2, 0))).toBeLessThan(BOUND);
  });

  it('t − 1 answers in R6: what their shares give is not b of anybody, and no sum is kept', () => {
    const world = new World({
      config: taskAt(8),
      tamper: dropAt(new Map([0, 1, 2].map((i) => [i, 'unmask' as const]))),
    });
    let gctx: Uint8Array | undefined;
    world.start();
    while (!world.ended) {
      if (world.state?.phase === 'running') gctx = [...world.state.groups.values()][0]?.setup.gctx;
      if (world.queue.length > 0) world.deliverOne();
      else world.advance();
    }
    expect(world.failure).toMatchObject({ code: 'ROUND_QUORUM', phase: 'unmask' });
    expect(world.sums.size).toBe(0);
    const answers = world.members.flatMap((m, rank) => sentBy(m, 'unmask').map(({ opened }) => ({ rank, opened })));
    expect(answers.filter(({ rank }) => rank > 2)).toHaveLength(5);
    for (const [dealer, member] of world.members.entries()) {
      const shares = answers
        .filter(({ rank }) => rank > 2)
        .flatMap(({ rank, opened }) =>
          opened.filter(({ of }) => of === dealer).map(({ share }) => ({ rank, bytes: share })),
        );
      const guess = combineShares(shares, 5);
      const [dealt] = sentBy(member, 'shares');
      expect(commitToB(primitives, gctx ?? fromHex(''), dealer, guess)).not.toEqual(dealt?.commitB);
    }
  });
});
