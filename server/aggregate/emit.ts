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
  /** Where the float64 results go. */
  readonly out: number;
  /** Per row 8 uint16, four lanes of low then of high; then 8 whose first four count effective columns; then 16 bytes of suspicion. */
  readonly counters: number;
}

const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
const UPPER_HALF = [0xfd, 0x0d, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const F32_LT = 0x43;
const F32_GT = 0x44;
const OR = 0x50;
const PROMOTE = 0x5f;
const NARROW = 0x85;
const I16_SUB = 0x91;
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
 * A module that imports `env.memory` and exports `run(end)`: bytes [0, end) of every row, `end` a multiple of 16 in (0, 2^20), so
 * that no 16-bit counter wraps within a call; the caller empties them. Suspicion is non-zero where the sum of a column is not
 * finite: certain to see NaN and ±Infinity for one addition a value, and wrong only about columns near the end of float32.
 */
export function emitSelection(selection: Selection, layout: Layout): Uint8Array<ArrayBuffer> {
  const body = [
    ...vector([
      [...leb(2), I32],
      [...leb(selection.rows + SCRATCH), V128],
    ]),
    ...runBody(selection, layout),
    0x0b,
  ];
  return moduleOf(1, body);
}

// Locals: the parameter, two pointers, the scratch vectors, then one vector per row.
const END = 0;
const IN = 1;
const OUT = 2;
const SWAP = 3;
const BAD = 4;
const SUM_LOW = 5;
const SUM_HIGH = 6;
const MASK = 7;
const ANY = 8;
const SCRATCH = 6;
const row = (i: number): number => 9 + i;

function runBody({ rows, faulty, from, to }: Selection, { rowBytes, out, counters }: Layout): number[] {
  const all = Array.from({ length: rows }, (_, i) => i);
  const [least, most] = [faulty, rows - 1 - faulty];
  const wanted = all.slice(from, to).concat(faulty > 0 ? [least, most] : []);
  const network = prune(sortingNetwork(rows), wanted);
  const [effective, bad] = [counters + 16 * rows, counters + 16 * rows + 16];
  const zero = [0x41, 0x00];
  return [
    // Outputs take 8 bytes where inputs take 4, so OUT runs ahead twice as fast. BAD gathers t − t: 0 where t is finite.
    ...[...zero, ...set(IN), ...zero, ...set(OUT), ...ZERO, ...set(BAD)],
    ...[0x03, 0x40],
    ...all.flatMap((i) => [...load(IN, i * rowBytes), ...set(row(i))]),
    ...[...get(BAD), ...columnSum(all), ...tee(SWAP), ...get(SWAP), ...simd(F32_SUB), ...simd(OR), ...set(BAD)],
    ...network.flatMap(({ a, b, keeps }) => {
      const pair = [...get(row(a)), ...get(row(b))];
      if (keeps === 'smaller') return [...pair, ...simd(F32_PMIN), ...set(row(a))];
      if (keeps === 'larger') return [...pair, ...simd(F32_PMAX), ...set(row(b))];
      const smaller = [...pair, ...simd(F32_PMIN), ...set(SWAP)];
      return [...smaller, ...pair, ...simd(F32_PMAX), ...set(row(b)), ...get(SWAP), ...set(row(a))];
    }),
    ...averageHalf(SUM_LOW, from, to),
    ...averageHalf(SUM_HIGH, from, to),
    ...[...get(OUT), ...get(SUM_LOW), ...store(out), ...get(OUT), ...get(SUM_HIGH), ...store(out + 16)],
    ...(faulty > 0 ? countTails(all, least, most, rowBytes, counters, effective) : []),
    ...[...get(OUT), 0x41, ...leb(32), 0x6a, ...set(OUT)],
    ...[...get(IN), 0x41, ...leb(16), 0x6a, ...tee(IN), ...get(END), 0x49, 0x0d, ...leb(0)],
    0x0b,
    ...[...zero, ...zero, ...loadAt(bad), ...get(BAD), ...simd(OR), ...store(bad)],
  ];
}

/** Two columns: their kept entries promoted to float64, summed upwards, divided, clamped to the stretch, + 0. As `order.ts` does. */
function averageHalf(sum: number, from: number, to: number): number[] {
  const half = sum === SUM_LOW ? [] : UPPER_HALF;
  const wide = (i: number): number[] => {
    const value = get(row(i));
    return [...value, ...(half.length > 0 ? [...value, ...half] : []), ...simd(PROMOTE)];
  };
  const code = [...ZERO, ...set(sum)];
  for (let i = from; i < to; i++) code.push(...get(sum), ...wide(i), ...simd(F64_ADD), ...set(sum));
  if (to - from > 1) {
    code.push(...get(sum), ...f64Splat(to - from), ...simd(F64_DIV), ...set(sum));
    code.push(...get(sum), ...wide(to - 1), ...simd(F64_PMIN), ...wide(from), ...simd(F64_PMAX), ...set(sum));
    code.push(...get(sum), ...ZERO, ...simd(F64_ADD), ...set(sum));
  }
  return code;
}

/** A balanced tree: short chains for the processor. */
function columnSum(rows: readonly number[]): number[] {
  const half = rows.length >> 1;
  if (half === 0) return get(row(rows[0] ?? 0));
  return [...columnSum(rows.slice(0, half)), ...columnSum(rows.slice(half)), ...simd(F32_ADD)];
}

/**
 * A comparison gives −1 where it holds, so a counter goes up by subtracting it; both tails of a row share one vector of eight
 * 16-bit counters. Rows are read again: sorting has used them up.
 */
function countTails(
  all: readonly number[],
  least: number,
  most: number,
  rowBytes: number,
  counters: number,
  effective: number,
): number[] {
  const zero = [0x41, 0x00];
  const bump = (offset: number, mask: number): number[] => [
    ...[...zero, ...zero, ...loadAt(offset), ...get(mask), ...simd(I16_SUB), ...store(offset)],
  ];
  return [
    ...[...ZERO, ...set(ANY)],
    ...all.flatMap((i) => [
      ...[...load(IN, i * rowBytes), ...tee(SWAP), ...get(row(least)), ...simd(F32_LT)],
      ...[...get(SWAP), ...get(row(most)), ...simd(F32_GT), ...simd(NARROW), ...set(MASK)],
      ...[...get(ANY), ...get(MASK), ...simd(OR), ...set(ANY)],
      ...bump(counters + 16 * i, MASK),
    ]),
    // Cut low or cut high, once per column: fold the upper half onto the lower.
    ...[...get(ANY), ...get(ANY), ...get(ANY), ...UPPER_HALF, ...simd(OR), ...set(ANY)],
    ...bump(effective, ANY),
  ];
}
