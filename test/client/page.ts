// The portable client as a page of some runtime: bundled in chunks, in a process of its own, among Node clients in a real federation.
// Not a test.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { FederatedClient, memoryGuards } from '../../client/node/index.js';
import type { Trainer } from '../../client/trainer.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { TaskConfig } from '../../protocol/task.js';
import { inProcessEngine, startCoordinator } from '../../server/index.js';
import { privateTask } from '../privacy/tasks.js';
import { taskOf, WEAK_POLICY } from '../protocol/world.js';

const MEMBERS = 4;
/** Tasks that between them load every chunk but those for rules, old browsers and plain http. */
export const TASKS = {
  /** Verified sketches, a model for WebAssembly. */
  sketched: {
    ...taskOf({ size: MEMBERS, dimension: 20_000 }),
    profile: 'sketch',
    encoding: { clipNorm: 40, range: 127 / 128, bits: 8, weighting: { by: 'uniform' } },
    integrity: {
      kind: 'sketch',
      rows: 24,
      securityBits: 20,
      malicious: 1,
      exclusions: 1,
      dropouts: 0,
      selection: [],
      window: { count: { min: 3, max: MEMBERS }, time: { min: 0, max: 1_000 } },
    },
  },
  /** Distributed noise, a norm that adapts, FedAdam. */
  noised: {
    ...privateTask({ size: MEMBERS, dimension: 64, clipping: 'quantile' }),
    optimizer: { name: 'fedadam', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
  },
} as const satisfies Record<string, TaskConfig>;

const CHUNKS = './chunks/index.js';
const PAGE = `
import { joined } from './prelude.mjs';
import { given } from './given.mjs';
import { FederatedClient, generateWebIdentity, memoryGuards, webRng } from '${CHUNKS}';
const trainer = {
  init: async ({ dimension }) => ({ dimension, variables: [] }),
  releases: () => [{ type: 'gaussian', noiseMultiplier: 2, count: 1, arithmetic: 'exact' }],
  train: async (weights) => ({ update: weights.map(() => 0.001), examples: 1, metrics: {} }),
};
const client = new FederatedClient({ ...given, task: 'test', trainer, guards: memoryGuards(),
  identity: await generateWebIdentity(webRng) });
const seen = [];
let first = true;
client.on('round', ({ stage }) => {
  if (stage === 'joined' && first) joined();
  first &&= stage !== 'joined';
});
client.on('error', (error) => seen.push(error.message));
client.on('guard', ({ text }) => seen.push(text));
const { how, contributed } = await client.run();
console.log(JSON.stringify({ how, contributed, seen }));
`;

export interface PageProcess {
  /** For its files. */
  readonly directory: string;
  readonly command: string;
  /** Before the script. */
  readonly args: readonly string[];
  /** A module that exports `joined`, called when the first round has been joined; it may lend the runtime what pages have. */
  readonly prelude: string;
}
export interface PageEnd {
  readonly how: string;
  readonly contributed: number;
  /** Errors and guards, in words. */
  readonly seen: readonly string[];
}

/** Two rounds of three Node clients and the page. @returns what the page says of itself. @throws where its process fails */
export async function federationWith(
  { directory, command, args, prelude }: PageProcess,
  config: TaskConfig,
): Promise<PageEnd> {
  await build({
    entryPoints: ['dist/client/index.js'],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    outdir: join(directory, 'chunks'),
    logLevel: 'silent',
  });
  const time = { min: 0, max: 20_000 };
  const windows = Object.fromEntries(
    Object.entries(config.windows).map(([phase, { count }]) => [phase, { count, time }]),
  ) as typeof config.windows;
  const { integrity } = config;
  const coordinator = await startCoordinator({
    task: {
      ...config,
      windows,
      integrity: integrity === 'none' ? integrity : { ...integrity, window: { ...integrity.window, time } },
    },
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds: 2,
      attemptsPerRound: 1,
      clients: { min: MEMBERS, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    random: () => 0.5,
    engine: inProcessEngine(),
  });
  const given = { url: coordinator.url, coordinator: coordinator.id };
  const trainer: Trainer = {
    init: async ({ dimension }) => ({ dimension, variables: [] }),
    train: async (weights) => ({ update: weights.map(() => 0.001), examples: 1, metrics: {} }),
  };
  const others = Array.from({ length: MEMBERS - 1 }, () => {
    const identity = generateIdentity(nativePrimitives, nativeRng);
    return new FederatedClient({
      ...given,
      task: 'test',
      identity,
      policy: WEAK_POLICY,
      guards: memoryGuards(),
      trainer,
    });
  });
  const ended = others.map((client) => client.run());
  const policy = { ...WEAK_POLICY, rollBack: 'signed', privacy: { record: { epsilon: 100, delta: 1e-5 } } };
  writeFileSync(join(directory, 'given.mjs'), `export const given = ${JSON.stringify({ ...given, policy })};`);
  writeFileSync(join(directory, 'prelude.mjs'), prelude);
  writeFileSync(join(directory, 'page.mjs'), PAGE);
  try {
    // A page that fails ends all this, not its time limit.
    const { stdout } = await promisify(execFile)(command, [...args, join(directory, 'page.mjs')], { timeout: 50_000 });
    await Promise.all(ended);
    return JSON.parse(stdout) as PageEnd;
  } finally {
    await Promise.all(others.map((client) => client.stop()));
    await coordinator.stop('two rounds are over');
  }
}
