// One connection of a simulated network: two ordered lanes between a client's end and the coordinator's, each with its own queue.
// Not here: faults' timing and delays (network.ts), the coordinator's socket interface (memory-socket.ts).

import type { MemoryPeer } from '../../client/transport/memory.js';
import type { Link, LinkClosed, LinkHandlers } from '../../client/transport/transport.js';
import type { Millis } from '../../protocol/ids.js';
import type { Life } from './life.js';
import { MemorySocket } from './memory-socket.js';
import type { Lose, Network } from './network.js';

export type Lane = 'up' | 'down';
export type Side = 'client' | 'coordinator';

interface Parcel {
  readonly at: Millis;
  readonly arrive: () => void;
}
/** As `ws` waits for the other side's close frame (CLOSE_TIMEOUT_MS). */
const CLOSE_TIMEOUT_MS = 5_000;
const GONE: LinkClosed = { code: 1006, reason: 'gone' };

/** The coordinator's socket of a link; its pings cross the network. */
class SimSocket extends MemorySocket {
  readonly #link: SimLink;
  constructor(peer: MemoryPeer, link: SimLink) {
    super(peer);
    this.#link = link;
  }
  override ping(): void {
    if (this.readyState === 1) this.#link.ping();
  }
  pong(): void {
    if (this.readyState === 1) this.emit('pong');
  }
  override terminate(): void {
    this.#link.terminate();
  }
}

export class SimLink {
  readonly client: number;
  readonly life: Life;
  readonly clientEnd: Link;
  /** Resolves when both ends have ended. */
  readonly gone: Promise<void>;
  /** Resolves when the coordinator's has. */
  readonly serverGone: Promise<void>;
  server: { readonly life: Life; readonly socket: SimSocket; readonly peer: MemoryPeer } | undefined;
  readonly #network: Network;
  readonly #handlers: LinkHandlers;
  readonly #lanes: Record<
    Lane,
    { queue: Parcel[]; last: Millis; busy: boolean; meddle: 'duplicate' | 'corrupt' | 'no'; byte: number }
  >;
  #client: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting';
  #server: 'none' | 'open' | 'closed' = 'none';
  /** The wire is cut: nothing handed over from now on arrives. */
  #cut = false;
  #buffered = 0;
  #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #resolveGone: () => void = () => {};
  #resolveServerGone: () => void = () => {};

  constructor(network: Network, client: number, life: Life, handlers: LinkHandlers) {
    this.#network = network;
    this.client = client;
    this.life = life;
    this.#handlers = handlers;
    const lane = () => ({ queue: [], last: 0, busy: false, meddle: 'no' as const, byte: 0 });
    this.#lanes = { up: lane(), down: lane() };
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.serverGone = new Promise((resolve) => {
      this.#resolveServerGone = resolve;
    });
    const self = this;
    this.clientEnd = {
      get bufferedBytes() {
        return self.#buffered;
      },
      hearsPings: true,
      send: (frame) => this.#sendUp(frame),
      drained: (bytes) =>
        new Promise((resolve) => {
          this.#waiting.push({ bytes, resolve });
          this.#wake();
        }),
      close: (code, reason) => this.#closeByClient({ code, reason }),
    };
    if (life.touch()) this.#put('up', () => this.#connect());
  }

  // ---- opening

  #connect(): void {
    const acceptor = this.#network.acceptor;
    if (acceptor === undefined || this.#client === 'closed') {
      this.#put('down', () => this.#endClient({ code: 1006, reason: 'refused' }));
      this.#finish();
      return;
    }
    const { setup, life } = acceptor;
    const peer: MemoryPeer = {
      url: 'memory://coordinator',
      send: (frame) => this.#sendDown(frame),
      close: (code, reason) => this.#closeByServer({ code, reason }),
      onFrame: () => undefined,
      onClose: () => undefined,
    };
    this.#server = 'open';
    this.server = { life, peer, socket: new SimSocket(peer, this) };
    this.#put('down', () => {
      if (this.#client !== 'connecting') return;
      this.#client = 'open';
      if (this.life.alive) this.#handlers.opened();
    });
    setup.accept(this.server.socket.asWebSocket());
  }

  // ---- frames

  #sendUp(frame: Uint8Array): void {
    if (this.#client !== 'open' || !this.life.touch()) return;
    const bytes = frame.slice();
    const kind = this.#network.watcher.sent(this.client, 'up', bytes);
    this.#buffered += bytes.length;
    this.#frame(
      'up',
      bytes,
      (arrived) => {
        if (this.#server === 'open' && this.server?.life.alive) this.server.peer.onFrame(arrived);
      },
      () => {
        this.#buffered -= bytes.length;
        this.#wake();
      },
    );
    if (kind === 'inputChunk' && this.#network.endsWithChunk(this.client)) this.#put('up', () => this.cut('both', []));
  }

  #sendDown(frame: Uint8Array): void {
    if (this.#server !== 'open' || !this.server?.life.touch()) return;
    const bytes = frame.slice();
    this.#network.watcher.sent(this.client, 'down', bytes);
    this.#frame('down', bytes, (arrived) => {
      if (this.#client === 'open' && this.life.alive) this.#handlers.frame(arrived);
    });
  }

  #frame(way: Lane, bytes: Uint8Array, deliver: (bytes: Uint8Array) => void, left: () => void = () => {}): void {
    this.#put(way, () => {
      left();
      const lane = this.#lanes[way];
      const { meddle, byte } = lane;
      lane.meddle = 'no';
      this.#network.scheduler.noteBytes(bytes);
      if (meddle === 'corrupt' && bytes.length > 0) bytes[byte % bytes.length]! ^= 0x20; // safe: below the length
      deliver(bytes);
      if (meddle === 'duplicate') deliver(bytes.slice());
    });
  }

  ping(): void {
    if (!this.server?.life.touch()) return;
    this.#put('down', () => {
      if (this.#client !== 'open' || !this.life.alive) return;
      this.#handlers.heard();
      this.#put('up', () => this.#server === 'open' && this.server?.life.alive && this.server.socket.pong());
    });
  }

  // ---- the end

  #closeByClient(why: LinkClosed): void {
    if (this.#client === 'closed' || this.#client === 'closing' || !this.life.touch()) return;
    this.#client = 'closing';
    this.#put('up', () => this.#endServer(why));
    this.#network.scheduler.after(1, `link of ${this.client} closes`, () => this.#endClient(why));
  }

  #closeByServer(why: LinkClosed): void {
    if (this.#server !== 'open' || !this.server?.life.touch()) return;
    this.#put('down', () => {
      this.#endClient(why);
      this.#put('up', () => this.#endServer(why));
    });
    this.#network.scheduler.after(CLOSE_TIMEOUT_MS, 'close timeout', () => this.#endServer(why));
  }

  terminate(): void {
    if (this.#server !== 'open' || !this.server?.life.touch()) return;
    this.#put('down', () => this.#endClient(GONE));
    this.#network.scheduler.after(0, 'socket terminated', () => this.#endServer(GONE));
  }

  processDied(side: Side, silently: boolean): void {
    if (side === 'client') {
      this.#client = 'closed';
      this.#wake();
      if (!silently) this.#put('up', () => this.#endServer(GONE));
    } else {
      this.#server = 'closed';
      if (!silently) this.#put('down', () => this.#endClient(GONE));
    }
    this.#finish();
  }

  cut(lose: Lose, deaf: readonly Side[]): void {
    if (this.#cut) return;
    for (const way of ['up', 'down'] as const) if (lose === way || lose === 'both') this.#lanes[way].queue.length = 0;
    if (!deaf.includes('client')) this.#put('down', () => this.#endClient(GONE));
    if (!deaf.includes('coordinator')) this.#put('up', () => this.#endServer(GONE));
    this.#cut = true;
  }

  meddle(way: Lane, how: 'duplicate' | 'corrupt', byte: number): void {
    this.#lanes[way].meddle = how;
    this.#lanes[way].byte = byte;
  }

  #endClient(why: LinkClosed): void {
    if (this.#client === 'closed') return;
    this.#client = 'closed';
    this.#wake();
    if (this.life.alive) this.#handlers.closed(why);
    this.#finish();
  }

  #endServer(why: LinkClosed): void {
    if (this.#server !== 'open') return;
    this.#server = 'closed';
    if (this.server?.life.alive) this.server.peer.onClose(why);
    this.#finish();
  }

  #finish(): void {
    if (this.#server === 'closed') this.#resolveServerGone();
    if (this.#client === 'closed' && this.#server !== 'open') this.#resolveGone();
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ bytes, resolve }) => {
      const ready = this.#client === 'closed' || this.#buffered <= bytes;
      if (ready) resolve();
      return !ready;
    });
  }

  // ---- lanes: in order, each parcel after its latency, nothing while the client is cut off

  #put(way: Lane, arrive: () => void): void {
    if (this.#cut) return;
    const lane = this.#lanes[way];
    const { scheduler } = this.#network;
    lane.last = Math.max(lane.last, scheduler.now + this.#network.latency(this.client));
    lane.queue.push({ at: lane.last, arrive });
    if (!lane.busy) this.#pump(way);
  }

  #pump(way: Lane): void {
    const lane = this.#lanes[way];
    const next = lane.queue[0];
    lane.busy = next !== undefined;
    if (next === undefined) return;
    const held = this.#network.heldUntil(this.client);
    this.#network.scheduler.at(Math.max(next.at, held), `${way} ${this.client}`, () => {
      // Cut off, or emptied by a cut, since this was planned.
      if (this.#network.heldUntil(this.client) > this.#network.scheduler.now) return this.#pump(way);
      lane.queue.shift()?.arrive();
      this.#pump(way);
    });
  }
}
