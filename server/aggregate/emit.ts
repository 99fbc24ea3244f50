// Writes the WebAssembly module that selects from `rows` float32 columns, four at a time, in registers: straight-line code from a
// pruned network. Discussion: one compiled kernel would read the network from a table, with a load and a store per comparator;
// written per (rows, f) it has neither, and the numbers of a task change once in its life. 200-odd bytes a row.
// Not here: memory, calls, fallbacks (order-simd.ts), how instructions are written down (wasm-code.ts).

import { prune, sortingNetwork } from './network.js';
import type { Selection } from './order.js';
import { get, I32, leb, load, loadAt, moduleOf, set, simd, store, tee, V128, vector } from './wasm-code.js';

/** Bytes of the memory the module works on. Rows lie `rowBytes` apart from 0; columns of a block are 16-byte aligned. */
export interface Layout {
  readonly rowBytes: number;
  /** Where the float32 results go. */
  readonly out: number;
  /** Where the least and the largest kept values of one tile go, `KEPT_BYTES` in all. Unused where f = 0. */
  readonly kept: number;
  /** Per row 8 uint32, four lanes of low then of high; then 4 that count effective columns; then 16 bytes of suspicion. */
  readonly counters: number;
}

/** Bytes of all rows that are selected from, then counted, before the next: half of a level-1 cache. */
const TILE_BYTES = 16_384;
/** Both of them; a tile of two rows is the widest. */
export const KEPT_BYTES = TILE_BYTES;
/** Bytes of a row that one turn of the counting loop reads; `end` is a multiple of it. */
export const STEP_BYTES = 64;

const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
const UPPER_HALF = [0xfd, 0x0d, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const LOWER_HALVES = [0xfd, 0x0d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const F32_LT = 0x43;
const F32_GT = 0x44;
const OR = 0x50;
const DEMOTE = 0x5e;
const PROMOTE = 0x5f;
const I32_ADD = 0xae;
const I32_SUB = 0xb1;
const F32_ADD = 0xe4;
const F32_SUB = 0xe5;
const F32_PMIN = 0xea;
const F32_PMAX = 0xeb;
const F64_ADD = 0xf0;
const F64_DIV = 0xf3;
const F64_PMIN = 0xf6;
const F64_PMAX = 0xf7;

const f64Splat = (value: number): number[] => [0x44, ...new Uint8Array(Float64Array.of(value).buffer), ...simd(0x14)];

/**
 * A module that imports `env.memory` and exports `run(end)`: bytes [0, end) of every row, `end` a multiple of `STEP_BYTES` above 0.
 * It adds to the counters; the caller empties them. Suspicion is non-zero where the sum of a column is not finite: certain to see NaN
 * and ±Infinity for one addition a value, and wrong only about columns near the end of float32.
 * Tiles go through twice: column by column through the network, row by row through the counters. Counted in the first pass, each
 * counter would be loaded and stored for every four columns (measured, 16 rows of 1M, f = 3: 4.3 ms; so 2 ms).
 */
export function emitSelection(selection: Selection, layout: Layout): Uint8Array<ArrayBuffer> {
  const body = [
    ...vector([
      [...leb(POINTERS), I32],
      [...leb(selection.rows + SCRATCH), V128],
    ]),
    ...runBody(selection, layout),
    0x0b,
  ];
  return moduleOf(1, body);
}

// Locals: the parameter, four pointers, the scratch vectors, then one vector per row.
const END = 0;
const IN = 1;
const START = 2;
const TILE_END = 3;
const KEPT = 4;
const SWAP = 5;
const BAD = 6;
const SUM_LOW = 7;
const SUM_HIGH = 8;
const LOW = 9;
const HIGH = 10;
const EFFECTIVE = 11;
const POINTERS = 4;
const SCRATCH = 7;
const row = (i: number): number => 12 + i;
const zero = [0x41, 0x00];

function runBody({ rows, faulty, from, to }: Selection, { rowBytes, out, kept, counters }: Layout): number[] {
  const all = Array.from({ length: rows }, (_, i) => i);
  const [least, most] = [faulty, rows - 1 - faulty];
  // The extremes say whether anybody is cut in a column.
  const wanted = all.slice(from, to).concat(faulty > 0 ? [0, least, most, rows - 1] : []);
  const network = prune(sortingNetwork(rows), wanted);
  const [effective, bad] = [counters + 32 * rows, counters + 32 * rows + 16];
  const tileBytes = Math.max(1, Math.floor(TILE_BYTES / rows / STEP_BYTES)) * STEP_BYTES;
  const columns = [
    ...all.flatMap((i) => [...load(IN, i * rowBytes), ...set(row(i))]),
    // BAD gathers t − t: 0 where t is finite.
    ...[...get(BAD), ...columnSum(all), ...tee(SWAP), ...get(SWAP), ...simd(F32_SUB), ...simd(OR), ...set(BAD)],
    ...network.flatMap(({ a, b, keeps }) => {
      const pair = [...get(row(a)), ...get(row(b))];
      if (keeps === 'smaller') return [...pair, ...simd(F32_PMIN), ...set(row(a))];
      if (keeps === 'larger') return [...pair, ...simd(F32_PMAX), ...set(row(b))];
      const smaller = [...pair, ...simd(F32_PMIN), ...set(SWAP)];
      return [...smaller, ...pair, ...simd(F32_PMAX), ...set(row(b)), ...get(SWAP), ...set(row(a))];
    }),
    ...[...get(IN), ...average(from, to), ...store(out)],
    ...(faulty > 0 ? keepEnds(least, most, rows - 1, kept, tileBytes) : []),
  ];
  return [
    ...[...zero, ...set(START), ...ZERO, ...set(BAD), ...ZERO, ...set(EFFECTIVE)],
    ...loopUntil(END, START, [
      // The smaller of START + tileBytes and END: select.
      ...[...get(START), ...constant(tileBytes), 0x6a, ...tee(TILE_END), ...get(END)],
      ...[...get(TILE_END), ...get(END), 0x49, 0x1b, ...set(TILE_END)],
      ...[...get(START), ...set(IN), ...zero, ...set(KEPT)],
      ...loopUntil(TILE_END, IN, [...columns, ...advance(IN, 16)]),
      ...(faulty > 0 ? all.flatMap((i) => countRow(i, i * rowBytes, kept, tileBytes, counters)) : []),
      ...[...get(TILE_END), ...set(START)],
    ]),
    ...addTo(bad, get(BAD), OR),
    ...addTo(effective, get(EFFECTIVE), I32_ADD),
  ];
}

const constant = (value: number): number[] => {
  // Signed LEB128: a set sixth bit of the last byte would mean a negative number.
  const bytes = leb(value);
  const last = bytes[bytes.length - 1] ?? 0;
  return [0x41, ...(last < 0x40 ? bytes : [...bytes.slice(0, -1), last | 0x80, 0x00])];
};
const advance = (pointer: number, by: number): number[] => [...get(pointer), ...constant(by), 0x6a, ...set(pointer)];
/** Runs at least once, again while pointer < end. */
const loopUntil = (end: number, pointer: number, body: readonly number[]): number[] => [
  ...[0x03, 0x40, ...body],
  ...[...get(pointer), ...get(end), 0x49, 0x0d, ...leb(0), 0x0b],
];
const addTo = (offset: number, value: readonly number[], operation: number): number[] => [
  ...[...zero, ...zero, ...loadAt(offset), ...value, ...simd(operation), ...store(offset)],
];

/**
 * Four columns: their kept entries promoted to float64, summed upwards, divided, clamped to the stretch, rounded to float32; + 0.
 * As `order.ts` does. One kept entry needs no arithmetic.
 */
function average(from: number, to: number): number[] {
  if (to - from === 1) return [...get(row(from)), ...ZERO, ...simd(F32_ADD)];
  return [
    ...[...averageHalf(SUM_LOW, from, to), ...averageHalf(SUM_HIGH, from, to)],
    ...[...get(SUM_LOW), ...simd(DEMOTE), ...get(SUM_HIGH), ...simd(DEMOTE), ...LOWER_HALVES],
    ...[...ZERO, ...simd(F32_ADD)],
  ];
}

function averageHalf(sum: number, from: number, to: number): number[] {
  const half = sum === SUM_LOW ? [] : UPPER_HALF;
  const wide = (i: number): number[] => {
    const value = get(row(i));
    return [...value, ...(half.length > 0 ? [...value, ...half] : []), ...simd(PROMOTE)];
  };
  const code = [...ZERO, ...set(sum)];
  for (let i = from; i < to; i++) code.push(...get(sum), ...wide(i), ...simd(F64_ADD), ...set(sum));
  code.push(...get(sum), ...f64Splat(to - from), ...simd(F64_DIV), ...set(sum));
  code.push(...get(sum), ...wide(to - 1), ...simd(F64_PMIN), ...wide(from), ...simd(F64_PMAX), ...set(sum));
  return code;
}

/** A balanced tree: short chains for the processor. */
function columnSum(rows: readonly number[]): number[] {
  const half = rows.length >> 1;
  if (half === 0) return get(row(rows[0] ?? 0));
  return [...columnSum(rows.slice(0, half)), ...columnSum(rows.slice(half)), ...simd(F32_ADD)];
}

/** Least and largest kept value for the second pass. A comparison gives −1 where it holds, so a counter goes up by subtracting it. */
function keepEnds(least: number, most: number, last: number, kept: number, tileBytes: number): number[] {
  return [
    ...[...get(KEPT), ...get(row(least)), ...store(kept)],
    ...[...get(KEPT), ...get(row(most)), ...store(kept + tileBytes), ...advance(KEPT, 16)],
    ...[...get(EFFECTIVE), ...get(row(0)), ...get(row(least)), ...simd(F32_LT)],
    ...[...get(row(last)), ...get(row(most)), ...simd(F32_GT), ...simd(OR), ...simd(I32_SUB), ...set(EFFECTIVE)],
  ];
}

function countRow(i: number, offset: number, kept: number, tileBytes: number, counters: number): number[] {
  const quads = [0, 16, 32, 48].flatMap((at) => [
    ...[...get(LOW), ...load(IN, offset + at), ...tee(SWAP), ...load(KEPT, kept + at), ...simd(F32_LT)],
    ...[...simd(I32_SUB), ...set(LOW)],
    ...[
      ...get(HIGH),
      ...get(SWAP),
      ...load(KEPT, kept + tileBytes + at),
      ...simd(F32_GT),
      ...simd(I32_SUB),
      ...set(HIGH),
    ],
  ]);
  return [
    ...[...get(START), ...set(IN), ...zero, ...set(KEPT), ...ZERO, ...set(LOW), ...ZERO, ...set(HIGH)],
    ...loopUntil(TILE_END, IN, [...quads, ...advance(KEPT, STEP_BYTES), ...advance(IN, STEP_BYTES)]),
    ...addTo(counters + 32 * i, get(LOW), I32_ADD),
    ...addTo(counters + 32 * i + 16, get(HIGH), I32_ADD),
  ];
}
