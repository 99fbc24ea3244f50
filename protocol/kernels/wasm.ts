// The kernels in WebAssembly SIMD: module bytes, the few members of WebAssembly that we use, and the copying in and out.
// Not here: the loops themselves (assembly/mask.ts). The core's `lib` has no WebAssembly, so the engine is handed in:
// `openKernels(WebAssembly)`. Each set has a memory of 256 KiB of its own, where the last piece stays until the next call:
// a driver that must forget drops the set.
import { jsKernels } from './js.js';
import { checkPacked, checkSameLength, type Kernels } from './kernels.js';
import { WASM_BASE64 } from './mask.wasm.js';

/** What we use of the global `WebAssembly`. */
export interface WasmEngine {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  /** `never`: the engine's own Module type, which this `lib` cannot name. */
  readonly Instance: new (
    module: never,
  ) => { readonly exports: unknown };
}

/** What an instance of assembly/mask.ts exports. Pointers and sizes in bytes. */
interface MaskExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  addU32(acc: number, x: number, bytes: number): void;
  subU32(acc: number, x: number, bytes: number): void;
  addU16(acc: number, x: number, bytes: number): void;
  subU16(acc: number, x: number, bytes: number): void;
  pack24(from: number, into: number, count: number): void;
  unpack24(from: number, into: number, count: number): void;
}
type Sum = 'addU32' | 'subU32' | 'addU16' | 'subU16';

// Memory: four pages of 64 KiB, of which the first is the compiler's. Sums touch exactly their bytes, packing whole groups of
// four numbers: as u32 PACK_COUNT numbers fill an area, as 3 bytes they leave room for the load and store that go over.
const PIECE_BYTES = 65_536;
const X = PIECE_BYTES;
const ACC = 2 * PIECE_BYTES;
const PACK_COUNT = PIECE_BYTES / 4;

/** The better of the two: WASM where the engine is there, has SIMD, and is allowed to compile (a page's CSP may forbid it). */
export function openKernels(engine: WasmEngine | undefined): Kernels {
  if (engine === undefined) return jsKernels;
  try {
    const bytes = maskModule();
    if (!engine.validate(bytes)) return jsKernels;
    return wasmKernels(new engine.Instance(new engine.Module(bytes) as never));
  } catch {
    return jsKernels;
  }
}

/** The bytes of the module, for those who compile it themselves (a main thread may have to do it asynchronously). */
export const maskModule = (): Uint8Array<ArrayBuffer> => fromBase64(WASM_BASE64);

/** Kernels on an instance of `maskModule()`, which takes no imports. The instance belongs to the kernels afterwards. */
export function wasmKernels(instance: { readonly exports: unknown }): Kernels {
  const wasm = instance.exports as MaskExports;
  const memory = new Uint8Array(wasm.memory.buffer); // never grows: the module has no allocator

  function sum(kind: Sum, acc: Uint32Array | Uint16Array, x: Uint32Array | Uint16Array): void {
    checkSameLength(acc, x);
    const from = bytesOf(x);
    const into = bytesOf(acc);
    for (let at = 0; at < into.length; at += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, into.length - at);
      memory.set(from.subarray(at, at + size), X);
      memory.set(into.subarray(at, at + size), ACC);
      wasm[kind](ACC, X, size);
      into.set(memory.subarray(ACC, ACC + size), at);
    }
  }

  return {
    name: 'wasm',
    addU32: (acc, x) => sum('addU32', acc, x),
    subU32: (acc, x) => sum('subU32', acc, x),
    addU16: (acc, x) => sum('addU16', acc, x),
    subU16: (acc, x) => sum('subU16', acc, x),
    pack24(from, into) {
      checkPacked(from, into);
      const source = bytesOf(from);
      for (let at = 0; at < from.length; at += PACK_COUNT) {
        const count = Math.min(PACK_COUNT, from.length - at);
        memory.set(source.subarray(4 * at, 4 * (at + count)), X);
        wasm.pack24(X, ACC, count);
        into.set(memory.subarray(ACC, ACC + 3 * count), 3 * at);
      }
    },
    unpack24(from, into) {
      checkPacked(into, from);
      const target = bytesOf(into);
      for (let at = 0; at < into.length; at += PACK_COUNT) {
        const count = Math.min(PACK_COUNT, into.length - at);
        memory.set(from.subarray(3 * at, 3 * (at + count)), X);
        wasm.unpack24(X, ACC, count);
        target.set(memory.subarray(ACC, ACC + 4 * count), 4 * at);
      }
    },
  };
}

const bytesOf = (array: Uint32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648 §4, of our own module texts only: the core has no `atob`. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/=+$/, '');
  const out = new Uint8Array((digits.length * 6) >> 3);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const digit of digits) {
    held = ((held << 6) | DIGITS.indexOf(digit)) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >>> bits;
    }
  }
  return out;
}
