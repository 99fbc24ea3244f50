// Whether WebAssembly earns its copies: wrapping sums of a 4 MiB vector in pieces of 64 KiB, and 24-bit packing.
import { jsKernels } from '../protocol/kernels/js.js';
import type { Kernels } from '../protocol/kernels/kernels.js';
import { nativeKernels, nativeKeystream, nativeRng } from '../protocol/native/index.js';
import type { Words } from '../protocol/secagg/encode.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import { applyMasks } from '../protocol/secagg/mask.js';
import { atLeast, type Bench, cpuMs, gigabytesPerSecond, msPerCall, type Row, row } from './harness.js';

const VECTOR = 4 << 20;
const PIECE = 65_536;
type Numbers = Uint32Array | Uint16Array;

/** GB/s of `x` when a whole vector is added piece by piece. */
function sumSpeed(kernels: Kernels, width: 2 | 4): number {
  const acc = new Uint8Array(VECTOR);
  const x = nativeRng(VECTOR);
  const view = (bytes: Uint8Array, at: number): Numbers =>
    width === 4
      ? new Uint32Array(bytes.buffer, bytes.byteOffset + at, PIECE / 4)
      : new Uint16Array(bytes.buffer, bytes.byteOffset + at, PIECE / 2);
  const ms = msPerCall(() => {
    for (let at = 0; at < VECTOR; at += PIECE) {
      const into = view(acc, at);
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

/** CPU ms of all masks of one client: 64 key streams over one million numbers. The best of three. */
async function maskStep(kernels: Kernels, numbers: Words): Promise<number> {
  const masks = Array.from({ length: 64 }, (_, i) => ({ key: nativeRng(32), sign: i % 2 === 0 ? 1 : -1 }) as const);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const once = (): void => runStreaming(applyMasks(numbers, masks, kernels), 'aes256ctr', nativeKeystream);
    best = Math.min(best, await cpuMs(once));
  }
  return best;
}

async function rows(): Promise<Row[]> {
  const [js, wasm] = [jsKernels, nativeKernels()];
  const sums = ([4, 2] as const).flatMap((width) => {
    const what = `u${8 * width} sum`;
    const [plain, fast] = [sumSpeed(js, width), sumSpeed(wasm, width)];
    return [
      row(`${what}, naive loop`, sumSpeed(naive, width), 'GB/s'),
      row(`${what}, js`, plain, 'GB/s'),
      row(`${what}, ${wasm.name}`, fast, 'GB/s'),
      atLeast(1.2, row('  wasm over js, copies included', fast / plain, 'x')),
    ];
  });
  const masks: Row[] = [];
  for (const numbers of [new Uint32Array(1_000_000), new Uint16Array(1_000_000)]) {
    for (const kernels of [js, wasm]) {
      const what = `64 masks of 1M u${8 * numbers.BYTES_PER_ELEMENT}, ${kernels.name}`;
      masks.push(row(what, await maskStep(kernels, numbers), 'ms CPU'));
    }
  }
  return [
    ...sums,
    ...masks,
    row('pack24, 1M numbers, js', packSpeed(js), 'ms'),
    row(`pack24, 1M numbers, ${wasm.name}`, packSpeed(wasm), 'ms'),
    row('unpack24, 1M numbers, js', unpackSpeed(js), 'ms'),
    row(`unpack24, 1M numbers, ${wasm.name}`, unpackSpeed(wasm), 'ms'),
  ];
}

export const kernelsBench: Bench = {
  name: 'kernels',
  title: 'mask sums and 24-bit packing, JavaScript against WebAssembly SIMD',
  run: rows,
};
