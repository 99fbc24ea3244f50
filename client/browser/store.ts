// The one call with which a page gets all that a client keeps. Not here: the tables (stores.ts), the client.
import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import type { ModelStore } from '../chain/model-store.js';
import type { GuardStore } from '../guards.js';
import type { LedgerStore } from '../ledger-store.js';
import { generateWebIdentity, type WebIdentity, webIdentityOf } from '../web-keys.js';
import { webRng } from '../webcrypto.js';
import { Database } from './database.js';
import { databaseGuards, databaseLedgers, databaseModels } from './stores.js';

export interface BrowserStore {
  /** The same at every visit. Its secret is a key that no script can read, where the browser has Ed25519 (all current ones). */
  readonly identity: WebIdentity | Identity;
  readonly guards: GuardStore;
  readonly models: ModelStore;
  readonly ledgers: LedgerStore;
  /** Lets another tab open it. Stop the client first. */
  close(): void;
}

/**
 * Opens, or makes, the client of this site with this name. Only one tab at a time has it: two would take turns in being thrown out
 * by the coordinator.
 * @throws SottoError CLIENT_RUNNING (another tab has it), STORE_CORRUPT, STORE_WRITE
 */
export async function openBrowserStore(name: string): Promise<BrowserStore> {
  const release = await lock(`sotto ${name}`);
  let db: Database | undefined;
  try {
    db = await Database.open(`sotto ${name}`);
    const identity = await identityIn(db);
    const close = (): void => {
      db?.close();
      release();
    };
    return { identity, guards: databaseGuards(db), models: databaseModels(db), ledgers: databaseLedgers(db), close };
  } catch (error) {
    db?.close();
    release();
    throw error;
  }
}

/** Asks the browser not to clear this site's storage by itself. `false`: it may, and then this visitor is a new client. */
export const keepStorage = async (): Promise<boolean> => (await navigator.storage?.persist?.()) ?? false;

/** Web Locks API: the browser frees it when the tab goes away, however that happens. */
function lock(name: string): Promise<() => void> {
  const { locks } = navigator;
  if (locks === undefined) return Promise.resolve(() => undefined); // a page over plain http
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (granted) => {
      if (granted === null)
        throw new SottoError('CLIENT_RUNNING', 'another tab of this site takes part already; close it, or go on there');
      return new Promise<void>((release) => resolve(release));
    });
    held.catch(reject);
  });
}

type Stored =
  | { readonly privateKey: CryptoKey; readonly publicKey: Uint8Array; readonly id: string }
  | { readonly seed: Uint8Array };

async function identityIn(db: Database): Promise<WebIdentity | Identity> {
  const found = (await db.read('identity', 'own')) as Stored | undefined;
  if (found === undefined) {
    const made = await generateWebIdentity(webRng);
    const stored: Stored = 'privateKey' in made ? { ...made } : { seed: made.secret.exposeSecret().slice() };
    await db.change('identity', 'own', (before) => (before === undefined ? stored : undefined));
    return identityIn(db); // what is stored counts
  }
  if ('privateKey' in found && found.privateKey instanceof CryptoKey) return found as WebIdentity;
  if ('seed' in found && found.seed?.length === 32) return webIdentityOf(found.seed);
  throw new SottoError('STORE_CORRUPT', "the identity in this browser's storage is damaged; clear the site's data");
}
