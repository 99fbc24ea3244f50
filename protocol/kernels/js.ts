// The kernels as plain loops: the reference for the SIMD ones, and the fallback where there is no WASM.
// Not here: bounds checks; callers hand in equal lengths. Indices stay below the length, hence the casts.

import type { Kernels } from './kernels.js';

export const jsKernels: Kernels = {
  addU32(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] as number) + (x[i] as number);
  },
  subU32(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] as number) - (x[i] as number);
  },
  addU16(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] as number) + (x[i] as number);
  },
  subU16(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] as number) - (x[i] as number);
  },
  pack24(from, into) {
    for (let i = 0, at = 0; i < from.length; i++, at += 3) {
      const word = from[i] as number;
      into[at] = word;
      into[at + 1] = word >>> 8;
      into[at + 2] = word >>> 16;
    }
  },
  unpack24(from, into) {
    for (let i = 0, at = 0; i < into.length; i++, at += 3)
      into[i] = (from[at] as number) | ((from[at + 1] as number) << 8) | ((from[at + 2] as number) << 16);
  },
};
