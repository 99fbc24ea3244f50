// What the vector loops of Sotto may ask for: wrapping sums of masks, and 24-bit packing. Two makers, bit-identical:
// `jsKernels` (js.ts) everywhere, `wasmKernels` (wasm.ts) where there is WebAssembly with SIMD; `openKernels` takes the
// better one. Not here: what is summed (secagg/), order statistics (another module of assembly/).
//
// Is WASM worth its copies in and out? Measured, 2 shared cores, Node 20.20, pieces of 64 KiB, vector of 4 MiB (GB/s of `x`):
//   u32 sum   js 4.0, wasm copying both 6.7, wasm with `acc` in the workspace 13     (naive js loop 2.6)
//   u16 sum   js 1.6, wasm copying both 6.4, wasm with `acc` in the workspace 13     (naive js loop 1.0)
// So yes, even with the copies; and a loop that keeps one piece of the sum in `workspace` while all its key streams go by
// runs twice as fast again. Again with `npm run bench -- kernels`.

/** Bytes of `workspace`. With its key stream piece it fits a 256 KiB L2 cache. */
export const WORKSPACE_BYTES = 65_536;

/**
 * All arrays may lie anywhere; lengths must match. Sums wrap: modulo 2^32 and 2^16. Numbers in arrays are in the machine's
 * order (little-endian wherever JavaScript matters); packed bytes are little-endian everywhere.
 * @throws RangeError where lengths do not match
 */
export interface Kernels {
  readonly name: 'js' | 'wasm';
  /**
   * WORKSPACE_BYTES where an `acc` needs no copying in and out; absent where nothing is copied anyway. One owner at a time,
   * who may not wait for anything asynchronous in between; content undefined at first. 16-byte aligned, never moves.
   */
  readonly workspace?: Uint8Array;
  /** acc[i] ← acc[i] + x[i] mod 2^32 */
  addU32(acc: Uint32Array, x: Uint32Array): void;
  /** acc[i] ← acc[i] − x[i] mod 2^32 */
  subU32(acc: Uint32Array, x: Uint32Array): void;
  /** acc[i] ← acc[i] + x[i] mod 2^16 */
  addU16(acc: Uint16Array, x: Uint16Array): void;
  /** acc[i] ← acc[i] − x[i] mod 2^16 */
  subU16(acc: Uint16Array, x: Uint16Array): void;
  /** from[i] mod 2^24 to three bytes, least first. `into` has 3 bytes a number. */
  pack24(from: Uint32Array, into: Uint8Array): void;
  /** The inverse: numbers below 2^24. */
  unpack24(from: Uint8Array, into: Uint32Array): void;
}

/** @throws RangeError */
export function checkSameLength(acc: { readonly length: number }, x: { readonly length: number }): void {
  if (acc.length !== x.length) throw new RangeError(`a sum of ${acc.length} numbers with ${x.length}`);
}

/** @throws RangeError */
export function checkPacked(numbers: Uint32Array, packed: Uint8Array): void {
  if (packed.length !== 3 * numbers.length) {
    throw new RangeError(`${numbers.length} numbers of 24 bits take ${3 * numbers.length} bytes, not ${packed.length}`);
  }
}
