// Element-wise arithmetic over vectors of model size, as one value that a driver picks: the JavaScript loops of js.ts, or the
// same in WASM SIMD. Both are bit-identical. Not here: what the vectors mean (secagg/).

/** Arguments have equal lengths (pack24/unpack24: bytes.length = 3 × words.length); arithmetic is mod 2^16 or 2^32. */
export interface Kernels {
  addU32(acc: Uint32Array, x: Uint32Array): void;
  subU32(acc: Uint32Array, x: Uint32Array): void;
  addU16(acc: Uint16Array, x: Uint16Array): void;
  subU16(acc: Uint16Array, x: Uint16Array): void;
  /** Low 24 bits of each word, little-endian. */
  pack24(from: Uint32Array, into: Uint8Array): void;
  /** Zero-extends. */
  unpack24(from: Uint8Array, into: Uint32Array): void;
}
