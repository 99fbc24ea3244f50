// Whether WebAssembly earns its copies: wrapping sums of a 4 MiB vector in pieces of 64 KiB, and 24-bit packing.
import { jsKernels } from '../protocol/kernels/js.js';
import type { Kernels } from '../protocol/kernels/kernels.js';
import { nativeKernels, nativeRng } from '../protocol/native/index.js';
import { atLeast, type Bench, gigabytesPerSecond, msPerCall, type Row, row } from './harness.js';

const VECTOR = 4 << 20;
const PIECE = 65_536;
type Numbers = Uint32Array | Uint16Array;

/** GB/s of `x` when a whole vector is added piece by piece. `resident`: every piece into the workspace, as a mask fold does. */
function sumSpeed(kernels: Kernels, width: 2 | 4, resident: boolean): number {
  const acc = new Uint8Array(VECTOR);
  const x = nativeRng(VECTOR);
  const view = (bytes: Uint8Array, at: number): Numbers =>
    width === 4
      ? new Uint32Array(bytes.buffer, bytes.byteOffset + at, PIECE / 4)
      : new Uint16Array(bytes.buffer, bytes.byteOffset + at, PIECE / 2);
  const ms = msPerCall(() => {
    for (let at = 0; at < VECTOR; at += PIECE) {
      const into = resident ? view(kernels.workspace ?? acc, 0) : view(acc, at);
      const from = view(x, at);
      if (into instanceof Uint32Array && from instanceof Uint32Array) kernels.addU32(into, from);
      if (into instanceof Uint16Array && from instanceof Uint16Array) kernels.addU16(into, from);
    }
  });
  return gigabytesPerSecond(VECTOR, ms);
}

/** What a reader would write first, on the same random data and pieces: no view, no unrolling, no lanes. */
const naive: Kernels = {
  ...jsKernels,
  addU32(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] ?? 0) + (x[i] ?? 0);
  },
  addU16(acc, x) {
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] ?? 0) + (x[i] ?? 0);
  },
};

function packSpeed(kernels: Kernels): number {
  const numbers = new Uint32Array(1 << 20).fill(0x123456);
  const packed = new Uint8Array(3 << 20);
  return msPerCall(() => kernels.pack24(numbers, packed));
}
function unpackSpeed(kernels: Kernels): number {
  const numbers = new Uint32Array(1 << 20);
  const packed = nativeRng(3 << 20);
  return msPerCall(() => kernels.unpack24(packed, numbers));
}

function rows(): Row[] {
  const [js, wasm] = [jsKernels, nativeKernels()];
  const sums = ([4, 2] as const).flatMap((width) => {
    const what = `u${8 * width} sum`;
    const [plain, copying, resident] = [
      sumSpeed(js, width, false),
      sumSpeed(wasm, width, false),
      sumSpeed(wasm, width, true),
    ];
    return [
      row(`${what}, naive loop`, sumSpeed(naive, width, false), 'GB/s'),
      row(`${what}, js`, plain, 'GB/s'),
      row(`${what}, ${wasm.name}`, copying, 'GB/s'),
      row(`${what}, ${wasm.name} in the workspace`, resident, 'GB/s'),
      atLeast(1.2, row('  wasm over js, copies included', copying / plain, 'x')),
    ];
  });
  return [
    ...sums,
    row('pack24, 1M numbers, js', packSpeed(js), 'ms'),
    row(`pack24, 1M numbers, ${wasm.name}`, packSpeed(wasm), 'ms'),
    row('unpack24, 1M numbers, js', unpackSpeed(js), 'ms'),
    row(`unpack24, 1M numbers, ${wasm.name}`, unpackSpeed(wasm), 'ms'),
  ];
}

export const kernelsBench: Bench = {
  name: 'kernels',
  title: 'mask sums and 24-bit packing, JavaScript against WebAssembly SIMD',
  run: async () => rows(),
};
