// What the vector loops of Sotto may ask for: wrapping sums of masks, and 24-bit packing. Two makers, bit-identical:
// `jsKernels` (js.ts) everywhere, `wasmKernels` (wasm.ts) where there is WebAssembly with SIMD; `openKernels` takes the
// better one. Not here: what is summed (secagg/), order statistics (another module of assembly/).
//
// Is WASM worth its copies in and out? Measured, 2 shared cores, Node 20.20 (`npm run bench -- kernels`):
//   sums of 4 MiB in pieces of 64 KiB, GB/s        u32: naive js 2.6, js.ts 4.0, wasm 8.4    u16: 1.0, 2.1, 9.1
//   all masks of a client, 64 peers, d = 1M, ms    u32: js.ts 150, wasm 110                  u16: js.ts 110, wasm 52
//   pack24 of 1M numbers, ms                       js.ts 2.5, wasm 0.4
// So yes, copies included. A sum that lives in WASM memory adds at 13 GB/s, yet the whole mask step did not get faster by
// it: AES makes 3.4 GB/s, and that is then nearly all of the time. So there is no such interface.

/**
 * All arrays may lie anywhere; lengths must match. Sums wrap: modulo 2^32 and 2^16. Numbers in arrays are in the machine's
 * order (little-endian wherever JavaScript matters); packed bytes are little-endian everywhere.
 * @throws RangeError where lengths do not match
 */
export interface Kernels {
  readonly name: 'js' | 'wasm';
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
