// What a page does not carry, it loads before the first round and never later: settings that need a part which is missing are refused,
// and a client whose chunks vanish once it has joined finishes its task. Not here: how much each part weighs (bundle.test.ts).
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { ClauseLoader } from '../../client/clauses.js';
import type { ClientEngine } from '../../client/engine.js';
import { FederatedClient, memoryGuards } from '../../client/node/index.js';
import type { Trainer } from '../../client/trainer.js';
import { allClauses } from '../../protocol/clauses/all.js';
import type { Clauses } from '../../protocol/clauses/clauses.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { canonicalJson, deriveTask, type Json, type TaskConfig } from '../../protocol/task.js';
import { parseTerms } from '../../protocol/terms-schema.js';
import { inProcessEngine, startCoordinator } from '../../server/index.js';
import { privateTask } from '../privacy/tasks.js';
import { taskOf, WEAK_POLICY } from '../protocol/world.js';

const textOf = (config: TaskConfig): string => canonicalJson(config as unknown as Json);
const plain = taskOf({ size: 4 });
const adam = { name: 'fedadam', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 } as const;
const sketched: TaskConfig = {
  ...taskOf({ size: 4, dimension: 20_000 }),
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
    window: { count: { min: 3, max: 4 }, time: { min: 0, max: 1000 } },
  },
};
const noised: TaskConfig = { ...privateTask({ size: 4, dimension: 64, clipping: 'quantile' }), optimizer: adam };
const ruled = taskOf({ size: 3, count: 5, rule: { name: 'median', faulty: 1 } });

describe('a clause that is missing', () => {
  it.each([
    ['noise', noised, { ...allClauses, noise: undefined }],
    ['sketches', sketched, { ...allClauses, sketches: undefined }],
    ['rules', ruled, { ...allClauses, rules: undefined }],
    ['optimizers', { ...plain, optimizer: adam }, { ...allClauses, optimizers: undefined }],
  ])('%s: its settings are refused, not passed over', (_, config, clauses) => {
    expect(parseTerms(textOf(config), allClauses)).toEqual(config);
    expect(() => parseTerms(textOf(config), clauses as unknown as Clauses)).toThrow(/CONFIG_INVALID: task setting/);
  });

  it('is not missed where the settings do without', () => {
    expect(parseTerms(textOf(plain), {})).toEqual(plain);
    for (const rate of [0, -1, Number.NaN])
      expect(() => parseTerms(textOf({ ...plain, optimizer: { name: 'fedavg', learningRate: rate } }), {})).toThrow(
        /CONFIG_INVALID: task setting optimizer/,
      );
  });
});

describe('the loader', () => {
  const prepared: object[] = [];
  let fails = false;
  const engine = {
    prepare: async (task: object) => {
      if (fails) throw new TypeError('Failed to fetch dynamically imported module');
      prepared.push(task);
    },
  } as unknown as ClientEngine;
  const loader = () => new ClauseLoader({ engine, releases: false, rollBack: false });

  it.each([
    ['nothing', plain, []],
    ['noise and optimiser', noised, ['noise', 'optimizers']],
    ['sketches', sketched, ['sketches']],
    ['a rule', ruled, ['rules']],
  ])('brings what the settings use: %s', async (_, config, names) => {
    expect(Object.keys(await loader().of(textOf(config)))).toEqual(names);
    expect(deriveTask(config).text).toBe(textOf(config));
  });

  it('tells the engine what will come', async () => {
    prepared.length = 0;
    await loader().of(textOf(sketched));
    expect(prepared).toMatchObject([{ dimension: 20_000, noise: false, sketches: true }]);
  });

  it('is done at once the second time, and loads again for other settings', async () => {
    const one = loader();
    await one.of(textOf(plain));
    expect(one.of(textOf(plain))).toEqual({});
    expect(one.of(textOf(sketched))).toBeInstanceOf(Promise);
  });

  it('says that a part did not load, and tries again', async () => {
    const one = loader();
    fails = true;
    await expect(one.of(textOf(plain))).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    fails = false;
    expect(await one.of(textOf(plain))).toEqual({});
  });

  it.each(['', '[', 'null', '1', '{}', '{"optimizer":null,"training":null}'])(
    'loads for any text: %s',
    async (text) => {
      await loader().of(text);
    },
  );
});

// ---- a page whose server goes away --------------------------------------------------------------------------------------
const directory = mkdtempSync(join(tmpdir(), 'sotto-chunks-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const CHUNKS = './chunks/index.js';
/** The page: the portable client in chunks; it deletes them all once it has joined, and tells how it ended. */
const PAGE = `
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { FederatedClient, generateWebIdentity, memoryGuards, webRng } from '${CHUNKS}';
const ws = createRequire(process.env.ROOT)('ws');
globalThis.WebSocket = function open(address, protocol) { return new ws(address, protocol, { perMessageDeflate: false }); };
const { url, coordinator, policy } = JSON.parse(process.env.GIVEN);
globalThis.crypto ??= (await import('node:crypto')).webcrypto;
const trainer = {
  init: async ({ dimension }) => ({ dimension, variables: [] }),
  releases: () => [{ type: 'gaussian', noiseMultiplier: 2, count: 1, arithmetic: 'exact' }],
  train: async (weights) => ({ update: weights.map(() => 0.001), examples: 1, metrics: {} }),
};
const client = new FederatedClient({ url, coordinator, task: 'test', policy, trainer, guards: memoryGuards(),
  identity: await generateWebIdentity(webRng) });
const seen = [];
let deleted = 0;
client.on('round', ({ stage }) => {
  if (stage !== 'joined' || deleted > 0) return;
  for (const name of readdirSync(new URL('./chunks/', import.meta.url))) {
    rmSync(new URL('./chunks/' + name, import.meta.url));
    deleted++;
  }
});
client.on('error', (error) => seen.push(error.message));
client.on('guard', ({ text }) => seen.push(text));
const { how, contributed } = await client.run();
console.log(JSON.stringify({ how, contributed, seen, deleted }));
`;
const root = createRequire(import.meta.url).resolve('ws');

async function pageWithout(config: TaskConfig): Promise<unknown> {
  await build({
    entryPoints: ['dist/client/index.js'],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    outdir: join(directory, 'chunks'),
    logLevel: 'silent',
  });
  writeFileSync(join(directory, 'page.mjs'), PAGE);
  const windows = Object.fromEntries(
    Object.entries(config.windows).map(([phase, { count }]) => [phase, { count, time: { min: 0, max: 20_000 } }]),
  ) as typeof config.windows;
  const integrity =
    config.integrity === 'none'
      ? config.integrity
      : { ...config.integrity, window: { ...config.integrity.window, time: { min: 0, max: 20_000 } } };
  const coordinator = await startCoordinator({
    task: { ...config, windows, integrity },
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds: 2, attemptsPerRound: 1, clients: { min: 4, waitMs: 20_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    engine: inProcessEngine(),
  });
  const given = { url: coordinator.url, coordinator: coordinator.id };
  const trainer: Trainer = {
    init: async ({ dimension }) => ({ dimension, variables: [] }),
    train: async (weights) => ({ update: weights.map(() => 0.001), examples: 1, metrics: {} }),
  };
  const others = [1, 2, 3].map(() =>
    new FederatedClient({
      ...given,
      task: 'test',
      identity: generateIdentity(nativePrimitives, nativeRng),
      policy: WEAK_POLICY,
      guards: memoryGuards(),
      trainer,
    }).run(),
  );
  const policy = { ...WEAK_POLICY, rollBack: 'signed', privacy: { record: { epsilon: 100, delta: 1e-5 } } };
  const env = { ...process.env, ROOT: root, GIVEN: JSON.stringify({ ...given, policy }) };
  const page = promisify(execFile)(process.execPath, [join(directory, 'page.mjs')], { env });
  try {
    const { stdout } = await page; // a page that fails ends the test, not its time limit
    await Promise.all(others);
    return JSON.parse(stdout);
  } finally {
    await coordinator.stop('the test is over');
  }
}

describe('a page whose chunks vanish when it has joined', () => {
  it.each([
    ['sketches, a model for WebAssembly', sketched],
    ['noise, a norm that adapts, FedAdam', noised],
  ])(
    'finishes two rounds: %s',
    async (_, config) => {
      expect(await pageWithout(config)).toEqual({
        how: 'finished',
        contributed: 2,
        seen: [],
        deleted: expect.any(Number),
      });
    },
    60_000,
  );
});
