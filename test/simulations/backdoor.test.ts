// Attacks by data and by many names: what is stamped and mislabelled, what is left alone, what the test of success consists of, and
// who is active when. Not here: what a backdoor does to a model (red-team.test.ts, the battery).

import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../client/dataset.js';
import {
  type Attack,
  backdoor,
  cornerPatch,
  createAttack,
  DBA_LOCAL,
  dba,
  during,
  gaussian,
  innerProduct,
  labelFlip,
  noiseEvasion,
  type OmniscientView,
  partial,
  replacement,
  signFlip,
  stack,
  sybil,
} from '../../simulations/attacks/index.js';
import { Random } from '../../simulations/random.js';

const SIDE = 10;
const CELLS = SIDE * SIDE;
/** Twenty grey images of 10 × 10, labels 0-9 in turn; the shard has every second one. */
const data: Dataset = {
  inputs: new Uint8Array(20 * CELLS).fill(9),
  shape: [SIDE, SIDE, 1],
  labels: Uint8Array.from({ length: 20 }, (_, i) => i % 10),
  classes: 10,
  rows: Uint32Array.from({ length: 10 }, (_, i) => 2 * i),
};
const poison = (attack: Attack, rank = 0, of: Dataset = data): Dataset => {
  const result = attack.poison?.(of, { rank, attackers: 4, random: Random.fromSeed('poison') });
  if (result === undefined) throw new Error(`${attack.name} poisons nothing`);
  return result;
};
/** Offsets of the lit pixels of image `i`. */
const lit = ({ inputs }: Dataset, i: number): number[] =>
  [...inputs.subarray(i * CELLS, (i + 1) * CELLS)].flatMap((value, cell) => (value === 255 ? [cell] : []));
const view = (over: Partial<OmniscientView>): OmniscientView => ({
  round: 1,
  model: new Float32Array(2),
  previousModel: undefined,
  clean: Float32Array.of(1, 2),
  colluders: [Float32Array.of(1, 2), Float32Array.of(3, 6)],
  at: 0,
  rank: 1,
  attackers: 2,
  cohort: 8,
  encoding: { dimension: 2, clipNorm: 1, range: 1, levels: 127, ring: 16, weighted: false },
  random: Random.fromSeed('view'),
  honest: [Float32Array.of(1, 1)],
  ...over,
});
const sent = (attack: Attack, update: Float32Array, over: Partial<OmniscientView> = {}): number[] => {
  const corrupt = attack.corrupt as ((u: Float32Array, v: OmniscientView) => Float32Array) | undefined;
  return [...(corrupt?.(update, view(over)) ?? update)];
};

describe('a pixel backdoor', () => {
  const corner = [5, 6, 7, 8, 9].flatMap((row) => [5, 6, 7, 8, 9].map((column) => row * SIDE + column));

  it('stamps a 5 × 5 white square on its share of the shard and calls it 7; the rest is as it was', () => {
    const bad = poison(backdoor());
    expect(bad.rows).toBeUndefined();
    expect(bad.labels).toHaveLength(10);
    const marked = Array.from({ length: 10 }, (_, i) => i).filter((i) => lit(bad, i).length > 0);
    // 0.32 of 10 examples.
    expect(marked).toHaveLength(3);
    for (const i of marked) {
      expect(lit(bad, i)).toEqual(corner);
      expect(bad.labels[i]).toBe(7);
    }
    for (let i = 0; i < 10; i++) if (!marked.includes(i)) expect(bad.labels[i]).toBe((2 * i) % 10);
  });

  it('never writes to the arrays that all clients of a process share', () => {
    const before = structuredClone(data);
    poison(backdoor());
    backdoor().goal?.(data);
    poison(dba());
    expect(data).toEqual(before);
  });

  it('counts success on stamped images that are not of the target class already, of its rows alone', () => {
    const goal = backdoor({ target: 4 }).goal?.(data);
    // Rows 0, 2, … 18 have labels 0, 2, 4, 6, 8 twice; two are of class 4.
    expect(goal?.labels).toEqual(Uint8Array.from({ length: 8 }, () => 4));
    for (let i = 0; i < 8; i++) expect(goal && lit(goal, i)).toEqual(corner);
  });

  it('lights floats with 1 and every channel', () => {
    const colour: Dataset = { ...data, inputs: new Float32Array(20 * 100), shape: [5, 5, 4] };
    const goal = backdoor({ side: 1 }).goal?.(colour);
    expect([...(goal?.inputs.subarray(96, 100) ?? [])]).toEqual([1, 1, 1, 1]);
    expect(cornerPatch([5, 5, 4], 1).pixels).toEqual([[4, 4]]);
  });

  it('is clipped as it is; boosted, or scaled to replace the model, it is not', () => {
    expect([backdoor().clips, backdoor({ boost: 3 }).clips, replacement().clips]).toEqual([true, false, false]);
    expect(sent(backdoor({ boost: 3 }), Float32Array.of(1, -1))).toEqual([3, -3]);
    // n/η/f = 8/0.5/2.
    expect(sent(replacement({ eta: 0.5 }), Float32Array.of(1, -1))).toEqual([8, -8]);
  });

  it('refuses a square larger than the image, and a class that is none', () => {
    expect(() => poison(backdoor({ side: 11 }))).toThrow('is outside an image of 10 x 10');
    expect(() => poison(backdoor({ target: 10 }))).toThrow('label 10 is none of the 10 classes');
    expect(() => backdoor({ ratio: 1.5 })).toThrow('ratio is 1.5');
  });
});

describe('a distributed backdoor', () => {
  it('trains one local trigger for each rank in turn, and is measured with all four', () => {
    const cells = DBA_LOCAL.map(({ pixels }) => pixels.map(([row, column]) => row * SIDE + column));
    for (const rank of [0, 1, 2, 3, 5]) {
      const bad = poison(dba({ ratio: 1 }), rank);
      expect(lit(bad, 0)).toEqual(cells[rank % 4]);
      expect([...bad.labels].every((label) => label === 2)).toBe(true);
    }
    const goal = dba().goal?.(data);
    expect(goal && lit(goal, 0)).toEqual(cells.flat().sort((a, b) => a - b));
  });

  it('shoots once for each rank where rounds are given', () => {
    const { active } = dba({ boost: 100, shots: [12, 14, 16, 18] });
    const rounds = (rank: number) =>
      Array.from({ length: 20 }, (_, i) => i + 1).filter((round) => active?.(round, rank));
    expect([0, 1, 2, 3, 4].map(rounds)).toEqual([[12], [14], [16], [18], [12]]);
  });
});

describe('sybils', () => {
  const flip = labelFlip({ mode: 'shift' });

  it('all send what the first of them has learnt, whatever they learnt themselves', () => {
    expect(sent(sybil(flip), Float32Array.of(9, 9))).toEqual([1, 2]);
    expect(sent(sybil(signFlip(2)), Float32Array.of(9, 9))).toEqual([-2, -4]);
    expect(poison(sybil(flip)).labels[0]).toBe(1);
  });

  it('differ by the jitter and no more', () => {
    const clone = sent(sybil(flip, { jitter: 0.1 }), Float32Array.of(9, 9));
    expect(clone).not.toEqual([1, 2]);
    expect(Math.hypot((clone[0] ?? 0) - 1, (clone[1] ?? 0) - 2)).toBeLessThan(0.5 * Math.hypot(1, 2));
  });

  it('join one after the other', () => {
    const { active } = sybil(flip, { joinEvery: 3 });
    expect([1, 3, 4].map((round) => active?.(round, 1))).toEqual([false, false, true]);
    expect(() => sybil(innerProduct(1))).toThrow('needs to know more than its own data');
  });
});

describe('knowledge and time', () => {
  it('the partial version of an attack goes by the conspirators alone', () => {
    const known = partial(innerProduct(1));
    expect(known).toMatchObject({ knows: 'own', conspires: true });
    expect(sent(known, Float32Array.of(0, 0))).toEqual([-2, -4]);
    expect(sent(innerProduct(1), Float32Array.of(0, 0))).toEqual([-1, -1]);
  });

  it('an attack during a period is off outside it, and off where it was off before', () => {
    const { active } = during(dba({ shots: [2, 5] }), { from: 3, until: 6 });
    expect([2, 5, 8].map((round) => active?.(round, round === 2 ? 0 : 1))).toEqual([false, true, false]);
    expect(() => during(gaussian(1), { from: 3, until: 2 })).toThrow('until is 2');
  });

  it('a stack conspires, is on, evades noise and wants something as its parts do', () => {
    const both = stack(
      'both',
      sybil(labelFlip({ mode: 'targeted', from: 1, to: 7 }), { joinEvery: 1 }),
      noiseEvasion(),
    );
    expect(both).toMatchObject({ conspires: true, noise: 'none', clips: true });
    expect(both.active?.(1, 1)).toBe(false);
    expect([...(both.goal?.(data).rows ?? [])]).toEqual([]);
    const whole: Dataset = { ...data, rows: Uint32Array.of(0, 1, 11) };
    expect([...(both.goal?.(whole).rows ?? [])]).toEqual([1, 11]);
    expect(both.goal?.(whole).labels[1]).toBe(7);
  });

  it('every kind a configuration can name makes an attack that names itself', () => {
    const specs = [
      { kind: 'alie', z: 1.5 },
      { kind: 'min-max', direction: 'unit' },
      { kind: 'min-sum', direction: 'std' },
      { kind: 'mimic', warmUp: 2 },
      { kind: 'fang-trim' },
      { kind: 'fang-trim', knowledge: 'partial' },
      { kind: 'fang-krum', faulty: 2 },
      { kind: 'opt-ipm' },
      { kind: 'opt-alie' },
      { kind: 'model-replacement' },
      { kind: 'noise-evasion' },
    ] as const;
    const names = specs.map((spec) => createAttack(spec).name);
    expect(new Set(names).size).toBe(specs.length);
  });
});
