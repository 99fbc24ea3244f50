// `DistanceKernel` in WASM SIMD, bit-identical to `distancesPlain`: two float64 lanes, twice. Worth its copies: see bench/aggregate.ts.
// Not here: the definition of the sums (distances.ts), how instructions are written down (wasm-code.ts).

import { copyBlock, type DistanceKernel, distancesPlain, eachBlock, squareOf, widthOf } from './distances.js';
import type { Vector } from './inputs.js';
import {
  get,
  I32,
  instantiate,
  leb,
  load,
  moduleOf,
  openMemory,
  set,
  simd,
  tee,
  type Unit,
  V128,
  vector,
} from './wasm-code.js';

/** One cache line between rows: at a distance of a power of two all would fall into the same few places of a level-1 cache. */
const SKEW_BYTES = 64;

interface Sized {
  readonly bytes: number;
  readonly unit: Unit | undefined;
}

/** A kernel with a memory of its own, as large as the largest task it has seen. Synchronous and single-threaded. */
export function createDistanceKernel(): DistanceKernel {
  let held: Sized | undefined;
  return (rows) => {
    const n = rows.length;
    const width = widthOf(rows);
    if (n < 2 || width === 0) return distancesPlain(rows);
    const rowBytes = 8 * width + SKEW_BYTES;
    const out = n * rowBytes;
    const bytes = out + 4 * n * (n - 1) + 16;
    if (held === undefined || held.bytes < bytes)
      held = { bytes, unit: instantiate(emitDistances(), openMemory(bytes)) };
    return held.unit === undefined ? distancesPlain(rows) : runBlocks(held.unit, rows, width, rowBytes, out);
  };
}

function runBlocks({ memory, run }: Unit, rows: readonly Vector[], width: number, rowBytes: number, out: number) {
  const n = rows.length;
  const pairs = new Float64Array(memory.buffer, out, (n * (n - 1)) / 2).fill(0);
  const targets = rows.map((_, i) => new Float64Array(memory.buffer, i * rowBytes, width));
  eachBlock(rows, width, (start, padded) => {
    rows.forEach((row, i) => {
      // safe: one target for each row.
      copyBlock(targets[i]!, row, start, padded);
    });
    run(8 * padded, rowBytes, out);
  });
  return squareOf(n, pairs);
}

// Locals: bytes of a row that count, bytes between rows, where the sums go and the rows end; four pointers; six vectors.
const [WIDTH, STRIDE, OUT, I, J, P, Q, STOP, END] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const [A, B, D] = [9, 10, 11];
const F64_ADD = simd(0xf0);
const F64_SUB = simd(0xf1);
const F64_MUL = simd(0xf2);
const lane = (index: number): number[] => [...simd(0x21), index];
const add32 = [0x6a];
const below = [0x49];
const constant = (value: number): number[] => [0x41, ...leb(value)];
const loop = (body: readonly number[], again: readonly number[]): number[] => [
  ...[0x03, 0x40, ...body, ...again],
  ...[0x0d, 0x00, 0x0b],
];
const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];

/** Adds to the float64 of every pair i < j, which lie in order from `out`, the squares of the differences of this block. */
function emitDistances(): Uint8Array<ArrayBuffer> {
  const squares = (sum: number, offset: number): number[] => [
    ...[...load(P, offset), ...load(Q, offset), ...F64_SUB, ...tee(D)],
    ...[...get(D), ...F64_MUL, ...get(sum), ...F64_ADD, ...set(sum)],
  ];
  const step = (pointer: number, by: readonly number[]): number[] => [
    ...get(pointer),
    ...by,
    ...add32,
    ...tee(pointer),
  ];
  const columns = loop(
    [...squares(A, 0), ...squares(B, 16), ...step(Q, constant(32)), 0x1a],
    [...step(P, constant(32)), ...get(STOP), ...below],
  );
  const pair = [
    ...[...get(I), ...set(P), ...get(J), ...set(Q)],
    ...[...get(I), ...get(WIDTH), ...add32, ...set(STOP)],
    ...[...ZERO, ...set(A), ...ZERO, ...set(B)],
    ...columns,
    ...[...get(A), ...get(B), ...F64_ADD, ...set(A)],
    // f64.load, f64.add, f64.store
    ...[...get(OUT), ...get(OUT), 0x2b, 3, 0, ...get(A), ...lane(0), ...get(A), ...lane(1), 0xa0, 0xa0, 0x39, 3, 0],
    ...[...step(OUT, constant(8)), 0x1a],
  ];
  const inner = loop(pair, [...step(J, get(STRIDE)), ...get(END), ...below]);
  const body = [
    ...vector([
      [...leb(6), I32],
      [...leb(3), V128],
    ]),
    // The rows end where the sums begin.
    ...[...get(OUT), ...set(END), ...constant(0), ...set(I)],
    ...loop(
      [...[...get(I), ...get(STRIDE), ...add32, ...tee(J), ...get(END), ...below], ...[0x04, 0x40, ...inner, 0x0b]],
      [...step(I, get(STRIDE)), ...get(END), ...below],
    ),
    0x0b,
  ];
  return moduleOf(3, body);
}
