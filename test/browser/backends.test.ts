// Which backends train in a page: WebAssembly, WebGL and WebGPU, the last two by SwiftShader, a GPU in software, so their speed says
// nothing. The package of WebGPU is not among ours: where it is not installed, or named in TFJS_WEBGPU (a folder of node_modules), that
// part is skipped, loudly. Not here: speeds (bench), whole federations (federation.test.ts).
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, listen, loadServe } from './chromium.js';

const SOFTWARE_GPU = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan,WebGPU',
];
const PACKAGE = '@tensorflow/tfjs-backend-webgpu';
/** Its folder of node_modules. */
const WEBGPU = [process.env.TFJS_WEBGPU, 'node_modules'].find(
  (folder) => folder !== undefined && existsSync(join(folder, PACKAGE)),
);
if (WEBGPU === undefined)
  console.warn(`SKIPPED: training on WebGPU, since ${PACKAGE} is neither installed nor in TFJS_WEBGPU.`);

/** A worker that has WebGPU as well. */
async function webGpuWorker(folder: string): Promise<Buffer> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import '${resolve(folder, PACKAGE)}'; import './dist/client/tfjs/worker/browser.js';`,
      resolveDir: '.',
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    nodePaths: [resolve('node_modules')],
    external: ['worker_threads', 'perf_hooks', 'os', 'fs', 'path', 'crypto', 'util', 'string_decoder'],
    write: false,
    logLevel: 'silent',
  });
  return Buffer.from(outputFiles[0]?.contents ?? []);
}

interface Trained {
  readonly said: string;
  readonly accuracy: number;
  readonly update: readonly number[];
}
type Refused = { readonly code: string; readonly text: string };

let browser: Browser;
let page: Page;
let faults: string[];
let site: { readonly url: string; readonly close: () => Promise<void> };

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  const { bundle, serve } = await loadServe();
  const files = await bundle(['dist/test/browser/backends-page.js', 'dist/test/browser/backends-worker.js']);
  files.set(
    '/page.html',
    Buffer.from(
      '<!doctype html><title>test</title><link rel="icon" href="data:,"><script type="module" src="/backends-page.js"></script>',
    ),
  );
  if (WEBGPU !== undefined) files.set('/webgpu-worker.js', await webGpuWorker(WEBGPU));
  site = await serve(files, "'self'");
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', ...SOFTWARE_GPU],
  });
  page = await (await browser.newContext()).newPage();
  faults = listen(page);
  await page.goto(`${site.url}page.html`);
  await page.waitForFunction('globalThis.trains !== undefined');
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
});
const trains = (backend: string, worker = '/backends-worker.js'): Promise<unknown> =>
  page.evaluate(
    ([name, script]) =>
      (globalThis as unknown as { trains(name: string, script: string): Promise<unknown> }).trains(name, script),
    [backend, worker] as const,
  );
const furthest = (one: Trained, other: Trained): number =>
  Math.max(...one.update.map((value, i) => Math.abs(value - (other.update[i] ?? Number.NaN))));

describe.skipIf(CHROMIUM === undefined)('the worker of a page trains', () => {
  let wasm: Trained;

  it('on WebAssembly', async () => {
    wasm = (await trains('wasm')) as Trained;
    expect(wasm.said).toContain('backend wasm with our kernels');
    expect(wasm.accuracy).toBeGreaterThan(0.9);
  });

  it('on WebGL, to the same update but for the precision of its floats', async () => {
    const webgl = (await trains('webgl')) as Trained;
    expect(webgl).toMatchObject({ said: expect.stringContaining('backend webgl') });
    expect(webgl.accuracy).toBeCloseTo(wasm.accuracy, 1);
    expect(furthest(webgl, wasm)).toBeLessThan(1e-3);
  });

  it('on nothing but what was asked for: without the package of WebGPU it says which one is missing', async () => {
    const refused = (await trains('webgpu')) as Refused;
    expect(refused.code).toBe('TRAIN_BACKEND');
    expect(refused.text).toContain('@tensorflow/tfjs-backend-webgpu');
  });

  // SwiftShader's WebGPU gives zeros to a synchronous read (tfjs-backend-webgpu 4.22 reads through a canvas), and the probe sees it.
  it.skipIf(WEBGPU === undefined)(
    'on WebGPU to the same update, or not at all: a wrong gradient is refused',
    async () => {
      const given = (await trains('webgpu', '/webgpu-worker.js')) as Trained | Refused;
      console.log(`WebGPU here: ${'code' in given ? given.text : given.said}`);
      if ('code' in given) expect(given.text).toContain("TRAIN_BACKEND: backend 'webgpu' gives a wrong gradient");
      else expect(furthest(given, wasm)).toBeLessThan(1e-3);
    },
  );

  it('without one error in the page', () => expect(faults).toEqual([]));
});
