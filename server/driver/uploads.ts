// Hands out credit for the uploads of one attempt: feeds the tickets (uploads/tickets.ts) with what the round machine and the connections
// say, and carries out what they decide. Not here: the chunks themselves.

import type { ClientId } from '../../protocol/ids.js';
import { UPLOAD_CREDITS, UPLOAD_PACE_MS, UPLOAD_STALLED_MS } from '../../protocol/limits.js';
import type { RoundEffect } from '../../protocol/round/types.js';
import type { Credit, RunRef } from '../../protocol/wire/messages.js';
import {
  openTickets,
  stepTickets,
  type TicketEffect,
  type TicketEvent,
  type TicketState,
  ticketsFor,
} from '../uploads/tickets.js';
import { Alarm, type Clock } from './clock.js';
import { Mailbox } from './mailbox.js';

export interface UploadHandlers {
  credit(to: ClientId, message: Credit): void;
  stalled(client: ClientId): void;
  evict(client: ClientId): void;
  broken(error: unknown): void;
}

export class Uploads {
  readonly #clock: Clock;
  readonly #handlers: UploadHandlers;
  readonly #budget: number | undefined;
  readonly #memoryTight: () => boolean;
  #tight = false;
  readonly #alarm: Alarm;
  readonly #runs = new Map<ClientId, RunRef>();
  /** Opened by the first upload: only then it is known how long inputs are. */
  #tickets: Mailbox<TicketState, TicketEvent, TicketEffect> | undefined;

  /**
   * @param budget bytes of unfinished inputs; absent: MAX_UPLOAD_BYTES
   * @param memoryTight asked at every event: whether the process's memory is nearly used up
   */
  constructor(clock: Clock, handlers: UploadHandlers, budget?: number, memoryTight: () => boolean = () => false) {
    this.#clock = clock;
    this.#handlers = handlers;
    this.#budget = budget;
    this.#memoryTight = memoryTight;
    this.#alarm = new Alarm(clock, (now) => this.#post({ type: 'tick', now }));
  }

  offered({ client, run, bytes, chunks }: Extract<RoundEffect, { type: 'upload' }>): void {
    this.#tickets ??= this.#open(bytes);
    this.#runs.set(client, run);
    this.#post({ type: 'upload', client, chunks, now: this.#clock.now() });
  }

  arrived(client: ClientId, index: number): void {
    this.#post({ type: 'arrived', client, index, now: this.#clock.now() });
  }

  uploaded(client: ClientId, missing: number): void {
    this.#post({ type: 'uploaded', client, missing, now: this.#clock.now() });
  }

  gone(client: ClientId): void {
    this.#post({ type: 'gone', client, now: this.#clock.now() });
  }

  #post(event: TicketEvent): void {
    const tight = this.#memoryTight();
    if (tight !== this.#tight) this.#tickets?.post({ type: 'memory', tight, now: event.now });
    if (this.#tickets !== undefined) this.#tight = tight;
    this.#tickets?.post(event);
  }

  stop(): void {
    this.#alarm.off();
    this.#tickets = undefined;
  }

  #open(bytes: number): Mailbox<TicketState, TicketEvent, TicketEffect> {
    const limits = { credits: UPLOAD_CREDITS, paceMs: UPLOAD_PACE_MS, stalledMs: UPLOAD_STALLED_MS };
    return new Mailbox({
      first: { state: openTickets({ ...limits, ...ticketsFor(bytes, this.#budget) }), effects: [] },
      step: stepTickets,
      run: (effect) => this.#run(effect),
      broken: (error) => this.#handlers.broken(error),
    });
  }

  #run(effect: TicketEffect): void {
    switch (effect.type) {
      case 'credit': {
        const run = this.#runs.get(effect.client);
        if (run !== undefined) this.#handlers.credit(effect.client, { kind: 'credit', run, chunks: effect.chunks });
        return;
      }
      case 'stalled':
        this.#handlers.stalled(effect.client);
        return;
      case 'evict':
        this.#handlers.evict(effect.client);
        return;
      case 'wakeAt':
        this.#alarm.set(effect.at);
        return;
      default:
        effect satisfies never;
    }
  }
}
