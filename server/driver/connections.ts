// Everybody who is connected. One socket per identity: the newest wins, the old one is told so (operations.md 3.1).
// Not here: a single connection (connection.ts), accepting sockets (listener.ts).

import type { ClientId, Millis } from '../../protocol/ids.js';
import { MAX_UNAUTHENTICATED, MAX_UNAUTHENTICATED_PER_ADDRESS } from '../../protocol/limits.js';
import { CLOSE } from '../session/close-codes.js';
import type { Clock } from './clock.js';
import type { Connection } from './connection.js';
import { returnAfter } from './turnstile.js';
import { isThisMachine } from './upgrade.js';

const SWEEP_MS: Millis = 1_000;

export class Connections {
  readonly #all = new Set<Connection>();
  readonly #byClient = new Map<ClientId, Connection>();
  readonly #clock: Clock;
  /** Where those come from who have not proven who they are, and how many from each address. */
  readonly #addresses = new Map<Connection, string>();
  readonly #strangers = new Map<string, number>();
  #cancelSweep: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweep();
  }

  /** Whether another one may try to authenticate. @param address it comes from; the machine itself is trusted not to flood */
  room(address?: string): boolean {
    if (this.strangers >= MAX_UNAUTHENTICATED) return false;
    return address === undefined || (this.#strangers.get(address) ?? 0) < MAX_UNAUTHENTICATED_PER_ADDRESS;
  }

  /** Connections that have not proven who they are. */
  get strangers(): number {
    return this.#all.size - this.#byClient.size;
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: Connection, address?: string): void {
    this.#all.add(connection);
    if (address === undefined || isThisMachine(address)) return;
    this.#addresses.set(connection, address);
    this.#strangers.set(address, (this.#strangers.get(address) ?? 0) + 1);
  }

  /** It has proven who it is, or is gone: its place is free. */
  #known(connection: Connection): void {
    const address = this.#addresses.get(connection);
    if (address === undefined) return;
    this.#addresses.delete(connection);
    const left = (this.#strangers.get(address) ?? 0) - 1;
    if (left > 0) this.#strangers.set(address, left);
    else this.#strangers.delete(address);
  }

  /** @returns the connection that had to make way, which is closed when this returns */
  authenticated(connection: Connection, client: ClientId): Connection | undefined {
    this.#known(connection);
    const older = this.#byClient.get(client);
    older?.tell({ type: 'end', code: 'AUTH_REPLACED' });
    this.#byClient.set(client, connection);
    return older;
  }

  /** @returns the client that is no longer connected, if it is not by now connected anew */
  ended(connection: Connection): ClientId | undefined {
    this.#all.delete(connection);
    this.#known(connection);
    const { client } = connection;
    if (client === undefined || this.#byClient.get(client) !== connection) return undefined;
    this.#byClient.delete(client);
    return client;
  }

  of(client: ClientId): Connection | undefined {
    return this.#byClient.get(client);
  }

  /** Says goodbye to everybody. @param comeBack each is told when, one after the other */
  closeAll(comeBack: boolean): void {
    let place = 0;
    for (const connection of [...this.#all]) {
      if (comeBack && connection.client !== undefined)
        connection.tell({ type: 'rejected', code: 'SESSION_BUSY', retryAfterMs: returnAfter(place++) });
      connection.bye(CLOSE.goingAway, 'going away');
    }
  }

  /** Memory is short: whoever has not proven who it is comes back another time. */
  cutStrangers(): void {
    for (const connection of [...this.#all])
      if (connection.client === undefined) connection.tell({ type: 'end', code: 'SESSION_BUSY' });
  }

  stop(): void {
    this.#cancelSweep();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of [...this.#all]) connection.sweep(now);
    this.#cancelSweep = this.#clock.at(now + SWEEP_MS, () => this.#sweep());
  }
}
