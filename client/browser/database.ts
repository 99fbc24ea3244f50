// IndexedDB as four promises: open, read, change, close. Changes are durable when they resolve (`durability: 'strict'`: the browser
// has flushed them, as far as the system lets it). Not here: what is kept (stores.ts).
import { SottoError } from '../../protocol/errors.js';

const VERSION = 1;
export const TABLES = ['identity', 'guards', 'pins', 'models', 'ledgers'] as const;
export type Table = (typeof TABLES)[number];

export class Database {
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
    // Another tab with newer code wants to change the tables: it must not wait for this one for ever.
    db.onversionchange = () => db.close();
  }

  /** @throws SottoError STORE_CORRUPT (of a newer version, damaged), STORE_WRITE (the browser gives no storage) */
  static open(name: string): Promise<Database> {
    return new Promise((resolve, reject) => {
      if (globalThis.indexedDB === undefined) {
        reject(new SottoError('STORE_WRITE', 'this runtime has no IndexedDB; hand in stores of your own'));
        return;
      }
      const request = indexedDB.open(name, VERSION);
      request.onupgradeneeded = () => {
        for (const table of TABLES) request.result.createObjectStore(table);
      };
      request.onsuccess = () => resolve(new Database(request.result));
      request.onerror = () => {
        const newer = request.error?.name === 'VersionError';
        reject(
          newer
            ? new SottoError('STORE_CORRUPT', `the database ${name} was written by a newer version; reload the page`)
            : new SottoError('STORE_WRITE', `the database ${name} cannot be opened: ${request.error?.message}`),
        );
      };
      request.onblocked = () =>
        reject(new SottoError('STORE_WRITE', `the database ${name} is held by another tab with other code; close it`));
    });
  }

  /** The value, `undefined` where there is none. @throws SottoError STORE_CORRUPT */
  read(table: Table, key: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void =>
        reject(new SottoError('STORE_CORRUPT', `${table} ${key} cannot be read: ${String(error)}`));
      try {
        const request = this.#db.transaction(table).objectStore(table).get(key);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => failed(request.error);
      } catch (error) {
        failed(error);
      }
    });
  }

  /**
   * Puts what `change` makes of the present value, in one transaction, so that no other tab comes between; `undefined` leaves it.
   * @throws what `change` throws; SottoError STORE_WRITE: then nothing was written
   */
  change(table: Table, key: string, change: (before: unknown) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      let thrown: unknown;
      const failed = (error: unknown): void =>
        reject(thrown ?? new SottoError('STORE_WRITE', `${table} ${key} cannot be written: ${String(error)}`));
      try {
        const transaction = this.#db.transaction(table, 'readwrite', { durability: 'strict' });
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => failed(transaction.error);
        const store = transaction.objectStore(table);
        const request = store.get(key);
        request.onsuccess = () => {
          try {
            const after = change(request.result);
            if (after !== undefined) store.put(after, key);
          } catch (error) {
            thrown = error;
            transaction.abort();
          }
        };
      } catch (error) {
        failed(error);
      }
    });
  }

  close(): void {
    this.#db.close();
  }
}
