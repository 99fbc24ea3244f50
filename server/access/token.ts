// Enrolment tokens: signed by the coordinator's identity, so that they can be made beside a running coordinator and nothing has to be
// handed to it. Pure. Not here: how often one was used (access.ts), the command line (server/cli/tokens.ts).
//
//   0   id       16  random
//   16  uses     u32 clients that it enrols
//   20  expires  u48 milliseconds since 1970
//   26  signature 64 over enc(label, task, id, uses, expires)
//
// as base64url behind a name. Discussion. A table of hashes made by the command line would need a second writer on the store of a
// running coordinator. With a signature the coordinator keeps only the hash and the count of a token that was used.

import { createHash } from 'node:crypto';
import { type Identity, SIGNATURE_BYTES, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import type { PublicKeyPrimitives, Rng } from '../../protocol/crypto/primitives.js';
import { RECORD_LABELS } from '../../protocol/crypto/record-labels.js';
import { SottoError } from '../../protocol/errors.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { MAX_TOKEN_DAYS, MAX_TOKEN_USES } from '../../protocol/limits.js';

const NAME = 'sotto-token-';
const ID_BYTES = 16;
const BODY_BYTES = ID_BYTES + 4 + 6;
const DAY_MS = 86_400_000;

export interface Token {
  /** What the coordinator keeps: SHA-256 of its bytes. */
  readonly hash: Hash;
  readonly uses: number;
  /** Milliseconds since 1970; from then on it enrols nobody. */
  readonly expires: number;
}

/**
 * @param rng must be a CSPRNG; 16 bytes are drawn  @param now milliseconds since 1970
 * @throws CONFIG_INVALID where uses or days are not whole numbers within MAX_TOKEN_USES, MAX_TOKEN_DAYS
 */
export function makeToken(
  crypto: PublicKeyPrimitives,
  coordinator: Identity,
  rng: Rng,
  {
    task,
    uses,
    days,
    now,
  }: { readonly task: string; readonly uses: number; readonly days: number; readonly now: number },
): { readonly text: string; readonly token: Token } {
  check('uses', uses, MAX_TOKEN_USES);
  check('days', days, MAX_TOKEN_DAYS);
  const bytes = Buffer.alloc(BODY_BYTES + SIGNATURE_BYTES);
  const id = rng(ID_BYTES);
  const expires = now + days * DAY_MS;
  bytes.set(id, 0);
  bytes.writeUInt32BE(uses, ID_BYTES);
  bytes.writeUIntBE(expires, ID_BYTES + 4, 6);
  bytes.set(signFields(crypto, coordinator, RECORD_LABELS.enrolmentToken, task, id, uses, expires), BODY_BYTES);
  return { text: NAME + bytes.toString('base64url'), token: { hash: hashOfBytes(bytes), uses, expires } };
}

/** @param coordinator its keys, of now and before @returns `undefined` for what none of them has signed for this task. Never throws. */
export function readToken(
  crypto: PublicKeyPrimitives,
  coordinator: readonly Uint8Array[],
  task: string,
  text: string,
): Token | undefined {
  if (!text.startsWith(NAME)) return undefined;
  const bytes = Buffer.from(text.slice(NAME.length), 'base64url');
  // One text for one token: base64url decodes much more than it encodes to, and the count of uses goes by the bytes.
  if (bytes.length !== BODY_BYTES + SIGNATURE_BYTES || NAME + bytes.toString('base64url') !== text) return undefined;
  const id = new Uint8Array(bytes.subarray(0, ID_BYTES));
  const uses = bytes.readUInt32BE(ID_BYTES);
  const expires = bytes.readUIntBE(ID_BYTES + 4, 6);
  const signature = new Uint8Array(bytes.subarray(BODY_BYTES));
  const fields = [task, id, uses, expires] as const;
  if (!coordinator.some((key) => verifyFields(crypto, key, signature, RECORD_LABELS.enrolmentToken, ...fields)))
    return undefined;
  // By what is signed: a second signature over the same would be the same token.
  return { hash: hashOfBytes(bytes), uses, expires };
}

const hashOfBytes = (bytes: Uint8Array): Hash =>
  hashOf(new Uint8Array(createHash('sha256').update(bytes.subarray(0, BODY_BYTES)).digest()));

function check(field: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  throw new SottoError(
    'CONFIG_INVALID',
    `${field} of a token is ${value}; it must be a whole number from 1 to ${most}`,
    {
      field,
    },
  );
}
