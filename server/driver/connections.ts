// Everybody who is connected. One socket per identity: the newest wins, the old one is told so (operations.md 3.1).
// Not here: a single connection (connection.ts), accepting sockets (listener.ts).

import type { ClientId, Millis } from '../../protocol/ids.js';
import { MAX_UNAUTHENTICATED } from '../../protocol/limits.js';
import { CLOSE, type CloseCode } from '../session/close-codes.js';
import type { Clock } from './clock.js';
import type { Connection } from './connection.js';

const SWEEP_MS: Millis = 1_000;

export class Connections {
  readonly #all = new Set<Connection>();
  readonly #byClient = new Map<ClientId, Connection>();
  readonly #clock: Clock;
  #cancelSweep: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweep();
  }

  /** Whether another one may try to authenticate. */
  get room(): boolean {
    return this.#all.size - this.#byClient.size < MAX_UNAUTHENTICATED;
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
  }

  /** @returns the connection that had to make way, which is closed when this returns */
  authenticated(connection: Connection, client: ClientId): Connection | undefined {
    const older = this.#byClient.get(client);
    older?.tell({ type: 'end', code: 'AUTH_REPLACED' });
    this.#byClient.set(client, connection);
    return older;
  }

  /** @returns the client that is no longer connected, if it is not by now connected anew */
  ended(connection: Connection): ClientId | undefined {
    this.#all.delete(connection);
    const { client } = connection;
    if (client === undefined || this.#byClient.get(client) !== connection) return undefined;
    this.#byClient.delete(client);
    return client;
  }

  of(client: ClientId): Connection | undefined {
    return this.#byClient.get(client);
  }

  /** Says goodbye to everybody. */
  closeAll(code: CloseCode = CLOSE.goingAway, reason = 'going away'): void {
    for (const connection of [...this.#all]) connection.bye(code, reason);
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
