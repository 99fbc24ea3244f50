// A network between one coordinator's address and its clients, on virtual time: ordered links with a latency for each frame, cut, held
// up, half open, slow or dishonest when told so. Ordered and reliable until it ends is what TCP gives, so order changes only between
// links, and a frame is lost only with its link. Not here: when what happens (ops.ts), the bytes' meaning.

import type { Link, LinkClosed, LinkHandlers, Transport } from '../../client/transport/transport.js';
import type { Millis } from '../../protocol/ids.js';
import type { Message } from '../../protocol/wire/messages.js';
import type { Listener, ListenerSetup } from '../../server/index.js';
import type { Random } from '../random.js';
import type { Life, Range } from './life.js';
import type { Scheduler } from './scheduler.js';
import { type Lane, type Side, SimLink } from './sim-link.js';

export interface Watcher {
  /** As the sender made it. @returns what it is; `undefined`: no frame of ours */
  sent(client: number, way: 'up' | 'down', frame: Uint8Array): Message['kind'] | undefined;
}
export type Lose = 'up' | 'down' | 'both' | 'none';

export class Network {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly watcher: Watcher;
  readonly #latency: Range;
  readonly #links = new Set<SimLink>();
  #listener: { readonly setup: ListenerSetup; readonly life: Life; open: boolean } | undefined;
  /** By client: nothing moves before this time. */
  readonly #heldUntil = new Map<number, Millis>();
  readonly #slow = new Map<number, { readonly byMs: Millis; readonly until: Millis }>();

  readonly #cutAtChunk = new Set<number>();

  constructor(scheduler: Scheduler, random: Random, latency: Range, watcher: Watcher) {
    this.scheduler = scheduler;
    this.random = random;
    this.watcher = watcher;
    this.#latency = latency;
  }

  // ---- the two kinds of ends

  listen(setup: ListenerSetup, life: Life): Listener {
    const listener = { setup, life, open: true };
    this.#listener = listener;
    return {
      url: 'memory://coordinator',
      refuseNew: () => {
        listener.open = false;
      },
      close: async () => {
        listener.open = false;
        await Promise.all([...this.#links].filter((link) => link.server?.life === life).map((link) => link.serverGone));
      },
    };
  }

  transport(client: number, life: Life): Transport {
    return {
      connect: (_, handlers: LinkHandlers): Link => {
        const link = new SimLink(this, client, life, handlers);
        this.#links.add(link);
        void link.gone.then(() => this.#links.delete(link));
        return link.clientEnd;
      },
    };
  }

  /** Who takes a connection now; `undefined`: nobody. */
  get acceptor(): { readonly setup: ListenerSetup; readonly life: Life } | undefined {
    const listener = this.#listener;
    return listener?.open && listener.life.alive && listener.setup.room() ? listener : undefined;
  }

  // ---- delays

  latency(client: number): Millis {
    const [least, most] = this.#latency;
    const slow = this.#slow.get(client);
    const extra = slow !== undefined && slow.until > this.scheduler.now ? slow.byMs : 0;
    return least + this.random.uniform() * (most - least) + extra;
  }
  heldUntil(client: number): Millis {
    return this.#heldUntil.get(client) ?? 0;
  }

  // ---- faults

  hold(client: number, forMs: Millis): void {
    this.#heldUntil.set(client, Math.max(this.heldUntil(client), this.scheduler.now + forMs));
  }
  slow(client: number, byMs: Millis, forMs: Millis): void {
    this.#slow.set(client, { byMs, until: this.scheduler.now + forMs });
  }
  /** Ends the client's newest link. What is under way is lost in these directions; `deaf` ends never learn of it from the network. */
  cut(client: number, lose: Lose, deaf: readonly Side[]): void {
    this.#newest(client)?.cut(lose, deaf);
  }
  /** Ends the client's link behind the next chunk of an input that it sends: this one still arrives. */
  cutAtChunk(client: number): void {
    this.#cutAtChunk.add(client);
  }
  /** Whether this chunk is that one. */
  endsWithChunk(client: number): boolean {
    return this.#cutAtChunk.delete(client);
  }
  /** The next frame that way comes twice. */
  duplicate(client: number, way: Lane): void {
    this.#newest(client)?.meddle(way, 'duplicate', 0);
  }
  /** One byte of the next frame that way comes changed. */
  corrupt(client: number, way: Lane, byte: number): void {
    this.#newest(client)?.meddle(way, 'corrupt', byte);
  }
  /** A process is gone: what it had handed over still arrives. */
  died(life: Life, silently: boolean): void {
    for (const link of [...this.#links]) {
      if (link.life === life) link.processDied('client', silently);
      if (link.server?.life === life) link.processDied('coordinator', silently);
    }
  }

  #newest(client: number): SimLink | undefined {
    return [...this.#links].filter((link) => link.client === client).at(-1);
  }
}

export type { Lane, LinkClosed, Side };
