// Integer noise by rejection from a staircase, exact: no probability is ever rounded. Two words of the stream and two table look-ups
// a sample. Whole numbers only. Not here: the distributions (gaussian.ts, skellam.ts), batches and key streams (noise.ts), the plain
// algorithms (bernoulli.ts, poisson.ts).
//
// Let ρ(x), x ≥ 0, be the weights of the distribution (shape.ts) and S a whole number. Bucket i holds the w values from i·w on and has a whole height h_i ≥ S·ρ(i·w),
// so the staircase lies above S·ρ. A point under it is drawn uniformly: a bucket with its height (alias method on whole
// weights that add up to 2^30), a place in the bucket, a real height v below h_i. It is kept if v < S·ρ(x), which makes P(x) ∝ ρ(x).
// - v has a whole part, drawn with the bucket, and a fraction. ⌊S·ρ(x)⌋ is in a table, low by at most one, so the whole part
//   decides but for two values of it; then bits of the fraction are drawn and ρ(x) is computed to more and more places, until they
//   differ (`Shape.at`). About once in 2^23 samples.
// - From bucket I on S·ρ ≤ 1 and each step of w at least halves it. There the heights are 1, ½, ¼ … : a weight of 2 in all,
//   and the bucket is drawn by coins. So the support is all whole numbers.
// - A sign bit; −0 is refused, or 0 would come twice.

import { SottoError } from '../../errors.js';
import { type Bits, bigBits } from './bits.js';
import { ERROR_BITS, PRECISION, type Shape } from './shape.js';

const COLUMNS = 64;
const COLUMN_BITS = 24;
const COLUMN = 2 ** COLUMN_BITS;
const TOTAL = COLUMNS * COLUMN;
const PLACES = BigInt(PRECISION);
/** What a weight is low by at most, over 2^PRECISION. */
const ERROR = 1n << BigInt(PRECISION - ERROR_BITS);

export interface NoiseTable {
  readonly shape: Shape;
  readonly scale: bigint;
  /** log₂ w. */
  readonly widthBits: number;
  /** I: the first bucket of the tail, and its column. */
  readonly buckets: number;
  /** ⌊S·ρ(x)⌋ or one less, x < I·w. */
  readonly floors: Int32Array;
  /** Of each column: the part below `limits` belongs to its own bucket, from `ownStart` on; the rest to `other`, from `otherStart` on. */
  readonly limits: Int32Array;
  readonly ownStart: Int32Array;
  readonly other: Int32Array;
  readonly otherStart: Int32Array;
}

/** Holds no secret: one table serves any number of draws. */
export function noiseTable(shape: Shape): NoiseTable {
  const { num, den } = shape.variance;
  let widthBits = 0;
  while (16n << BigInt(2 * widthBits + 2) <= num / den) widthBits++;
  const rho = upToTail(shape, widthBits);
  const buckets = (rho.length - 1) >> widthBits;
  const steps = Array.from({ length: buckets }, (_, i) => rho[i << widthBits] as bigint); // safe: i < buckets
  const mass = steps.reduce((sum, one) => sum + one, 0n);
  const scale = (BigInt(TOTAL - 2 * buckets - 2) << PLACES) / mass;
  const floorOf = (value: bigint): number => {
    const low = value - ERROR;
    return low < 0n ? 0 : Number((scale * low) >> PLACES);
  };
  const floors = Int32Array.from({ length: buckets << widthBits }, (_, x) => floorOf(rho[x] as bigint)); // safe: x < length − 1
  const weights = Array.from({ length: COLUMNS }, (_, i) =>
    i < buckets ? (floors[i << widthBits] as number) + 2 : i === buckets ? 2 : 0,
  );
  // What is left of 2^30 goes to the first bucket: an envelope may be higher than it must.
  weights[0] = (weights[0] as number) + TOTAL - weights.reduce((sum, one) => sum + one, 0);
  return { shape, scale, widthBits, buckets, floors, ...columns(weights) };
}

/**
 * ρ(0), ρ(1), … up to and with ρ(I·w): there 2^30·ρ ≤ 1, and a step of w has at least halved it, as each further one will, since ρ is
 * log-concave. @throws SottoError INTERNAL where the columns do not reach so far
 */
function upToTail(shape: Shape, widthBits: number): bigint[] {
  const small = (1n << PLACES) / BigInt(TOTAL) - 2n * ERROR;
  const width = 1 << widthBits;
  const rho: bigint[] = [];
  for (const value of shape.weights(COLUMNS << widthBits)) {
    const x = rho.push(value) - 1;
    if (x === 0 || x % width !== 0 || value > small) continue;
    if (2n * (value + ERROR) <= (rho[x - width] as bigint)) return rho; // safe: x ≥ w
  }
  throw new SottoError('INTERNAL', `noise of this shape has a tail beyond ${COLUMNS} buckets`);
}

/** Vose's alias method on whole weights that add up to TOTAL. Every unit of a weight stands in exactly one place of one column. */
function columns(weights: readonly number[]) {
  const limits = new Int32Array(COLUMNS);
  const ownStart = new Int32Array(COLUMNS);
  const other = new Int32Array(COLUMNS);
  const otherStart = new Int32Array(COLUMNS);
  const left = [...weights];
  /** Units of each weight that have a place. */
  const placed = weights.map(() => 0);
  const short = left.flatMap((weight, i) => (weight < COLUMN ? [i] : []));
  const long = left.flatMap((weight, i) => (weight >= COLUMN ? [i] : []));
  const take = (i: number, count: number): number => {
    const start = placed[i] as number;
    placed[i] = start + count;
    left[i] = (left[i] as number) - count;
    return start;
  };
  for (;;) {
    const i = short.pop() ?? long.pop();
    if (i === undefined) break;
    const fits = (left[i] as number) < COLUMN;
    const own = fits ? (left[i] as number) : COLUMN;
    limits[i] = own;
    ownStart[i] = take(i, own);
    const j = own === COLUMN ? i : (long.pop() as number); // safe: the weights add up to full columns
    other[i] = j;
    if (j === i) continue;
    otherStart[i] = take(j, COLUMN - own);
    ((left[j] as number) < COLUMN ? short : long).push(j);
  }
  return { limits, ownStart, other, otherStart };
}

/** One sample. Throws EXHAUSTED where the bits end in the middle of it. */
export function sample(table: NoiseTable, bits: Bits): number {
  const { widthBits, buckets, floors, limits, ownStart, other, otherStart } = table;
  const inBucket = (1 << widthBits) - 1;
  for (;;) {
    const word = bits.word();
    const y = word & (COLUMN - 1);
    const column = (word >>> COLUMN_BITS) & (COLUMNS - 1);
    const negative = word >>> 31 === 1;
    const limit = limits[column] as number; // safe: column < COLUMNS, here and below
    const own = y < limit;
    const bucket = own ? column : (other[column] as number);
    const height = own ? (ownStart[column] as number) + y : (otherStart[column] as number) + y - limit;
    const place = widthBits === 0 ? 0 : bits.word() & inBucket;
    if (bucket >= buckets) {
      const x = tail(table, place, bits);
      if (x !== undefined) return negative ? -x : x;
      continue;
    }
    const x = (bucket << widthBits) + place;
    if (negative && x === 0) continue;
    const floor = floors[x] as number; // safe: x < buckets · w
    if (height > floor + 1) continue;
    if (height < floor || below(table, x, BigInt(height), 0, bits)) return negative ? -x : x;
  }
}

/** Bucket I + j with probability 2^-(j+1); kept if u·2^-j < S·ρ(x). */
function tail(table: NoiseTable, place: number, bits: Bits): number | undefined {
  let j = 0;
  while (bits.word() >>> 31 === 1) j++;
  const x = ((table.buckets + j) << table.widthBits) + place;
  return below(table, x, 0n, j, bits) ? x : undefined;
}

/** Whether (whole + u)·2^-halvings < S·ρ(x) for a uniform u in [0, 1): more and more bits of both until they differ. */
function below(table: NoiseTable, x: number, whole: bigint, halvings: number, bits: Bits): boolean {
  let height = whole;
  for (let drawn = 64; ; drawn += 64) {
    height = (height << 64n) | bigBits(bits, 64);
    const precision = drawn + 64 + halvings;
    const { low, high } = table.shape.at(x, precision);
    const shift = BigInt(precision - drawn - halvings);
    if ((height + 1n) << shift <= table.scale * low) return true;
    if (height << shift >= table.scale * high) return false;
  }
}
