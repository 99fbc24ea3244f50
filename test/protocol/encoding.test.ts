// Updates to ring elements and back (protocol.md §5): exactness, the weighted mean, rounding without bias, the clip, and profile `open`.
// Rounding keys are fixed, so the statistics below are the same in every run.

import { describe, expect, it } from 'vitest';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import { decodeMean, encodeUpdate, gridStep, signed, wordsOf } from '../../protocol/secagg/encode.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import {
  dropAt,
  holding,
  makeMembers,
  memberOf,
  numbersOf,
  openedLevels,
  type Tamper,
  taskOf,
  World,
} from './world.js';

const keyOf = (seed: number) => new Uint8Array(32).fill(seed);
const encode = (encoding: Encoding, update: readonly number[], weight = 1, seed = 1) =>
  runStreaming(encodeUpdate(encoding, Float32Array.from(update), weight, keyOf(seed)), 'aes256ctr', portableKeystream);
const base: Encoding = { dimension: 3, clipNorm: 10, range: 1.27, levels: 127, ring: 16, weighted: false };

describe('encoding', () => {
  it('grid points are exact at every ring, both signs, and come back as they were', () => {
    for (const [ring, levels] of [
      [16, 127],
      [24, 2_047],
      [32, 33_554_431],
    ] as const) {
      const encoding: Encoding = { ...base, ring, levels, range: levels / 128, clipNorm: 1e9 };
      const words = encode(encoding, [levels / 128, -levels / 128, -1 / 128]);
      expect([...words].map((word) => signed(word, ring))).toEqual([levels, -levels, -1]);
      expect([...decodeMean(encoding, words, 1)]).toEqual([levels / 128, -levels / 128, -1 / 128].map(Math.fround));
    }
  });

  it('a value between two grid points is rounded to one of them without bias: 2^18 draws, false alarm below 1e-6', () => {
    const d = 262_144;
    const fractions = [0.5, 0.1, 0.93];
    for (const [at, fraction] of fractions.entries())
      for (const sign of [1, -1]) {
        const encoding: Encoding = { ...base, dimension: d, range: 127, clipNorm: 1e9 };
        const words = encode(encoding, Array(d).fill(sign * Math.fround(3 + fraction)), 1, 3 + at);
        const levels = [...words].map((word) => signed(word, 16));
        const [low, high] = sign > 0 ? [3, 4] : [-4, -3];
        expect(new Set(levels)).toEqual(new Set([low, high]));
        const ups = levels.filter((level) => level === high).length;
        const p = sign > 0 ? Math.fround(3 + fraction) - 3 : 1 - (Math.fround(3 + fraction) - 3);
        // Five standard deviations of a binomial: 6e-7 for both tails.
        expect(Math.abs(ups - d * p)).toBeLessThan(5 * Math.sqrt(d * p * (1 - p)));
      }
  });

  it('rounding draws of neighbours are independent: the variance of a sum of 64 is 64 times that of one, within 5 standard errors', () => {
    const d = 65_536;
    const encoding: Encoding = { ...base, dimension: d, range: 127, clipNorm: 1e9 };
    const levels = [...encode(encoding, Array(d).fill(0.3), 1, 9)];
    const sums = Array.from({ length: d / 64 }, (_, i) => levels.slice(64 * i, 64 * i + 64).reduce((a, b) => a + b, 0));
    const mean = 64 * Math.fround(0.3);
    const variance = sums.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sums.length;
    const expected = 64 * 0.3 * 0.7;
    expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / sums.length)); // χ² with 1,024 degrees
  });

  it('an update longer than the clip is scaled to it; rounding adds at most one step a coordinate; a shorter one is left alone', () => {
    const encoding: Encoding = { ...base, dimension: 400, clipNorm: 5, range: 5, levels: 32_767, ring: 32 };
    const long = Array.from({ length: 400 }, (_, i) => Math.sin(i) * 1000);
    const step = gridStep(encoding);
    const decoded = [...encode(encoding, long)].map((word) => signed(word, 32) * step);
    const norm = Math.hypot(...decoded);
    expect(norm).toBeLessThanOrEqual(5 + step * Math.sqrt(400));
    expect(norm).toBeGreaterThan(5 - step * Math.sqrt(400));
    const scale = 5 / Math.hypot(...long.map(Math.fround));
    for (const [i, x] of long.entries()) expect(Math.abs((decoded[i] as number) - x * scale)).toBeLessThanOrEqual(step);
    const short = long.map((x) => x / 1e6);
    const kept = [...encode(encoding, short)].map((word) => signed(word, 32) * step);
    for (const [i, x] of short.entries()) expect(Math.abs((kept[i] as number) - x)).toBeLessThanOrEqual(step);
  });

  it('a coordinate beyond the range is cut to ±L and never wraps; the zero vector stays zero', () => {
    const encoding: Encoding = { ...base, clipNorm: 1e9 };
    expect([...encode(encoding, [1e6, -1e6, 0])].map((word) => signed(word, 16))).toEqual([127, -127, 0]);
    expect([...encode(base, [0, 0, 0])]).toEqual([0, 0, 0]);
  });

  it('the largest sum of the largest group still fits its ring, and one member more would not have to', () => {
    for (const [bits, size] of [
      [8, 128],
      [12, 64],
      [16, 64],
      [25, 128],
      [31, 2],
    ] as const) {
      const { encoding } = deriveTask(
        taskOf({ size, encoding: { clipNorm: 1, range: 1, bits, weighting: { by: 'uniform' } } }),
      );
      expect(encoding.levels * size).toBeLessThan(2 ** (encoding.ring - 1));
    }
  });

  it('NaN, infinity and a wrong length are refused before any arithmetic, and the coordinate is named', () => {
    expect(() => encode(base, [0, Number.NaN, 0])).toThrow(/SECAGG_NON_FINITE.*coordinate 1/);
    expect(() => encode(base, [0, 0, Number.NEGATIVE_INFINITY])).toThrow(/SECAGG_NON_FINITE.*coordinate 2/);
    expect(() => encode(base, [0, 0])).toThrow(/SECAGG_LENGTH/);
    expect(() => decodeMean(base, wordsOf(base, 4), 1)).toThrow(/SECAGG_LENGTH/);
  });
});

describe('weighted by examples', () => {
  const weighted = (patch: Partial<TaskConfig> = {}): TaskConfig =>
    taskOf({
      size: 8,
      encoding: { clipNorm: 1e6, range: 127 / 128, bits: 8, weighting: { by: 'examples', maxExamples: 127 } },
      ...patch,
    });
  /** Weights are on the grid 1/127 exactly; updates are 127/128 or 0, so that w·x is on the grid as well. */
  const updates = Array.from({ length: 8 }, (_, i) =>
    Array.from({ length: 5 }, (_, k) => [0, 127 / 128, -127 / 128][(i + k) % 3] as number),
  );
  const examples = [1, 5, 127, 60, 33, 2, 90, 111];

  it('the opened mean is Σ w·x ÷ Σ w over the survivors, exactly as plain arithmetic gives it', () => {
    const config = weighted();
    const members = updates.map((update, i) => memberOf(i, update, examples[i]));
    const world = new World({ config, members, tamper: dropAt(new Map([[3, 'masked']])) });
    const outcome = world.start().run();
    const [group] = outcome.result?.groups ?? [];
    const survivors = numbersOf(outcome, group?.survivors ?? []);
    expect(survivors).toEqual([0, 1, 2, 4, 5, 6, 7]);
    const total = survivors.reduce((sum, i) => sum + (examples[i] as number), 0);
    // w·x in grid steps is ±examples, so the opened sum is known to the last unit.
    const integers = [0, 1, 2, 3, 4].map((k) =>
      survivors.reduce((sum, i) => sum + (examples[i] as number) * Math.sign(updates[i]?.[k] as number), 0),
    );
    const [sum = new Uint16Array()] = outcome.sums.values();
    expect(openedLevels(sum, 16)).toEqual([...integers, total]);
    const plain = integers.map((x) => x / total);
    const mean = outcome.mean(group?.source.type === 'sum' ? group.source.accumulator : '', 7);
    for (const [k, x] of plain.entries()) expect(mean[k]).toBeCloseTo((x * 127) / 128, 6);
  });

  it('a client with more examples than maxExamples weighs one, not more', () => {
    const members = updates.map((update, i) => memberOf(i, update, i === 0 ? 1e9 : 127));
    const world = new World({ config: weighted(), members });
    const outcome = world.start().run();
    const sum = [...outcome.sums.values()][0];
    expect(sum?.at(-1)).toBe(8 * 127);
  });

  it('a client without examples leaves by itself: nothing to weigh, nothing to blame', () => {
    for (const none of [0, Number.NaN, -3]) {
      const members = updates.map((update, i) => memberOf(i, update, i === 0 ? none : 10));
      const world = new World({ config: weighted(), members });
      const outcome = world.start().run();
      const ended = members[0]?.effects.find((e) => e.type === 'ended');
      expect(ended).toMatchObject({ how: 'left', code: 'TRAIN_SHAPE' });
      expect(outcome.result?.groups[0]?.survivors).toHaveLength(7);
      expect(outcome.refused.filter(({ fatal }) => fatal)).toEqual([]);
    }
  });

  it('weights that add up to nothing give no mean', () => {
    const encoding: Encoding = { ...base, weighted: true };
    expect(() => decodeMean(encoding, Uint16Array.of(1, 2, 3, 0), 4)).toThrow(/ROUND_BAD_VECTOR/);
    expect(() => decodeMean(encoding, Uint16Array.of(1, 2, 3, 65_535), 4)).toThrow(/add up to -/);
  });

  it('uniform: the mean divides by the number of survivors', () => {
    const config = taskOf({ size: 8 });
    const world = new World({ config });
    const outcome = world.start().run();
    const mean = outcome.mean([...outcome.sums.keys()][0] ?? '', 8);
    const plain = [0, 1, 2, 3, 4].map((k) => world.members.reduce((sum, m) => sum + (m.update[k] as number), 0) / 8);
    for (const [k, x] of plain.entries()) expect(mean[k]).toBeCloseTo(x, 6);
  });
});

describe('profile open', () => {
  const open = taskOf({ size: 6, profile: 'open', dimension: 70_000 }); // 280,000 bytes: two chunks
  const names = (world: World) =>
    world.refused.filter(({ fatal }) => fatal).map((r) => [...numbersOf(world.outcome(), [r.client]), r.code]);
  const rows = (world: World) => {
    const [group] = world.result?.groups ?? [];
    return group?.source.type === 'rows' ? group.source.slots : [];
  };

  it('every update is a row, as it was sent, in rank order', () => {
    const world = new World({ config: open, wire: true });
    world.start().run();
    expect(rows(world).map(({ client }) => client)).toEqual(world.members.map((m) => m.identity.id));
    for (const [i, { slot, weight }] of rows(world).entries()) {
      expect(world.engine.rows.get(slot)).toEqual(world.members[i]?.update);
      expect(weight).toBe(1);
    }
    expect([...world.edges]).toEqual(['masked → done']);
  });

  it('rows carry the weight that was signed', () => {
    const config: TaskConfig = {
      ...open,
      encoding: { ...open.encoding, weighting: { by: 'examples', maxExamples: 4 } },
    };
    const world = new World({ config, members: makeMembers(config) });
    world.start().run();
    expect(rows(world).map(({ weight }) => weight)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
  });

  const cases: [title: string, change: (m: ClientRoundMessage) => readonly ClientRoundMessage[], code: string][] = [
    ['too long', (m) => [m.kind === 'plain' ? { ...m, bytes: m.bytes + 4 } : m], 'ROUND_BAD_VECTOR'],
    ['too short', (m) => [m.kind === 'plain' ? { ...m, bytes: m.bytes - 4 } : m], 'ROUND_BAD_VECTOR'],
    ['with a weight above one', (m) => [m.kind === 'plain' ? { ...m, weight: 1.5 } : m], 'ROUND_BAD_VECTOR'],
    [
      'with another weight than it signed',
      (m) => [m.kind === 'plain' ? { ...m, weight: 0.5 } : m],
      'ROUND_BAD_SIGNATURE',
    ],
    [
      'with a damaged chunk',
      (m) => [m.kind === 'inputChunk' ? { ...m, section: m.section.map((b, i) => (i === 9 ? b ^ 1 : b)) } : m],
      'ROUND_BAD_VECTOR',
    ],
    ['with a chunk too many', (m) => (m.kind === 'inputChunk' ? [{ ...m, index: 5 }] : [m]), 'ROUND_BAD_VECTOR'],
    ['without its announcement', (m) => (m.kind === 'plain' ? [] : [m]), 'ROUND_WRONG_PHASE'],
    [
      'masked, though nobody asked',
      (m) => (m.kind === 'plain' ? [{ ...m, kind: 'masked', u2: [0] } as unknown as ClientRoundMessage] : []),
      'ROUND_WRONG_PHASE',
    ],
    [
      'whose last chunk is being checked when its sender opens shares',
      (m) =>
        m.kind === 'inputChunk' && m.index === 1
          ? [m, { kind: 'unmask', run: m.run, opened: [] } as ClientRoundMessage]
          : [m],
      'ROUND_WRONG_PHASE',
    ],
  ];
  for (const [title, change, code] of cases)
    it(`an update ${title} is refused and its sender named: ${code}; the others stay`, () => {
      const tamper: Tamper = { toCoordinator: (from, m) => (from === 2 ? change(m) : [m]) };
      const world = new World({ config: open, tamper });
      world.start().run();
      expect(names(world)).toEqual([[2, code]]);
      expect(
        numbersOf(
          world.outcome(),
          rows(world).map(({ client }) => client),
        ),
      ).toEqual([0, 1, 3, 4, 5]);
    });

  it('an update that is not finite is refused and its sender named; the others stay', () => {
    const members = makeMembers(open);
    (members[2] as (typeof members)[0]).update[69_999] = Number.NaN;
    const world = new World({ config: open, members });
    world.start().run();
    expect(names(world)).toEqual([[2, 'ROUND_BAD_VECTOR']]);
    expect(rows(world)).toHaveLength(5);
  });

  it('an echo of a complete update is ignored, another update is refused; half an upload leaves nothing behind', () => {
    const world = new World({
      config: holding(open, ['masked']),
      tamper: { toCoordinator: (from, m) => (from === 3 && m.kind === 'inputChunk' && m.index === 1 ? [] : [m]) },
    });
    world.start().drain();
    const [first] = world.members[0]?.effects.flatMap((e) => (e.type === 'send' ? [e.message] : [])) ?? [];
    world.inject(0, first as ClientRoundMessage);
    world.drain();
    expect(names(world)).toEqual([]);
    world.inject(0, { ...(first as ClientRoundMessage), signature: new Uint8Array(64) } as ClientRoundMessage);
    world.drain();
    expect(names(world)).toEqual([[0, 'ROUND_DUPLICATE']]);
    world.run();
    expect(
      numbersOf(
        world.outcome(),
        rows(world).map(({ client }) => client),
      ),
    ).toEqual([0, 1, 2, 4, 5]);
    expect([...world.engine.slots.keys()]).toEqual([]);
  });

  it('a lost connection that comes back sends only the chunk that is missing', () => {
    let cut = false;
    const world = new World({
      config: holding(open, ['masked']),
      tamper: {
        toCoordinator: (from, m) => {
          if (from !== 1 || cut || m.kind !== 'inputChunk' || m.index !== 1) return [m];
          cut = true;
          return 'lose';
        },
      },
    });
    world.start().drain().reconnect(1);
    world.run();
    const resume = world.coordinatorSent.flatMap(({ message }) => (message.kind === 'resume' ? [message] : []));
    expect(resume.map(({ have, chunks }) => [have, chunks])).toEqual([[['masked'], [0]]]);
    expect(rows(world)).toHaveLength(6);
  });

  it('fewer than count.min updates at the deadline: no result, nothing kept', () => {
    const config: TaskConfig = {
      ...open,
      windows: { ...open.windows, masked: { count: { min: 5, max: 6 }, time: { min: 0, max: 1000 } } },
    };
    const quiet: Tamper = { toCoordinator: (from, m) => (from < 2 ? [] : [m]) };
    const world = new World({ config, tamper: quiet });
    world.start().run();
    expect(world.failure).toMatchObject({ code: 'ROUND_QUORUM', phase: 'masked', retry: 'next-attempt' });
    expect(world.engine.rows.size).toBe(0);
  });
});
