// The kernels in plain JavaScript: the twin that runs everywhere and that WASM is compared with.
// Two tricks, measured in kernels.ts: sums on Int32Array (no conversion to an unsigned double), four a turn; and u16 sums
// two lanes to a word, the carry between the lanes cut off.
import { checkPacked, checkSameLength, type Kernels } from './kernels.js';

export const jsKernels: Kernels = {
  name: 'js',
  addU32(acc, x) {
    checkSameLength(acc, x);
    addWords(asInt32(acc), asInt32(x));
  },
  subU32(acc, x) {
    checkSameLength(acc, x);
    subWords(asInt32(acc), asInt32(x));
  },
  addU16(acc, x) {
    checkSameLength(acc, x);
    const done = paired(acc, x, addLanes);
    for (let i = done; i < acc.length; i++) acc[i] = (acc[i] ?? 0) + (x[i] ?? 0);
  },
  subU16(acc, x) {
    checkSameLength(acc, x);
    const done = paired(acc, x, subLanes);
    for (let i = done; i < acc.length; i++) acc[i] = (acc[i] ?? 0) - (x[i] ?? 0);
  },
  pack24(from, into) {
    checkPacked(from, into);
    for (let i = 0, at = 0; i < from.length; i++, at += 3) {
      const value = from[i] ?? 0;
      into[at] = value;
      into[at + 1] = value >>> 8;
      into[at + 2] = value >>> 16;
    }
  },
  unpack24(from, into) {
    checkPacked(into, from);
    for (let i = 0, at = 0; i < into.length; i++, at += 3) {
      into[i] = (from[at] ?? 0) | ((from[at + 1] ?? 0) << 8) | ((from[at + 2] ?? 0) << 16);
    }
  },
};

const asInt32 = (words: Uint32Array): Int32Array => new Int32Array(words.buffer, words.byteOffset, words.length);

function addWords(acc: Int32Array, x: Int32Array): void {
  const wide = acc.length & ~3;
  for (let i = 0; i < wide; i += 4) {
    acc[i] = ((acc[i] ?? 0) + (x[i] ?? 0)) | 0;
    acc[i + 1] = ((acc[i + 1] ?? 0) + (x[i + 1] ?? 0)) | 0;
    acc[i + 2] = ((acc[i + 2] ?? 0) + (x[i + 2] ?? 0)) | 0;
    acc[i + 3] = ((acc[i + 3] ?? 0) + (x[i + 3] ?? 0)) | 0;
  }
  for (let i = wide; i < acc.length; i++) acc[i] = ((acc[i] ?? 0) + (x[i] ?? 0)) | 0;
}

function subWords(acc: Int32Array, x: Int32Array): void {
  const wide = acc.length & ~3;
  for (let i = 0; i < wide; i += 4) {
    acc[i] = ((acc[i] ?? 0) - (x[i] ?? 0)) | 0;
    acc[i + 1] = ((acc[i + 1] ?? 0) - (x[i + 1] ?? 0)) | 0;
    acc[i + 2] = ((acc[i + 2] ?? 0) - (x[i + 2] ?? 0)) | 0;
    acc[i + 3] = ((acc[i + 3] ?? 0) - (x[i + 3] ?? 0)) | 0;
  }
  for (let i = wide; i < acc.length; i++) acc[i] = ((acc[i] ?? 0) - (x[i] ?? 0)) | 0;
}

/** Runs `lanes` over as many pairs as lie on word borders in both arrays. Returns how many numbers that settled. */
function paired(acc: Uint16Array, x: Uint16Array, lanes: (acc: Int32Array, x: Int32Array) => void): number {
  if (acc.byteOffset % 4 !== 0 || x.byteOffset % 4 !== 0) return 0;
  const words = acc.length >> 1;
  lanes(new Int32Array(acc.buffer, acc.byteOffset, words), new Int32Array(x.buffer, x.byteOffset, words));
  return 2 * words;
}

/** Adds the lower 15 bits of both lanes, which cannot carry over, then the top bits without carry. */
function addLanes(acc: Int32Array, x: Int32Array): void {
  for (let i = 0; i < acc.length; i++) {
    const a = acc[i] ?? 0;
    const b = x[i] ?? 0;
    acc[i] = ((a & 0x7fff7fff) + (b & 0x7fff7fff)) ^ ((a ^ b) & 0x80008000);
  }
}

/** The top bits are set in `a` before and mended after, so that no lane borrows from the other. */
function subLanes(acc: Int32Array, x: Int32Array): void {
  for (let i = 0; i < acc.length; i++) {
    const a = acc[i] ?? 0;
    const b = x[i] ?? 0;
    acc[i] = ((a | 0x80008000) - (b & 0x7fff7fff)) ^ (~(a ^ b) & 0x80008000);
  }
}
