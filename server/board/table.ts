// Rows under keys, each with the version of the table in which it last changed: whoever knows everything up to a version gets what has
// changed since, however long ago that was. Bounded: every kind has a number of rows, and the oldest make way.
// Not here: what the rows say (board.ts), frames (feed.ts).

import type { FeedFrame, RowKind, Rows } from './view.js';

interface Entry {
  readonly row: Rows[RowKind];
  version: number;
}

/** Dropped keys that are remembered. Who is further behind gets everything anew. */
const MAX_TOMBSTONES = 1_024;

export class Table {
  readonly #entries = new Map<string, Entry>();
  readonly #caps: Readonly<Partial<Record<RowKind, number>>>;
  readonly #order = new Map<RowKind, string[]>();
  readonly #tombstones: { readonly key: string; readonly version: number }[] = [];
  /** A reader that is at an older version than this must start over. */
  #horizon = 0;
  #version = 0;

  /** @param caps rows of a kind; kinds that are not named are bounded by what they count */
  constructor(caps: Readonly<Partial<Record<RowKind, number>>>) {
    this.#caps = caps;
  }

  get version(): number {
    return this.#version;
  }

  set<K extends RowKind>(kind: K, row: Rows[K], number?: number): void {
    const key = number === undefined ? kind : `${kind}/${number}`;
    if (!this.#entries.has(key)) this.#added(kind, key);
    this.#entries.set(key, { row, version: ++this.#version });
  }

  get<K extends RowKind>(kind: K, number?: number): Rows[K] | undefined {
    const key = number === undefined ? kind : `${kind}/${number}`;
    return this.#entries.get(key)?.row as Rows[K] | undefined;
  }

  /** In the order in which they were first set. */
  all<K extends RowKind>(kind: K): Rows[K][] {
    return (this.#order.get(kind) ?? []).flatMap((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? [] : [entry.row as Rows[K]];
    });
  }

  /** Everything of a kind goes: another attempt has other groups. */
  clear(kind: RowKind): void {
    for (const key of this.#order.get(kind) ?? []) this.#drop(key);
    this.#order.delete(kind);
  }

  /** What has changed since `version`; `undefined`: too much is forgotten, send `everything`. */
  since(version: number): FeedFrame | undefined {
    if (version < this.#horizon || version > this.#version) return undefined;
    const set: Record<string, Rows[RowKind]> = {};
    for (const [key, entry] of this.#entries) if (entry.version > version) set[key] = entry.row;
    const drop = this.#tombstones.filter((one) => one.version > version).map(({ key }) => key);
    return { set, drop: drop.filter((key) => !this.#entries.has(key)) };
  }

  everything(): FeedFrame {
    return { set: Object.fromEntries([...this.#entries].map(([key, { row }]) => [key, row])), drop: [] };
  }

  #added(kind: RowKind, key: string): void {
    const order = this.#order.get(kind) ?? [];
    if (order.length === 0) this.#order.set(kind, order);
    order.push(key);
    const cap = this.#caps[kind];
    if (cap !== undefined && order.length > cap) this.#drop(order.shift() ?? '');
  }

  #drop(key: string): void {
    if (!this.#entries.delete(key)) return;
    this.#tombstones.push({ key, version: ++this.#version });
    if (this.#tombstones.length > MAX_TOMBSTONES) this.#horizon = this.#tombstones.shift()?.version ?? 0;
  }
}
