// Runs inside the page, bundled: puts on `window` what the tests of this folder call from outside. No assertions here.
import {
  type BrowserStore,
  Database,
  databaseGuards,
  databaseLedgers,
  openBrowserStore,
  wakeWithPage,
} from '../../client/browser/index.js';
import type { GuardStore } from '../../client/guards.js';
import type { LedgerStore } from '../../client/ledger-store.js';
import { webKeys } from '../../client/web-keys.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import { SottoError } from '../../protocol/errors.js';
import { toHex } from '../../protocol/ids.js';
import { openKernels } from '../../protocol/kernels/wasm.js';
import { replay } from '../protocol/replay.js';
import { compareAnswers } from './web-keys-cases.js';

const databases = new Map<string, Promise<Database>>();
const stores = { guards: databaseGuards, ledgers: databaseLedgers } as const;
let own: BrowserStore | undefined;

/** Errors cross the border as data. */
const outcome = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    return { value: await work() };
  } catch (error) {
    return { code: error instanceof SottoError ? error.code : 'none', message: String(error) };
  }
};

const inPage = {
  compareAnswers,
  kernels: () => openKernels(globalThis.WebAssembly).name,
  replay: () => replay(portablePrimitives, portableKeystream, openKernels(globalThis.WebAssembly)),
  call: (kind: keyof typeof stores, database: string, method: string, args: readonly unknown[]) =>
    outcome(async () => {
      const opened = databases.get(database) ?? Database.open(database);
      databases.set(database, opened);
      const store = stores[kind](await opened) as GuardStore & LedgerStore;
      const value: unknown = await (store as unknown as Record<string, (...a: unknown[]) => Promise<unknown>>)[
        method
      ]?.(
        ...args.map((arg) => (arg instanceof Object && 'bytes' in arg ? Uint8Array.from(arg.bytes as number[]) : arg)),
      );
      return value instanceof Uint8Array ? { bytes: [...value] } : value;
    }),
  /** How often a client was woken after: online, pageshow, visible again, and online once it had ended. */
  wakes: () => {
    let count = 0;
    const end = wakeWithPage({ wake: () => count++ });
    const counts = [
      [window, 'online'],
      [window, 'pageshow'],
      [document, 'visibilitychange'],
    ] as const;
    const seen = counts.map(([target, name]) => {
      target.dispatchEvent(new Event(name));
      return count;
    });
    end();
    window.dispatchEvent(new Event('online'));
    return [...seen, count];
  },
  /** Writes what no store would. */
  damage: (database: string, table: 'guards' | 'ledgers' | 'identity', key: string, value: unknown) =>
    outcome(async () => {
      const opened = await Database.open(database);
      await opened.change(table, key, () => value);
      opened.close();
    }),
  open: (name: string) =>
    outcome(async () => {
      own = await openBrowserStore(name);
      return own.identity.id;
    }),
  close: () => own?.close(),
  /** What the identity gives away when it is asked for its secret. */
  exportIdentity: () =>
    outcome(async () => {
      if (own === undefined || !('privateKey' in own.identity)) throw new Error('no key of the browser');
      return crypto.subtle.exportKey('pkcs8', own.identity.privateKey);
    }),
  signs: async () => {
    const message = Uint8Array.of(1, 2, 3);
    const signature = await webKeys({ ask: 'sign', signer: own?.identity as never, message });
    return portablePrimitives.verify(own?.identity.publicKey as Uint8Array, message, signature as Uint8Array);
  },
  publicKey: () => toHex(own?.identity.publicKey ?? new Uint8Array()),
};
export type InPage = typeof inPage;
(globalThis as unknown as { inPage: InPage }).inPage = inPage;
