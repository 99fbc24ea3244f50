// The kernels as Node has them: one call, because Node compiles WebAssembly at once. Browsers call `openKernels` themselves.
import type { Kernels } from '../kernels/kernels.js';
import { openKernels, type WasmEngine } from '../kernels/wasm.js';

/** A set of kernels for one thread; workers open their own. 256 KiB. */
export const nativeKernels = (): Kernels =>
  openKernels((globalThis as { readonly WebAssembly?: WasmEngine }).WebAssembly);
