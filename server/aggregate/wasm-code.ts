// The words in which WebAssembly modules are written here: numbers, sections, a few instructions. Not here: any module
// (emit.ts, emit-distances.ts). Opcodes: WebAssembly Core 2.0, §5.4 (0xfd: §5.4.9, vector instructions).

export const I32 = 0x7f;
export const V128 = 0x7b;
const LOAD = 0x00;
const STORE = 0x0b;

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}
export const simd = (opcode: number): number[] => [0xfd, ...leb(opcode)];
export const get = (local: number): number[] => [0x20, ...leb(local)];
export const set = (local: number): number[] => [0x21, ...leb(local)];
export const tee = (local: number): number[] => [0x22, ...leb(local)];
/** Alignment hint 4: 16 bytes. */
export const loadAt = (offset: number): number[] => [...simd(LOAD), 4, ...leb(offset)];
export const load = (pointer: number, offset: number): number[] => [...get(pointer), ...loadAt(offset)];
export const store = (offset: number): number[] => [...simd(STORE), 4, ...leb(offset)];
export const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];
export const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const name = (text: string): number[] => [...leb(text.length), ...Array.from(text, (letter) => letter.charCodeAt(0))];

/** A module that imports `env.memory` and exports one function `run` of `parameters` i32s without a result. */
export function moduleOf(parameters: number, body: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector([[0x60, ...vector(Array.from({ length: parameters }, () => [I32])), ...vector([])]])),
    ...section(2, vector([[...name('env'), ...name('memory'), 0x02, 0x00, ...leb(1)]])),
    ...section(3, vector([leb(0)])),
    ...section(7, vector([[...name('run'), 0x00, ...leb(0)]])),
    ...section(10, vector([[...leb(body.length), ...body]])),
  ]);
}

/** The members used here; neither es2022 nor the types of Node 20 declare the standard global. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
export interface Unit {
  readonly memory: WasmMemory;
  readonly run: (...values: number[]) => void;
}

/** Zeros. `undefined` where there is no WebAssembly, or not so much memory. */
export function openMemory(bytes: number): WasmMemory | undefined {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil(bytes / 65_536) });
  } catch {
    return undefined;
  }
}

/** `undefined` where the engine has no SIMD or forbids compiling: slower, never wrong. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>, memory: WasmMemory | undefined): Unit | undefined {
  if (memory === undefined) return undefined;
  try {
    const { run } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
    return { memory, run: run as Unit['run'] };
  } catch {
    return undefined;
  }
}
