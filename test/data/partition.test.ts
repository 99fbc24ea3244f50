// Partitions: whatever the kind, nobody shares an example, everybody has the minimum, and the same seed cuts the same way.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PartitionSpec, partition } from '../../simulations/partition.js';
import { Random } from '../../simulations/random.js';

const labelsOf = (size: number, classes: number): Uint8Array => {
  const random = Random.fromSeed('labels');
  return Uint8Array.from({ length: size }, () => random.integer(classes));
};
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};
const SPECS: readonly PartitionSpec[] = [
  { kind: 'iid' },
  { kind: 'dirichlet', alpha: 0.05 },
  { kind: 'dirichlet', alpha: 1 },
  { kind: 'labels', perClient: 2 },
  { kind: 'quantity', beta: 0.5 },
];
const labels = labelsOf(3_000, 10);
const countLabels = (list: Uint32Array): number[] => {
  const counts = new Array<number>(10).fill(0);
  for (const index of list) {
    const label = labels[index] ?? 0;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
};

describe.each(SPECS.map((spec) => [JSON.stringify(spec), spec] as const))('%s', (_, spec) => {
  it('gives nobody an example twice, everybody the minimum, and only examples there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(20), fc.nat(), (clients, minimum, seed) => {
        const lists = partition(labels, spec, { clients, minimum }, Random.fromSeed(seed));
        expect(lists.length).toBe(clients);
        const all = lists.flatMap((list) => [...list]);
        expect(new Set(all).size).toBe(all.length);
        expect(all.every((index) => index < labels.length)).toBe(true);
        for (const list of lists) expect(list.length).toBeGreaterThanOrEqual(minimum);
        if (spec.kind !== 'labels') expect(all.length).toBe(labels.length);
      }),
      { seed: 9, numRuns: 40 },
    );
  });

  it('is the same for the same seed and another for another', () => {
    const cut = (seed: number) => partition(labels, spec, { clients: 12, minimum: 5 }, Random.fromSeed(seed));
    expect(cut(1)).toEqual(cut(1));
    expect(cut(1)).not.toEqual(cut(2));
  });

  it('keeps nobody above the maximum, and does not sort: a prefix is a fair sample', () => {
    const lists = partition(labels, spec, { clients: 6, minimum: 10, maximum: 50 }, Random.fromSeed(1));
    for (const list of lists) {
      expect(list.length).toBeLessThanOrEqual(50);
      expect([...list]).not.toEqual([...list].sort((a, b) => a - b));
    }
  });

  it('refuses more than there is, and counts that are none', () => {
    const act =
      (clients: number, minimum: number, maximum = 3_000) =>
      () =>
        partition(labels, spec, { clients, minimum, maximum }, Random.fromSeed(1));
    expect(codeOf(act(31, 100))).toBe('DATA_PARTITION');
    expect(act(31, 100)).toThrow(/need 3100, there are 3000; lower clients or minimum/);
    expect(codeOf(act(0, 1))).toBe('DATA_PARTITION');
    expect(codeOf(act(1.5, 1))).toBe('DATA_PARTITION');
    expect(codeOf(act(2, -1))).toBe('DATA_PARTITION');
    expect(codeOf(act(2, 10, 9))).toBe('DATA_PARTITION');
  });
});

describe('the kinds differ as they say', () => {
  const cut = (spec: PartitionSpec, clients = 20, minimum = 1) =>
    partition(labels, spec, { clients, minimum }, Random.fromSeed(3));
  /** Mean over clients of the share of their commonest label. */
  const skew = (lists: readonly Uint32Array[]): number =>
    lists.reduce((sum, list) => sum + Math.max(...countLabels(list)) / list.length, 0) / lists.length;

  it('iid: sizes differ by at most one', () => {
    const sizes = cut({ kind: 'iid' }, 7).map((list) => list.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('dirichlet: smaller alpha, more skew; a huge alpha is nearly iid', () => {
    const [strong, weak, none] = [0.05, 1, 1e5].map((alpha) => skew(cut({ kind: 'dirichlet', alpha })));
    expect(strong).toBeGreaterThan(0.6);
    expect(weak).toBeGreaterThan(0.2);
    expect(weak).toBeLessThan(strong ?? 0);
    expect(none).toBeLessThan(0.13);
  });

  it('labels: everybody holds exactly k labels, and each label has nearly the same number of holders', () => {
    for (const perClient of [1, 2, 3]) {
      const holders = new Array<number>(10).fill(0);
      for (const list of cut({ kind: 'labels', perClient })) {
        const held = countLabels(list).map((count) => (count > 0 ? 1 : 0));
        expect(held.reduce<number>((sum, one) => sum + one, 0)).toBe(perClient);
        held.forEach((one, label) => {
          holders[label] = (holders[label] ?? 0) + one;
        });
      }
      expect(Math.max(...holders) - Math.min(...holders)).toBeLessThanOrEqual(1);
    }
  });

  it('labels: neighbours in the list of clients do not always share a pair of labels', () => {
    const pairs = new Set(
      cut({ kind: 'labels', perClient: 2 }, 40).map((list) => countLabels(list).map(Math.sign).join('')),
    );
    expect(pairs.size).toBeGreaterThan(10);
  });

  it('labels: a shortage is an error that names the client, nothing is moved', () => {
    expect(() => cut({ kind: 'labels', perClient: 1 }, 20, 149)).toThrow(
      /client \d+ gets \d+ examples of its 1 labels/,
    );
    expect(codeOf(() => cut({ kind: 'labels', perClient: 11 }))).toBe('DATA_PARTITION');
    expect(codeOf(() => cut({ kind: 'labels', perClient: 0 }))).toBe('DATA_PARTITION');
  });

  it('quantity: sizes differ widely, labels do not', () => {
    const lists = cut({ kind: 'quantity', beta: 0.5 }, 10, 100);
    const sizes = lists.map((list) => list.length);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeGreaterThan(4);
    expect(skew(lists)).toBeLessThan(0.2);
  });

  it('refuses an alpha or beta that is no positive number', () => {
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf(() => cut({ kind: 'dirichlet', alpha: bad }))).toBe('DATA_PARTITION');
      expect(codeOf(() => cut({ kind: 'quantity', beta: bad }))).toBe('DATA_PARTITION');
    }
  });
});
