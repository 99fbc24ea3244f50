// The kinds of field that messages are made of: bytes of an exact length, bounded integers, ranks, texts, codes.
// Each refuses everything else; the schemas (schemas-*.ts) only put these together.
// Not here: structure of the encoded bytes (prescan.ts), meaning (a rank inside the schema may still be no member).

import { isWellFormed, utf8Length } from '../crypto/utf8.js';
import type { ErrorCode } from '../errors.js';
import {
  CHUNK_BYTES,
  MAX_CHUNKS,
  MAX_CONFIG_BYTES,
  MAX_COUNTER,
  MAX_GROUP,
  MAX_GROUPS,
  MAX_HAND_OVERS,
  MAX_OPEN_COHORT,
  MAX_ROSTER,
  MAX_TASK_ID,
  MAX_TEXT,
  MAX_WAIT_MS,
} from '../limits.js';
import * as v from '../schema.js';
import { chunkCount } from './chunks.js';

/** SHA-256 output, bytes. */
export const HASH_BYTES = 32;
/** Ed25519 or X25519 public key, bytes. */
export const KEY_BYTES = 32;
/** Ed25519 signature, bytes. */
export const SIGNATURE_BYTES = 64;
/** Share of b (32), share of s (32), salt (16), tag (16). */
export const BOX_BYTES = 96;
/** One bytewise Shamir share of a 32-byte secret. */
export const SHARE_BYTES = 32;
/** Salt of a share's hash. */
export const SALT_BYTES = 16;
/** A Merkle path over the hash pairs of at most MAX_GROUP members: one sibling for each level. */
export const MAX_PATH_BYTES = HASH_BYTES * Math.ceil(Math.log2(MAX_GROUP));

/** One hand-over of the coordinator's key (chain/hand-over.ts). */
export const HAND_OVER_BYTES = 2 * KEY_BYTES + 4 + HASH_BYTES + 2 * SIGNATURE_BYTES;

type Bytes = v.Schema<Uint8Array>;
type Text = v.Schema<string>;
type Int = v.Schema<number>;

const bytesThat = (fits: (length: number) => boolean): Bytes =>
  v.custom<Uint8Array>((x) => x instanceof Uint8Array && fits(x.length));
/** Byte string of exactly this length. */
export const bytesOf = (length: number): Bytes => bytesThat((n) => n === length);
/** Zero or more items of `unit` bytes back to back. */
export const bytesBy = (unit: number, least: number, most: number): Bytes =>
  bytesThat((n) => n % unit === 0 && n >= least * unit && n <= most * unit);

/** Integer in a closed range. A double never gets here as an integer: the pre-scan has one form for each number. */
export const intFrom = (least: number, most: number): Int =>
  v.custom<number>((x) => typeof x === 'number' && Number.isSafeInteger(x) && x >= least && x <= most);

export const key: Bytes = bytesOf(KEY_BYTES);
export const hash: Bytes = bytesOf(HASH_BYTES);
export const nonce: Bytes = bytesOf(32);
export const signature: Bytes = bytesOf(SIGNATURE_BYTES);
export const box: Bytes = bytesOf(BOX_BYTES);
export const share: Bytes = bytesOf(SHARE_BYTES);
export const salt: Bytes = bytesOf(SALT_BYTES);
/** A hash, or nothing where there is none yet. */
export const hashOrEmpty: Bytes = bytesThat((n) => n === 0 || n === HASH_BYTES);
/** Hashes of the chunks of one vector or blob. */
export const chunkHashes: Bytes = bytesBy(HASH_BYTES, 1, MAX_CHUNKS);
export const handOvers: Bytes = bytesBy(HAND_OVER_BYTES, 1, MAX_HAND_OVERS);
export const merklePath: Bytes = bytesThat((n) => n % HASH_BYTES === 0 && n <= MAX_PATH_BYTES);

export const counter: Int = intFrom(0, MAX_COUNTER);
export const waitMs: Int = intFrom(0, MAX_WAIT_MS);
export const rank: Int = intFrom(0, MAX_ROSTER - 1);
/** A place in any roster, also that of profile `open`, which has one group of up to MAX_OPEN_COHORT. */
export const rosterRank: Int = intFrom(0, MAX_OPEN_COHORT - 1);
export const groupId: Int = intFrom(0, MAX_GROUPS - 1);
export const chunkIndex: Int = intFrom(0, MAX_CHUNKS - 1);
export const vectorBytes: Int = intFrom(1, MAX_CHUNKS * CHUNK_BYTES);
/** Length of the raw section behind the header. Above CHUNK_BYTES is refused by the frame, with WIRE_TOO_LARGE. */
export const sectionBytes: Int = intFrom(1, MAX_COUNTER);
/** 0 < w ≤ 1. */
export const weight: Int = v.custom<number>((x) => typeof x === 'number' && x > 0 && x <= 1);

/** Control characters would let a peer write lines of its own into our logs; a lone surrogate has no UTF-8 form. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\u2028\u2029]|^\ufeff/u;
const isText = (x: unknown, least: number, most: number): x is string =>
  typeof x === 'string' && x.length >= least && x.length <= most && !FORBIDDEN.test(x);
/** One line of text for people. */
export const text: Text = v.custom<string>((x) => isText(x, 0, MAX_TEXT));
/** A text that is not empty. */
export const word: Text = v.custom<string>((x) => isText(x, 1, MAX_TEXT));
/** One line of text for people, for what is not in a message. */
export const isWord = (x: unknown): x is string => isText(x, 1, MAX_TEXT);
const TASK_ID = /^[a-z0-9][a-z0-9-]*$/;
export const taskId: Text = v.custom<string>(
  (x) => typeof x === 'string' && x.length <= MAX_TASK_ID && TASK_ID.test(x),
);
/** Canonical JSON of an object. Its content is checked by task.ts. */
export const configText: Text = v.custom<string>(
  (x) =>
    typeof x === 'string' &&
    x.startsWith('{') &&
    x.length <= MAX_CONFIG_BYTES &&
    isWellFormed(x) &&
    utf8Length(x) <= MAX_CONFIG_BYTES,
);
/** A text that looks like a code. A later version may have others, and a client ends for none that it does not know. */
export const errorCode: v.Schema<ErrorCode> = v.custom<ErrorCode>(
  (x) => typeof x === 'string' && x.length <= MAX_CODE && CODE.test(x),
);
const CODE = /^[A-Z]+(_[A-Z]+)*$/;
const MAX_CODE = 32;

/** A list of at most `most`, each above the one before by `of`: sorted, and nobody twice. */
export function ascending<TItem>(
  item: v.Schema<TItem>,
  most: number,
  of: (item: TItem) => number,
  least = 0,
): v.Schema<TItem[]> {
  return v.pipe(
    v.array(item),
    v.minLength(least),
    v.maxLength(most),
    v.check((items) => items.every((one, i) => i === 0 || of(one) > of(items[i - 1] as TItem))),
  );
}
const itself = (n: number): number => n;
export const ranks: v.Schema<number[]> = ascending(rank, MAX_GROUP, itself);
export const someRanks: v.Schema<number[]> = ascending(rank, MAX_GROUP, itself, 1);
export const rosterRanks: v.Schema<number[]> = ascending(rosterRank, MAX_OPEN_COHORT, itself);
export const groupIds: v.Schema<number[]> = ascending(groupId, MAX_GROUPS, itself, 1);
export const chunkIndices: v.Schema<number[]> = ascending(chunkIndex, MAX_CHUNKS, itself);

/** For a message that announces chunks: as many hashes as its byte count needs. */
export const countsItsChunks = (m: { readonly bytes: number; readonly chunks: Uint8Array }): boolean =>
  m.chunks.length === HASH_BYTES * chunkCount(m.bytes);
