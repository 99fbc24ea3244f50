// What a data set for training must be, and that sharing it copies once.

import { describe, expect, test } from 'vitest';
import { checkDataset, type Dataset, exampleCount, shard, shareDataset } from '../../client/tfjs/index.js';
import { blobs } from './support.js';

const data = blobs(10, [2, 3], 4, 'dataset');
const refused: readonly (readonly [why: string, set: Dataset, message: RegExp])[] = [
  ['fewer inputs than labels need', { ...data, inputs: data.inputs.subarray(1) }, /10 labels need 60 input values/],
  [
    'a label that is no class',
    { ...data, labels: Uint8Array.from(data.labels, (label, i) => (i === 7 ? 4 : label)) },
    /label 4 of row 7/,
  ],
  [
    'a negative label',
    { ...data, labels: Int32Array.from(data.labels, (label, i) => (i === 0 ? -1 : label)) },
    /label -1 of row 0/,
  ],
  ['a row that does not exist', shard(data, Uint32Array.of(0, 10)), /row 10 does not exist; there are 10/],
  ['an empty shard', shard(data, new Uint32Array(0)), /no example/],
  ['one class', { ...data, classes: 1 }, /classes is 1/],
  ['a scale that is no number', { ...data, scale: Number.NaN }, /scale/],
  ['a shape that is no shape', { ...data, shape: [0.7, 12] }, /holds no whole number of values/],
];

describe('a data set', () => {
  for (const [why, set, message] of refused) {
    test(`with ${why} is refused`, () => {
      expect(() => checkDataset(set)).toThrow(message);
      expect(() => checkDataset(set)).toThrow(/^DATA_MALFORMED/);
    });
  }

  test('is sound whole and in shards; labels outside the shard do not matter', () => {
    checkDataset(data);
    const spoiled = { ...data, labels: Uint8Array.from(data.labels, (label, i) => (i === 9 ? 200 : label)) };
    checkDataset(shard(spoiled, Uint32Array.of(0, 8, 8)));
    expect(exampleCount(shard(data, Uint32Array.of(0, 8, 8)))).toBe(3);
  });

  test('shared twice is copied once, and holds the same values', () => {
    const once = shareDataset(data);
    const twice = shareDataset(once);
    expect(once.inputs.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...once.inputs]).toEqual([...data.inputs]);
    expect([twice.inputs, twice.labels]).toEqual([once.inputs, once.labels]);
    expect(twice.inputs.buffer).toBe(once.inputs.buffer);
  });
});
