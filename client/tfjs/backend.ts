// Which TensorFlow.js backend trains, and proof that it does: started, asserted, and asked for one known gradient.
// Not here: kernels (kernels/). Importing this file starts nothing. One backend is active per thread; TensorFlow.js is global.

import * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../protocol/errors.js';
import { installCpuKernels, installWasmKernels } from './kernels/install.js';

/** `tensorflow` is the native library behind @tensorflow/tfjs-node. */
export type BackendName = 'tensorflow' | 'wasm' | 'webgl' | 'webgpu' | 'cpu';

export interface BackendOptions {
  /** `auto`: the native library where it is installed and works, else wasm with our kernels. */
  readonly backend?: 'auto' | BackendName;
  /** Where the .wasm files are: a folder ending in '/', or file name → address. Browsers with a bundler need it; Node does not. */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
  /** Told once, in one line, which backend trains and why. */
  readonly log?: (line: string) => void;
}

export interface BackendInfo {
  readonly name: BackendName;
  /** One line for a log: what was tried, what was chosen, why. */
  readonly why: string;
}

/** First Node release whose removed helpers tfjs-node 4.22 still calls (tensorflow/tfjs#8609). */
const NODE_WITHOUT_NATIVE = 23;
/** Absolute slack of the probe. Its values are small integers, exact in float32 and within this in the half floats of some GPUs. */
const PROBE_TOLERANCE = 1e-2;

/** Major version of Node, or undefined in browsers and Deno's own mode. */
function nodeMajor(): number | undefined {
  const version = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node;
  return version === undefined ? undefined : Number.parseInt(version, 10);
}

/**
 * Starts the backend, or returns at once if it is the active one. Concurrent calls wait for each other.
 * @throws SottoError TRAIN_BACKEND with what failed and what to install or import
 */
export function startBackend(options: BackendOptions = {}): Promise<BackendInfo> {
  const turn = queue.then(() => start(options));
  queue = turn.catch(() => undefined);
  return turn;
}
let queue: Promise<unknown> = Promise.resolve();
const ready = new Map<string, BackendInfo>();

async function start(options: BackendOptions): Promise<BackendInfo> {
  const wanted = options.backend ?? 'auto';
  const known = ready.get(wanted);
  if (known) {
    if (tf.getBackend() !== known.name) await activate(known.name);
    return known;
  }
  const info = wanted === 'auto' ? await choose(options) : await named(wanted, options, 'asked for');
  ready.set(wanted, info);
  ready.set(info.name, info);
  options.log?.(info.why);
  return info;
}

async function choose(options: BackendOptions): Promise<BackendInfo> {
  const major = nodeMajor();
  if (major === undefined) return named('wasm', options, 'the default in browsers');
  if (major >= NODE_WITHOUT_NATIVE) {
    return named('wasm', options, `tfjs-node does not work on Node ${major}`);
  }
  try {
    return await named('tensorflow', options, 'native library found');
  } catch (error) {
    const reason = error instanceof SottoError ? String(error.details.reason ?? error.message) : String(error);
    return named('wasm', options, `tfjs-node not usable: ${reason}`);
  }
}

async function named(name: BackendName, options: BackendOptions, reason: string): Promise<BackendInfo> {
  await load(name, options);
  const before = tf.engine().backendName;
  try {
    await activate(name);
    probe(name);
  } catch (error) {
    // Whoever trains on another backend keeps it.
    if (before && before !== name) await tf.setBackend(before);
    throw error;
  }
  const kernels = name === 'wasm' ? ' with our kernels' : '';
  return { name, why: `training on TensorFlow.js ${tf.version_core}, backend ${name}${kernels} (${reason})` };
}

/** First line of an error, for a log line; a missing package in two words, without the machine's paths. */
function firstLine(error: unknown): string {
  if ((error as { code?: unknown } | null)?.code === 'ERR_MODULE_NOT_FOUND') return 'not installed';
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** Registers the backend. Only wasm is a literal import, so only wasm is bundled; the others must be there or be imported by the app. */
async function load(name: BackendName, options: BackendOptions): Promise<void> {
  const packages = {
    tensorflow: '@tensorflow/tfjs-node',
    wasm: '@tensorflow/tfjs-backend-wasm',
    webgl: '@tensorflow/tfjs-backend-webgl',
    webgpu: '@tensorflow/tfjs-backend-webgpu',
    cpu: '@tensorflow/tfjs-backend-cpu',
  } as const satisfies Record<BackendName, string>;
  try {
    // For its effect: core's own entry registers no gradient (in Node nothing else but the whole union package does, at twice the
    // start-up time: core + layers + wasm 200 ms, union + wasm 330 ms).
    await import('@tensorflow/tfjs-layers');
    if (name === 'wasm') {
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
      if (options.wasmPaths !== undefined) setWasmPaths(options.wasmPaths as string | { [file: string]: string });
      installWasmKernels();
    } else if (!tf.findBackendFactory(name)) {
      const specifier: string = packages[name];
      await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
    }
    if (name === 'cpu') installCpuKernels();
  } catch (error) {
    throw new SottoError(
      'TRAIN_BACKEND',
      `backend '${name}' cannot be loaded (${firstLine(error)}); install or import ${packages[name]}`,
      {
        backend: name,
        reason: firstLine(error),
      },
    );
  }
}

/** Makes it the active backend and asserts it: a failed start falls back to another one without an exception. */
async function activate(name: BackendName): Promise<void> {
  const before = processListeners();
  let failure = '';
  try {
    await tf.setBackend(name);
    await tf.ready();
  } catch (error) {
    failure = firstLine(error);
  } finally {
    removeNewListeners(before);
  }
  if (tf.getBackend() !== name) {
    const reason = failure || 'it did not start';
    throw new SottoError(
      'TRAIN_BACKEND',
      `asked TensorFlow.js for backend '${name}', got '${tf.getBackend()}': ${reason}`,
      {
        backend: name,
        reason,
      },
    );
  }
}

/** One gradient step with known numbers: a convolution and a dense layer, so that present-but-broken libraries are found here. */
function probe(name: BackendName): void {
  const found = tf.tidy(() => {
    const image = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    const filter = tf.tensor4d([2], [1, 1, 1, 1]);
    const weights = tf.tensor2d([1, 0, 0, 1], [4, 1]);
    const [dFilter, dWeights] = tf.grads((f: tf.Tensor, w: tf.Tensor) =>
      tf.sum(
        tf.square(tf.matMul(tf.reshape(tf.conv2d(image, f as tf.Tensor4D, 1, 'valid'), [1, 4]), w as tf.Tensor2D)),
      ),
    )([filter, weights]);
    return [...(dFilter as tf.Tensor).dataSync(), ...(dWeights as tf.Tensor).dataSync()];
  });
  // conv = 2·image; s = 2·1 + 2·4 = 10; dloss/ds = 20; dfilter = 20·(1 + 4); dweights = 20·conv.
  const expected = [100, 40, 80, 120, 160];
  if (expected.some((value, i) => !(Math.abs((found[i] ?? Number.NaN) - value) <= PROBE_TOLERANCE))) {
    throw new SottoError(
      'TRAIN_BACKEND',
      `backend '${name}' gives a wrong gradient: [${found.join(', ')}], expected [${expected.join(', ')}]`,
      {
        backend: name,
        reason: 'wrong gradient in the probe',
      },
    );
  }
}

// The wasm module's loader adds two process-wide listeners that rethrow every uncaught error and rejection of the whole program,
// in addition to what Node does anyway. An embedded library must not do that to its host: they are taken off again.
const GUARDED = ['uncaughtException', 'unhandledRejection'] as const;
type Listener = (...args: unknown[]) => void;
interface ProcessEvents {
  listeners(event: string): Listener[];
  removeListener(event: string, listener: Listener): unknown;
}
function processEvents(): ProcessEvents | undefined {
  return nodeMajor() === undefined ? undefined : (globalThis as unknown as { process: ProcessEvents }).process;
}
function processListeners(): Map<string, Set<Listener>> {
  const events = processEvents();
  return new Map(GUARDED.map((event) => [event, new Set(events?.listeners(event))]));
}
function removeNewListeners(before: Map<string, Set<Listener>>): void {
  const events = processEvents();
  for (const [event, known] of before) {
    for (const listener of events?.listeners(event) ?? [])
      if (!known.has(listener)) events?.removeListener(event, listener);
  }
}
