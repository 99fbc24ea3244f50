// One event of the audit log, its hash, and the signed head: what a third party needs to recompute a log. Pure.
// Not here: which events there are (server/audit/events.ts), where they are kept (server/store), the verdict (audit/verify.ts).

import { canonicalJson, type Json } from '../canonical-json.js';
import { enc } from '../crypto/enc.js';
import { type Identity, signFields, verifyFields } from '../crypto/identity.js';
import type { Primitives } from '../crypto/primitives.js';
import { RECORD_LABELS } from '../crypto/record-labels.js';
import { utf8Decode, utf8Encode } from '../crypto/utf8.js';
import { fromHex, type Hash, hashOf, isHex32 } from '../ids.js';

/** What happened, before it has its place in the log. */
export interface EventDraft {
  readonly type: string;
  /** Milliseconds since 1970 by the coordinator's wall clock: for people. Order is `seq`, and nothing is decided by times. */
  readonly time: number;
  /** Facts only. Never a vector, share, key of a round, or token. */
  readonly body: { readonly [field: string]: Json };
}
export interface AuditEvent extends EventDraft {
  /** 1, 2, 3, … without gaps. */
  readonly seq: number;
  /** Of the event before; ORIGIN for the first. */
  readonly prevHash: Hash;
}
/** Names a whole log: no event before it can be changed without changing it. */
export interface Head {
  readonly seq: number;
  readonly hash: Hash;
}
export interface SignedHead extends Head {
  /** 64 bytes, by the coordinator's identity. */
  readonly signature: Uint8Array;
}

/** What the first event follows, and the hash of an empty log. */
export const ORIGIN: Hash = hashOf(new Uint8Array(32));
export const EMPTY_HEAD: Head = { seq: 0, hash: ORIGIN };

/** SHA-256(enc(label, seq, prevHash, type, time, canonical JSON of the body)). */
export const eventHash = (primitives: Primitives, { seq, prevHash, type, time, body }: AuditEvent): Hash =>
  hashOf(primitives.sha256(enc(RECORD_LABELS.auditEvent, seq, fromHex(prevHash), type, time, canonicalJson(body))));

export const signHead = (primitives: Primitives, coordinator: Identity, { seq, hash }: Head): Uint8Array =>
  signFields(primitives, coordinator, RECORD_LABELS.auditHead, seq, fromHex(hash));

/** Never throws on remote bytes. */
export const verifyHead = (primitives: Primitives, coordinator: Uint8Array, head: SignedHead): boolean =>
  verifyFields(primitives, coordinator, head.signature, RECORD_LABELS.auditHead, head.seq, fromHex(head.hash));

/** The one text of an event: a line of an export, the value in a store. */
export const eventText = ({ seq, prevHash, type, time, body }: AuditEvent): string =>
  canonicalJson({ seq, prevHash, type, time, body });

export const eventBytes = (event: AuditEvent): Uint8Array => utf8Encode(eventText(event));

/** `undefined` for what is no event in its one form. Never throws. */
export function parseEvent(text: string): AuditEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isEvent(value)) return undefined;
  // A second text for the same event would be a second file for the same log.
  return eventText(value) === text ? value : undefined;
}

/** The same for stored bytes. */
export function readEvent(bytes: Uint8Array): AuditEvent | undefined {
  const text = utf8Decode(bytes);
  return text === undefined ? undefined : parseEvent(text);
}

function isEvent(value: unknown): value is AuditEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { seq, prevHash, type, time, body } = value as Readonly<Record<string, unknown>>;
  return (
    isCount(seq) &&
    seq >= 1 &&
    typeof prevHash === 'string' &&
    isHex32(prevHash) &&
    typeof type === 'string' &&
    isCount(time) &&
    typeof body === 'object' &&
    body !== null &&
    !Array.isArray(body)
  );
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
