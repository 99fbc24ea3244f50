// What the page knows: rows by kind as the feed brings them, the connection, who is signed in, where the reader is. Signals: whatever
// reads one is drawn again when it changes. Not here: the bytes of the feed (feed.ts), drawing.

import { type Signal, signal } from '@preact/signals';
import type { FeedFrame, Me, Role, RowKind, Rows } from '../board/view.js';

/** `lost`: the picture is that of `since`. */
export type Connection =
  | { readonly state: 'opening' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number };

export const connection = signal<Connection>({ state: 'opening' });
/** `undefined`: not asked yet; `none`: nobody. */
export const me = signal<Me | 'none' | undefined>(undefined);
/** Milliseconds to add to this machine's clock to get the coordinator's. */
export const skew = signal(0);
/** Ticks once a second, for countdowns. */
export const now = signal(Date.now());
export const route = signal(routeOf(location.hash));
export const toast = signal<{ readonly says: string; readonly bad: boolean } | undefined>(undefined);

type Table<K extends RowKind> = ReadonlyMap<string, Rows[K]>;
const tables = new Map<RowKind, Map<string, Rows[RowKind]>>();
/** Counts up when a kind changes: maps are changed in place, since a copy of ten thousand rows four times a second would be felt. */
const versions = new Map<RowKind, Signal<number>>();

const versionOf = (kind: RowKind): Signal<number> => {
  const known = versions.get(kind);
  if (known !== undefined) return known;
  const fresh = signal(0);
  versions.set(kind, fresh);
  return fresh;
};

/** Reading subscribes to the kind. Keys are those of the feed. */
export function rows<K extends RowKind>(kind: K): Table<K> {
  void versionOf(kind).value;
  return (tables.get(kind) ?? new Map()) as Table<K>;
}
export const list = <K extends RowKind>(kind: K): Rows[K][] => [...rows(kind).values()];
export const one = <K extends RowKind>(kind: K, number?: number): Rows[K] | undefined =>
  rows(kind).get(number === undefined ? kind : `${kind}/${number}`);
export const versionNumber = (kind: RowKind): number => versionOf(kind).value;

export function apply({ set, drop }: FeedFrame, whole: boolean): void {
  const touched = new Set<RowKind>();
  if (whole) {
    for (const kind of tables.keys()) touched.add(kind);
    tables.clear();
  }
  for (const key of drop) {
    tables.get(kindOf(key))?.delete(key);
    touched.add(kindOf(key));
  }
  for (const [key, row] of Object.entries(set)) {
    const kind = kindOf(key);
    const table = tables.get(kind) ?? new Map<string, Rows[RowKind]>();
    table.set(key, row);
    tables.set(kind, table);
    touched.add(kind);
  }
  for (const kind of touched) versionOf(kind).value++;
}

const kindOf = (key: string): RowKind => key.replace(/\/.*$/, '') as RowKind;

/** `#/clients/17`: a page, and what is open on it. */
export function routeOf(hash: string): { readonly page: string; readonly open: string } {
  const [page = '', open = ''] = hash.replace(/^#\/?/, '').split('/');
  return { page: page === '' ? 'overview' : page, open };
}
const isOneOf = (...roles: readonly Role[]): boolean => {
  const who = me.value;
  return who !== undefined && who !== 'none' && roles.includes(who.role);
};
export const isOperator = (): boolean => isOneOf('operator', 'admin');
export const isAdmin = (): boolean => isOneOf('admin');
