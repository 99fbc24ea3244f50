// The audit log in pages for people, and how far its chain has been recomputed since the start. Checks a slice at a time, so that a log
// of a million events holds nobody up. Not here: the third party's verdict (`sotto verify`), writing the log (audit/).

import { type AuditEvent, eventHash, eventText, verifyHead } from '../../protocol/audit/event.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { type ClientId, type Hash, publicKeyOf, toHex } from '../../protocol/ids.js';
import { MAX_AUDIT_PAGE } from '../../protocol/limits.js';
import { EXPORT_FORMAT } from '../audit/export.js';
import type { Store } from '../store/types.js';

export interface AuditPage {
  /** Newest first. */
  readonly events: readonly (Pick<AuditEvent, 'seq' | 'type' | 'time' | 'body'> & { readonly hash: Hash })[];
  readonly head: { readonly seq: number; readonly hash: string };
  readonly check: AuditCheck;
}
/** `checking`: all is well up to `to`, the rest is still to be looked at. */
export interface AuditCheck {
  readonly state: 'checking' | 'sound' | 'damaged';
  readonly to: number;
  readonly says: string;
}

/** Events that are recomputed at once: about 10 ms. */
const SLICE = 2_000;

export class AuditPages {
  readonly #log: Pick<Store, 'events' | 'head'>;
  readonly #primitives: Primitives;
  readonly #coordinator: Uint8Array;
  #to = 0;
  #damage = '';

  constructor(log: Pick<Store, 'events' | 'head'>, primitives: Primitives, coordinator: ClientId) {
    this.#log = log;
    this.#primitives = primitives;
    this.#coordinator = publicKeyOf(coordinator);
  }

  /** @param before sequence number behind the page; 0: the newest. @param type only these events, or '' */
  page(before: number, limit: number, type: string): AuditPage {
    const head = this.#log.head();
    const last = head?.seq ?? 0;
    this.advance();
    const events: AuditPage['events'][number][] = [];
    const most = Math.min(limit, MAX_AUDIT_PAGE);
    // A rare type may be far back: each request looks at so many events and no more, and the next page goes on from there.
    let to = before > 0 ? Math.min(before - 1, last) : last;
    for (let looks = 0; events.length < most && to >= 1 && looks < 10; looks++) {
      const from = Math.max(1, to - (type === '' ? most : SLICE) + 1);
      const slice = this.#read(from, to).filter((event) => type === '' || event.type === type);
      for (const event of slice.reverse()) if (events.length < most) events.push(this.#row(event));
      to = from - 1;
    }
    return { events, head: { seq: last, hash: head?.hash ?? '' }, check: this.check() };
  }

  /** Recomputes the next slice. */
  advance(): void {
    const last = this.#log.head()?.seq ?? 0;
    if (this.#damage !== '' || this.#to >= last) return;
    const to = Math.min(last, this.#to + SLICE);
    this.#read(this.#to + 1, to);
    if (this.#damage === '') this.#to = to;
  }

  check(): AuditCheck {
    const head = this.#log.head();
    const last = head?.seq ?? 0;
    if (this.#damage !== '') return { state: 'damaged', to: this.#to, says: this.#damage };
    if (this.#to < last) return { state: 'checking', to: this.#to, says: `checked up to event ${this.#to} of ${last}` };
    if (head !== undefined && !verifyHead(this.#primitives, this.#coordinator, head))
      return { state: 'damaged', to: this.#to, says: 'the head is not signed by this coordinator' };
    return { state: 'sound', to: last, says: `all ${last} events follow each other and the head is signed` };
  }

  /** The log of an export (audit/export.ts), which `sotto verify` reads: header, events, signed head. */
  *lines(): Iterable<string> {
    const head = this.#log.head();
    yield `${JSON.stringify({ format: EXPORT_FORMAT, coordinator: toHex(this.#coordinator) })}\n`;
    for (const event of this.#log.events(1, head?.seq ?? 0)) yield `${eventText(event)}\n`;
    if (head === undefined) return;
    const { seq, hash, signature } = head;
    yield `${JSON.stringify({ head: { seq, hash, signature: toHex(signature) } })}\n`;
  }

  #read(from: number, to: number): AuditEvent[] {
    const events: AuditEvent[] = [];
    try {
      for (const event of this.#log.events(from, to)) events.push(event);
    } catch (error) {
      this.#damage = error instanceof Error ? error.message : String(error);
    }
    return events;
  }

  #row(event: AuditEvent): AuditPage['events'][number] {
    const { seq, type, time, body } = event;
    return { seq, type, time, body, hash: eventHash(this.#primitives, event) };
  }
}
