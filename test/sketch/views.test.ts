// What verified sketches add to the coordinator's view, and what they do not (docs/verified-sketches.md §2): updates with the same sum and
// the same sketches give views of the same distribution. Real machines, real masks, seeds fixed. A χ² value is accepted within 5.6
// standard deviations (Wilson-Hilferty), 2.2e-8 for both tails; with 31 of them another seed would fail with probability 7e-7.
// Not here: sums without sketches (protocol/server-view.test.ts).

import { describe, expect, it } from 'vitest';
import { enc } from '../../protocol/crypto/enc.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import type { Rng } from '../../protocol/crypto/primitives.js';
import { nativeKeystream } from '../../protocol/native/index.js';
import { wordsOf } from '../../protocol/secagg/encode.js';
import type { UnmaskWork } from '../../protocol/secagg/jobs.js';
import { selfMaskKey } from '../../protocol/secagg/keys.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { applyMasks, foldInput, packWords } from '../../protocol/secagg/mask.js';
import { expandMatrix } from '../../protocol/sketch/matrix.js';
import { jsProjector, project } from '../../protocol/sketch/project.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import { Arena, newMember } from '../protocol/arena.js';
import { dropAt, nativeRuntime, openedLevels, primitives, sentBy, taskOf, WEAK_POLICY } from '../protocol/world.js';
import { kernelVector } from './kernel.js';

const D = 20_000;
const SIZE = 8;
const ROWS = 24;
const GONE = 7;
const base = taskOf({ size: SIZE, dimension: D });
const config: TaskConfig = {
  ...base,
  profile: 'sketch',
  encoding: { ...base.encoding, clipNorm: 80 },
  integrity: {
    kind: 'sketch',
    rows: ROWS,
    securityBits: 20,
    malicious: 0,
    exclusions: 1,
    dropouts: 1,
    selection: [],
    window: { count: { min: 6, max: SIZE }, time: { min: 0, max: 1000 } },
  },
};
const { encoding } = deriveTask(config);

/** Everything random in a world, from its seed: SHA-256 in counter mode, one stream for each member and the coordinator. */
function streamsOf(seed: string): (who: number | 'coordinator') => Rng {
  const counters = new Map<number | 'coordinator', number>();
  return (who) => (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const count = (counters.get(who) ?? 0) + 1;
      counters.set(who, count);
      out.set(primitives.sha256(enc('sotto/1 ctx', seed, String(who), count)).subarray(0, length - at), at);
    }
    return out;
  };
}

interface View {
  /** y of each survivor without its self mask: what R6 lets the coordinator compute. */
  readonly stripped: readonly Uint8Array[];
  /** p_ij as survivors sent them, i < j. */
  readonly masks: readonly Uint8Array[];
  readonly sketches: readonly (readonly number[])[];
  readonly sum: readonly number[];
  readonly matrixKey: Uint8Array;
}
/** @param levels whole numbers of the grid, a row for each member */
function viewOf(seed: string, levels: readonly Int32Array[]): View {
  const rngOf = streamsOf(seed);
  let opened: UnmaskWork | undefined;
  let matrixKey = new Uint8Array();
  const members = levels.map((row, i) =>
    newMember(
      generateIdentity(primitives, rngOf(i)),
      Array.from(row, (level) => level / 128),
      1,
      WEAK_POLICY,
    ),
  );
  const arena = new Arena(
    {
      config,
      members,
      tamper: dropAt(new Map([[GONE, 'masked']])),
      stepped: (_, { state }) => {
        const [group] = state.phase === 'running' ? state.groups.values() : [];
        if (group !== undefined) matrixKey = Uint8Array.from(group.setup.matrixKey);
      },
      engine: (work) => {
        if (work.type === 'unmask')
          opened = { ...work, selfSecrets: work.selfSecrets.map((one) => ({ ...one, secret: one.secret.slice() })) };
        return undefined;
      },
    },
    { ...nativeRuntime, rngOf },
  );
  arena.start().run();
  expect(arena.result?.groups[0]?.survivors).toHaveLength(SIZE - 1);
  if (opened === undefined) throw new Error('nothing was opened');
  const { gctx, prg, selfSecrets } = opened;
  const stripped = selfSecrets.map(({ rank, secret }) => {
    const words = wordsOf(encoding, D);
    const input = arena.engine.inputs.get(`test/1.1/0/${rank}`) ?? new Uint8Array();
    foldInput(words, input, encoding, nativeRuntime.kernels);
    const key = selfMaskKey(primitives, gctx, secret, rank);
    runStreaming(applyMasks(words, [{ key, sign: -1 }], nativeRuntime.kernels), prg, nativeKeystream);
    return packWords(words, encoding, nativeRuntime.kernels);
  });
  const sections = members.flatMap((m, rank) => sentBy(m, 'sketch').map(({ section }) => ({ rank, section })));
  const masks = sections.flatMap(({ rank, section }) =>
    Array.from({ length: SIZE }, (_, peer) => peer)
      .filter((peer) => peer > rank && peer !== GONE)
      .map((peer) => section.slice(4 * ROWS * peer, 4 * ROWS * (peer + 1))),
  );
  const sketches = sections.map(({ section }) => [...new Int32Array(section.slice(0, 4 * ROWS).buffer)]);
  const [sum = new Uint32Array()] = arena.sums.values();
  return { stripped, masks, sketches, sum: openedLevels(sum, encoding.ring), matrixKey };
}

const matrixOf = (key: Uint8Array) => runStreaming(expandMatrix(key, ROWS, D), config.prg, nativeKeystream);

const zOf = (chi2: number, k: number): number =>
  Math.abs((chi2 / k) ** (1 / 3) - (1 - 2 / (9 * k))) / Math.sqrt(2 / (9 * k));
const BOUND = 5.6;
type Counts = readonly number[];
const uniformZ = (counts: Counts): number => {
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
  return zOf(
    counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0),
    counts.length - 1,
  );
};
const sameZ = (a: Counts, b: Counts): number =>
  zOf(
    a.reduce((sum, n, i) => sum + (n - (b[i] ?? 0)) ** 2 / Math.max(1, n + (b[i] ?? 0)), 0),
    a.length - 1,
  );
/** Values of one byte of each word, of those words that `takes` names. */
function bytesAt(vectors: readonly Uint8Array[], place: number, takes: (word: number) => boolean = () => true): Counts {
  const counts = Array<number>(256).fill(0);
  const width = encoding.ring / 8;
  for (const bytes of vectors)
    for (let word = 0; word * width < bytes.length; word++) {
      const value = bytes[word * width + place] ?? 0;
      if (takes(word)) counts[value] = (counts[value] ?? 0) + 1;
    }
  return counts;
}
const nibbles = (vectors: readonly Uint8Array[]): Counts => {
  const counts = Array<number>(16).fill(0);
  for (const bytes of vectors)
    for (const byte of bytes) for (const half of [byte & 15, byte >> 4]) counts[half] = (counts[half] ?? 0) + 1;
  return counts;
};

/** As far from uniform as updates can be, and the same for everybody but by a constant. */
const flat = Array.from({ length: SIZE }, (_, i) => new Int32Array(D).fill(i - 3));

describe('two sets of updates with the same sum and the same sketches', () => {
  const even = viewOf('even', flat);
  // The other world has its own secrets, so its own A; a rehearsal with its seed tells which. Then two members move apart within the
  // kernel of A, and are as different as the grid allows in every tenth coordinate.
  const delta = kernelVector(matrixOf(viewOf('uneven', flat).matrixKey), 100);
  const moved = flat.map((row, i) => row.map((level, c) => level + (i === 0 ? 1 : i === 1 ? -1 : 0) * (delta[c] ?? 0)));
  const uneven = viewOf('uneven', moved);

  it('are two sets: two members differ in more than a thousand coordinates, by almost half of the range', () => {
    expect(delta.filter((one) => one !== 0).length).toBeGreaterThan(1_000);
    expect([...uneven.sum]).toEqual([...even.sum]);
  });

  it('have the same sketches under the A of the round, and a vector outside of its kernel would not', () => {
    const matrix = matrixOf(uneven.matrixKey);
    const sketchOf = (x: Int32Array) => [
      ...new Int32Array(project(jsProjector(matrix), new Uint32Array(Int32Array.from(x).buffer)).buffer),
    ];
    expect(sketchOf(delta)).toEqual(Array<number>(ROWS).fill(0));
    expect(uneven.sketches).toEqual(flat.slice(0, GONE).map(sketchOf));
    const outside = delta.slice();
    outside[outside.findIndex((one) => one !== 0)] = 0;
    expect(sketchOf(outside)).not.toEqual(Array<number>(ROWS).fill(0));
  });

  it('give views of one distribution: every y that R6 strips is uniform, also where the updates differ, and so is every p_ij', () => {
    // Six of the seven: with the sum they fix the last.
    const [a, b] = [even.stripped.slice(0, 6), uneven.stripped.slice(0, 6)];
    expect(a).toHaveLength(6);
    const differ = (word: number) => delta[word] !== 0;
    for (let place = 0; place < encoding.ring / 8; place++) {
      const [x, y] = [bytesAt(a, place), bytesAt(b, place)];
      for (const z of [uniformZ(x), uniformZ(y), sameZ(x, y)]) expect(z).toBeLessThan(BOUND);
      for (const who of [0, 1]) {
        const [mine, other] = [a, b].map((all) => bytesAt(all.slice(who, who + 1), place, differ)) as [Counts, Counts];
        expect(uniformZ(other)).toBeLessThan(BOUND);
        expect(sameZ(mine, other)).toBeLessThan(BOUND);
      }
    }
    const [p, q] = [nibbles(even.masks), nibbles(uneven.masks)];
    expect(p.reduce((sum, n) => sum + n, 0)).toBe(21 * ROWS * 8);
    for (const z of [uniformZ(p), uniformZ(q), sameZ(p, q)]) expect(z).toBeLessThan(BOUND);
  });

  it('the test can fail: the updates themselves, or one mask left out, are far off', () => {
    const plain = (levels: Int32Array) => new Uint8Array(Int32Array.from(levels).buffer);
    const differ = (word: number) => delta[word] !== 0;
    const width = encoding.ring / 8;
    const [x = new Int32Array(), y = new Int32Array()] = [flat[0], moved[0]];
    expect(width).toBe(4);
    expect(sameZ(bytesAt([plain(x)], 0, differ), bytesAt([plain(y)], 0, differ))).toBeGreaterThan(30);
    // Not yet stripped of what the dropout shared with it, but without anybody else's mask, a y would be a difference of updates.
    expect(uniformZ(bytesAt([plain(y.map((level, c) => level - (x[c] ?? 0)))], 0))).toBeGreaterThan(100);
  });
});
