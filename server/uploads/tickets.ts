// Who may send chunks of its input now: few at a time, within a budget of unfinished inputs, each a few chunks ahead. Pure: events in, effects
// out. One place for a whole attempt, over all groups. Not here: whether a chunk is right (protocol/round), sockets (driver/connection.ts).

import type { ClientId, Millis } from '../../protocol/ids.js';
import { MAX_UPLOAD_BYTES, MAX_UPLOADS, MIN_UPLOADS, UPLOADING_BYTES } from '../../protocol/limits.js';

export interface TicketSettings {
  /** Unfinished inputs in memory, those of lost connections included. */
  readonly held: number;
  /** Uploads that go on at a time. */
  readonly parallel: number;
  /** Chunks that one client may have on its way. */
  readonly credits: number;
  /** An upload of which nothing came for so long does not count as one that goes on. */
  readonly paceMs: Millis;
  /** Unused credit for so long: it makes way. */
  readonly stalledMs: Millis;
}

/** @param inputBytes of one input  @param budget bytes of all unfinished inputs together; one is always let in */
export function ticketsFor(inputBytes: number, budget = MAX_UPLOAD_BYTES): Pick<TicketSettings, 'held' | 'parallel'> {
  return {
    held: Math.max(1, Math.floor(budget / inputBytes)),
    parallel: Math.min(MAX_UPLOADS, Math.max(MIN_UPLOADS, Math.floor(UPLOADING_BYTES / inputBytes))),
  };
}

export type TicketEvent =
  /** The client has these chunks to send, in this order. */
  | { readonly type: 'upload'; readonly client: ClientId; readonly chunks: readonly number[]; readonly now: Millis }
  /** A chunk came over the wire; nobody has looked at it yet. */
  | { readonly type: 'arrived'; readonly client: ClientId; readonly index: number; readonly now: Millis }
  /** A chunk was verified, or was there already; 0 missing: the upload is over. */
  | { readonly type: 'uploaded'; readonly client: ClientId; readonly missing: number; readonly now: Millis }
  | { readonly type: 'gone'; readonly client: ClientId; readonly now: Millis }
  /** The process's memory is nearly used up, or no longer: meanwhile nothing is begun beside an upload that goes on. */
  | { readonly type: 'memory'; readonly tight: boolean; readonly now: Millis }
  | { readonly type: 'tick'; readonly now: Millis };

/** Run in order. */
export type TicketEffect =
  | { readonly type: 'credit'; readonly client: ClientId; readonly chunks: readonly number[] }
  /** It has had credit for long and sends nothing. Ends its connection: `gone` follows. */
  | { readonly type: 'stalled'; readonly client: ClientId }
  /** What came of its input must go: others wait, and it is not connected. */
  | { readonly type: 'evict'; readonly client: ClientId }
  | { readonly type: 'wakeAt'; readonly at: Millis };

interface Upload {
  /** Not credited yet, in the order in which the client sends. */
  readonly chunks: number[];
  /** A part of it may lie in memory. */
  held: boolean;
  /** Credited, not arrived. */
  readonly coming: Set<number>;
  /** Arrived, not verified. */
  checking: number;
  /** When a chunk of it last came, or its turn began. */
  at: Millis;
  /** It has made way once: from then on it waits behind the others. */
  stalled: boolean;
}
/** Maps are owned by the state and changed in place; a client is in one of them at most. */
export interface TicketState {
  readonly settings: TicketSettings;
  /** Begun, and the connection was lost. Oldest first. */
  readonly parked: Map<ClientId, Upload>;
  /** The same, connected again: they go on before those who have not begun. */
  readonly returned: Map<ClientId, Upload>;
  readonly waiting: Map<ClientId, Upload>;
  /** Their turn. */
  readonly going: Map<ClientId, Upload>;
  readonly held: number;
  readonly tight: boolean;
  readonly wakeAt: Millis;
}
export interface TicketStep {
  readonly state: TicketState;
  readonly effects: readonly TicketEffect[];
}

export const openTickets = (settings: TicketSettings): TicketState => ({
  settings,
  parked: new Map(),
  returned: new Map(),
  waiting: new Map(),
  going: new Map(),
  held: 0,
  tight: false,
  wakeAt: Number.POSITIVE_INFINITY,
});

/** Total. Consumes `state`: afterwards only the returned one may be used. */
export function stepTickets(state: TicketState, event: TicketEvent): TicketStep {
  const desk = new Desk(state, event.now);
  switch (event.type) {
    case 'upload':
      desk.offered(event.client, event.chunks);
      break;
    case 'arrived':
      desk.arrived(event.client, event.index);
      break;
    case 'uploaded':
      desk.uploaded(event.client, event.missing);
      break;
    case 'gone':
      desk.gone(event.client);
      break;
    case 'memory':
      desk.memory(event.tight);
      break;
    case 'tick':
      desk.tick();
      break;
    default:
      event satisfies never;
  }
  return desk.close();
}

/** One step. */
class Desk {
  readonly #state: TicketState;
  readonly #now: Millis;
  readonly #effects: TicketEffect[] = [];
  #held: number;
  #tight: boolean;
  #wakeAt: Millis;

  constructor(state: TicketState, now: Millis) {
    this.#state = state;
    this.#now = now;
    this.#held = state.held;
    this.#tight = state.tight;
    this.#wakeAt = state.wakeAt;
  }

  offered(client: ClientId, chunks: readonly number[]): void {
    const { going, returned, waiting } = this.#state;
    const again = going.has(client);
    const { held = false, stalled = false } = this.#take(client) ?? {};
    const upload: Upload = { chunks: [...chunks], held, coming: new Set(), checking: 0, at: this.#now, stalled };
    if (again) this.#begin(client, upload);
    else (held && !stalled ? returned : waiting).set(client, upload);
  }

  arrived(client: ClientId, index: number): void {
    const upload = this.#state.going.get(client);
    if (!upload?.coming.delete(index)) return;
    upload.checking++;
    upload.at = this.#now;
  }

  uploaded(client: ClientId, missing: number): void {
    if (missing === 0) {
      if (this.#take(client)?.held) this.#held--;
      return;
    }
    const upload = this.#state.going.get(client);
    if (upload === undefined) return;
    if (upload.checking > 0) upload.checking--;
    this.#topUp(client, upload);
  }

  gone(client: ClientId): void {
    const upload = this.#take(client);
    if (upload?.held) this.#state.parked.set(client, upload);
  }

  memory(tight: boolean): void {
    this.#tight = tight;
  }

  tick(): void {
    const { going, parked, settings } = this.#state;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    for (const [client, upload] of [...going]) {
      if (upload.coming.size === 0 || this.#now - upload.at < settings.stalledMs) {
        this.#lookAt(upload);
        continue;
      }
      going.delete(client);
      parked.set(client, { ...upload, stalled: true });
      this.#effects.push({ type: 'stalled', client });
    }
  }

  close(): TicketStep {
    this.#admit();
    if (this.#wakeAt !== this.#state.wakeAt && this.#wakeAt !== Number.POSITIVE_INFINITY)
      this.#effects.push({ type: 'wakeAt', at: this.#wakeAt });
    const state = { ...this.#state, held: this.#held, tight: this.#tight, wakeAt: this.#wakeAt };
    return { state, effects: this.#effects };
  }

  #admit(): void {
    const { going, parked, returned, waiting, settings } = this.#state;
    if (returned.size + waiting.size === 0) return;
    let busy = 0;
    for (const { at } of going.values()) if (this.#now - at < settings.paceMs) busy++;
    for (const queue of [returned, waiting])
      for (const [client, upload] of queue) {
        if (busy >= settings.parallel) {
          this.#wait();
          return;
        }
        // One always goes on: who else needs the memory may not give it back before the round is over.
        if (!upload.held && this.#tight && going.size > 0) continue;
        if (!upload.held && this.#held >= settings.held) {
          const [oldest] = parked.keys();
          // Those whose turn it is finish or make way; who holds something already needs no more room.
          if (oldest === undefined) continue;
          parked.delete(oldest);
          this.#held--;
          this.#effects.push({ type: 'evict', client: oldest });
        }
        queue.delete(client);
        this.#begin(client, upload);
        busy++;
      }
    if (returned.size + waiting.size > 0) this.#wait();
  }

  #begin(client: ClientId, upload: Upload): void {
    if (!upload.held) this.#held++;
    upload.held = true;
    upload.at = this.#now;
    this.#state.going.set(client, upload);
    this.#topUp(client, upload);
  }

  /** In twos: half as many messages. */
  #topUp(client: ClientId, upload: Upload): void {
    const { credits } = this.#state.settings;
    const room = credits - upload.coming.size - upload.checking;
    if (upload.chunks.length === 0 || room < Math.min(2, credits, upload.chunks.length)) return;
    const chunks = upload.chunks.splice(0, room);
    // Nothing was asked of it meanwhile, so it was not slow.
    if (upload.coming.size === 0) upload.at = this.#now;
    for (const index of chunks) upload.coming.add(index);
    this.#effects.push({ type: 'credit', client, chunks });
    this.#lookAt(upload);
  }

  #take(client: ClientId): Upload | undefined {
    const { parked, returned, waiting, going } = this.#state;
    for (const place of [going, waiting, returned, parked]) {
      const upload = place.get(client);
      if (place.delete(client)) return upload;
    }
    return undefined;
  }

  /** Time alone ends an upload that stalls… */
  #lookAt({ coming, at }: Upload): void {
    if (coming.size > 0) this.#wakeAt = Math.min(this.#wakeAt, at + this.#state.settings.stalledMs);
  }

  /** …lets others in beside one that is slow, and asks again for memory. */
  #wait(): void {
    const { going, settings } = this.#state;
    if (this.#tight) this.#wakeAt = Math.min(this.#wakeAt, this.#now + settings.paceMs);
    for (const { at } of going.values())
      if (this.#now < at + settings.paceMs) this.#wakeAt = Math.min(this.#wakeAt, at + settings.paceMs);
  }
}
