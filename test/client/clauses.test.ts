// What a page does not carry, it loads before the first round and never later: settings that need a part which is missing are refused,
// and a client whose chunks vanish once it has joined finishes its task. Not here: how much each part weighs (bundle.test.ts).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ClauseLoader } from '../../client/clauses.js';
import type { ClientEngine } from '../../client/engine.js';
import { allClauses } from '../../protocol/clauses/all.js';
import type { Clauses } from '../../protocol/clauses/clauses.js';
import { canonicalJson, deriveTask, type Json, type TaskConfig } from '../../protocol/task.js';
import { parseTerms } from '../../protocol/terms-schema.js';
import { taskOf } from '../protocol/world.js';
import { federationWith, TASKS } from './page.js';

const textOf = (config: TaskConfig): string => canonicalJson(config as unknown as Json);
const plain = taskOf({ size: 4 });
const { sketched, noised } = TASKS;
const adam = noised.optimizer;
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
/** In Node 20 a page has no WebSocket of its own; and it deletes the chunks it came from once it has joined. */
const PRELUDE = `
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
const ws = createRequire(${JSON.stringify(createRequire(import.meta.url).resolve('ws'))})('ws');
globalThis.WebSocket = function open(url, protocol) { return new ws(url, protocol, { perMessageDeflate: false }); };
export const joined = () => {
  const chunks = new URL('./chunks/', import.meta.url);
  for (const name of readdirSync(chunks)) rmSync(new URL(name, chunks));
};
`;

describe('a page whose chunks vanish when it has joined', () => {
  it.each([
    ['sketches, a model for WebAssembly', sketched],
    ['noise, a norm that adapts, FedAdam', noised],
  ])(
    'finishes two rounds: %s',
    async (_, config) => {
      const page = { directory, command: process.execPath, args: [], prelude: PRELUDE };
      expect(await federationWith(page, config)).toEqual({ how: 'finished', contributed: 2, seen: [] });
      expect(readdirSync(join(directory, 'chunks'))).toEqual([]);
    },
    60_000,
  );
});
