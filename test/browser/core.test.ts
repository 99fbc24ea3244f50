// The client core in Chromium: same bytes, same answers, stores that keep what they say. The policy of the page forbids eval, inline
// scripts and everything from elsewhere. Not here: whole federations (federation.test.ts).
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuardStore } from '../../client/guards.js';
import type { LedgerStore } from '../../client/ledger-store.js';
import { guardStoreContract } from '../contracts/guard-store.js';
import { ledgerStoreContract } from '../contracts/ledger-store.js';
import { CHROMIUM, launch, listen, loadServe } from './chromium.js';
import type { InPage } from './in-page.js';

let browser: Browser;
let page: Page;
let faults: string[];
let site: { readonly url: string; readonly close: () => Promise<void> };

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  const { bundle, serve } = await loadServe();
  const files = await bundle(['dist/test/browser/in-page.js']);
  files.set(
    '/page.html',
    Buffer.from(
      '<!doctype html><title>test</title><link rel="icon" href="data:,"><script type="module" src="/in-page.js"></script>',
    ),
  );
  site = await serve(files, "'self'");
  browser = await launch();
  page = await (await browser.newContext()).newPage();
  faults = listen(page);
  await visit(page);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function visit(target: Page): Promise<void> {
  await target.goto(`${site.url}page.html`);
  await target.waitForFunction('globalThis.inPage !== undefined');
}
/** Calls a function of in-page.ts in the page. */
const ask = async <K extends keyof InPage>(name: K, args: readonly unknown[] = [], target = page): Promise<unknown> =>
  target.evaluate(
    ([name, args]) =>
      (globalThis as unknown as { inPage: Record<string, (...a: unknown[]) => unknown> }).inPage[name as string]?.(
        ...(args as unknown[]),
      ),
    [name, args] as const,
  );

describe.skipIf(CHROMIUM === undefined)('the core in Chromium', () => {
  it('replays the frozen round of four clients, byte for byte', async () => {
    expect(await ask('replay')).toEqual(JSON.parse(readFileSync('test/golden/round-n4.json', 'utf8')));
  });

  it('has the SIMD kernels under a policy without unsafe-eval', async () => {
    expect(await ask('kernels')).toBe('wasm');
  });

  it('gets from WebCrypto what noble answers, also where verifiers are known to differ', async () => {
    const { differing, counts } = (await ask('compareAnswers')) as {
      differing: string[];
      counts: Record<string, number>;
    };
    expect(differing).toEqual([]);
    expect(counts['verify true']).toBeGreaterThan(0);
    expect(counts['agree undefined']).toBeGreaterThan(0);
  });

  it('comes back at once when the page is seen again or the line is up, and not after it was told to stop', async () => {
    expect(await ask('wakes')).toEqual([1, 2, 3, 3]);
  });

  it('raised no error and broke no policy', () => {
    expect(faults).toEqual([]);
  });
});

describe.skipIf(CHROMIUM === undefined)('a client that a browser keeps', () => {
  it('is the same after a reload, its secret cannot be read, and it still signs', async () => {
    const first = (await ask('open', ['kept'])) as { value: string };
    expect(first.value).toMatch(/^[0-9a-f]{64}$/);
    await visit(page);
    expect(await ask('open', ['kept'])).toEqual(first);
    expect(await ask('publicKey')).toBe(first.value);
    expect(await ask('exportIdentity')).toMatchObject({ message: expect.stringContaining('not extractable') });
    expect(await ask('signs')).toBe(true);
    await ask('close');
  });

  it('belongs to one tab at a time; the second is told so, and gets it when the first has gone', async () => {
    const other = await page.context().newPage();
    await visit(other);
    expect(await ask('open', ['shared'])).toHaveProperty('value');
    expect(await ask('open', ['shared'], other)).toMatchObject({ code: 'CLIENT_RUNNING' });
    await visit(page); // a reload lets go of it
    expect(await ask('open', ['shared'], other)).toHaveProperty('value');
    await other.close();
  });

  it.each([
    ['guards', 'guards', 'load', `${'a1'.repeat(32)} digits`, { task: 'digits', round: -1 }],
    ['ledgers', 'ledgers', 'load', `${'a1'.repeat(32)} digits`, [{ id: 7 }]],
  ])('damage in %s is STORE_CORRUPT, never a silent reset', async (_what, table, method, key, value) => {
    await ask('damage', [`damaged ${table}`, table, key, value]);
    const result = await ask('call', [table, `damaged ${table}`, method, ['a1'.repeat(32), 'digits']]);
    expect(result).toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

// The contracts, with every call made in the page. Bytes and errors cross the border as data.
let made = 0;
function remote<T extends object>(kind: string, database: string): T {
  const call = async (method: string, args: readonly unknown[]): Promise<unknown> => {
    const sent = args.map((arg) => (arg instanceof Uint8Array ? { bytes: [...arg] } : arg));
    const result = (await ask('call', [kind, database, method, sent])) as {
      value?: unknown;
      code?: string;
      message?: string;
    };
    if (result.code !== undefined) throw Object.assign(new Error(result.message), { code: result.code });
    const { value } = result;
    return value instanceof Object && 'bytes' in value ? Uint8Array.from(value.bytes as number[]) : value;
  };
  return new Proxy({} as T, {
    get: (_target, method) => (method === 'then' ? undefined : (...args: unknown[]) => call(String(method), args)),
  });
}
if (CHROMIUM !== undefined) {
  const names = new WeakMap<object, string>();
  const fresh = <T extends object>(kind: string): T => {
    const database = `${kind} ${made++}`;
    const store = remote<T>(kind, database);
    names.set(store, database);
    return store;
  };
  const reopen = async <T extends object>(kind: string, store: T): Promise<T> => {
    await visit(page);
    return remote<T>(kind, names.get(store) ?? '');
  };
  guardStoreContract(
    'IndexedDB in Chromium',
    async () => fresh<GuardStore>('guards'),
    (store) => reopen('guards', store),
  );
  ledgerStoreContract(
    'IndexedDB in Chromium',
    async () => fresh<LedgerStore>('ledgers'),
    (store) => reopen('ledgers', store),
  );
}
