// The kernels by contract, where each is chosen, and that the committed modules are what their sources compile to.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsKernels } from '../../protocol/kernels/js.js';
import { fromBase64, maskModule, openKernels, type WasmEngine, wasmKernels } from '../../protocol/kernels/wasm.js';
import { nativeKernels } from '../../protocol/native/index.js';
import { kernelsContract } from '../contracts/kernels.js';

kernelsContract('js', () => jsKernels);
kernelsContract('wasm', () => wasmKernels(new WebAssembly.Instance(new WebAssembly.Module(maskModule()))));

describe('the choice of kernels', () => {
  it('is WASM in Node and wherever the engine validates SIMD', () => {
    expect(nativeKernels().name).toBe('wasm');
    expect(openKernels(WebAssembly).name).toBe('wasm');
  });
  it('is JavaScript without an engine, without SIMD, and where compiling is forbidden', () => {
    const forbidding = class {
      constructor() {
        throw new Error('blocked by CSP');
      }
    };
    const engine = (change: Partial<WasmEngine>): WasmEngine => ({
      validate: () => true,
      Module: WebAssembly.Module,
      Instance: WebAssembly.Instance,
      ...change,
    });
    expect(openKernels(undefined).name).toBe('js');
    expect(openKernels(engine({ validate: () => false })).name).toBe('js');
    expect(openKernels(engine({ Module: forbidding })).name).toBe('js');
    expect(openKernels(engine({})).name).toBe('wasm');
  });
});

describe('the committed modules', () => {
  const names = readdirSync('protocol/kernels/assembly')
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3));

  it.each(names)('%s.wasm.ts was made from the source that is there', (name) => {
    const source = createHash('sha256')
      .update(readFileSync(`protocol/kernels/assembly/${name}.ts`))
      .digest('hex');
    expect(readFileSync(`protocol/kernels/${name}.wasm.ts`, 'utf8')).toContain(`SOURCE_SHA256 = '${source}'`);
  });

  // The compiler is a development dependency: an installed package is tested without it.
  it.skipIf(!existsSync('node_modules/assemblyscript'))('compile to the same bytes again', () => {
    expect(() =>
      execFileSync(process.execPath, ['tools/build-kernels.mjs', '--check'], { stdio: 'pipe' }),
    ).not.toThrow();
  });

  it('base64 is decoded as the platform does it', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 100]) {
      const value = Buffer.from(Array.from({ length }, (_, i) => (i * 37) & 255));
      expect(Buffer.from(fromBase64(value.toString('base64'))).equals(value)).toBe(true);
    }
  });
});
