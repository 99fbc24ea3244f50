// What WebCrypto answers against what noble answers, on seeded honest input and on signatures made to tell verifiers apart.
// Runtime-neutral: Node and Chromium run the same (test/client/web-keys.test.ts, test/browser). Not here: the standards' vectors.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { webKeys } from '../../client/web-keys.js';
import { type Answer, answerWith, type Question } from '../../protocol/crypto/asking.js';
import { concat } from '../../protocol/crypto/bytes.js';
import { identityOf } from '../../protocol/crypto/identity.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { fromHex, toHex } from '../../protocol/ids.js';

const { Point } = ed25519;
const seeded = (n: number): Uint8Array => portablePrimitives.sha256(Uint8Array.of(n & 0xff, n >> 8));
/** A point of order 8, and u of X25519 points of order 1, 2 and 8 (RFC 7748 §6.1 asks to check for them). */
const TORSION = fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const LOW_ORDER_U = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
].map(fromHex);

const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const challenge = (...parts: Uint8Array[]): bigint =>
  sha512(concat(...parts)).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) % Point.Fn.ORDER;

/** Signatures that verify with the cofactor; without it, one in eight. */
function torsionCases(message: Uint8Array): Question[] {
  const a = 987_654_321n;
  const publicKey = Point.BASE.multiply(a).add(Point.fromBytes(TORSION, false)).toBytes();
  return Array.from({ length: 24 }, (_, i): Question => {
    const nonce = BigInt(i + 1);
    const r = Point.BASE.multiply(nonce).toBytes();
    const s = (nonce + challenge(r, publicKey, message) * a) % Point.Fn.ORDER;
    return { ask: 'verify', publicKey, message, signature: concat(r, littleEndian(s)) };
  });
}

function* questions(): Iterable<Question> {
  for (let n = 0; n < 12; n++) {
    const [seed, secret, message] = [seeded(n), seeded(n + 500), seeded(n + 1_000).subarray(0, n)];
    const signer = identityOf(portablePrimitives, new Secret(seed));
    const { publicKey } = signer;
    const signature = portablePrimitives.sign(seed, message);
    const damaged = signature.slice();
    damaged[5 * n] = (damaged[5 * n] ?? 0) ^ 1;
    const above = concat(signature.subarray(0, 32), littleEndian(sOf(signature) + Point.Fn.ORDER));
    yield { ask: 'sign', signer, message };
    for (const one of [signature, damaged, above, signature.subarray(1)])
      yield { ask: 'verify', publicKey, message, signature: one };
    for (const key of [seeded(n + 2_000), TORSION, publicKey.subarray(1)])
      yield { ask: 'verify', publicKey: key, message, signature };
    yield { ask: 'agreementPublic', secret };
    const peers = [
      portablePrimitives.agreementPublic(seeded(n + 3_000)),
      seeded(n + 4_000),
      ...LOW_ORDER_U,
      secret.subarray(1),
    ];
    for (const peerPublic of peers) yield { ask: 'agree', secret, peerPublic };
  }
  yield* torsionCases(seeded(7));
}
const sOf = (signature: Uint8Array): bigint =>
  signature.subarray(32).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);

export const show = (answer: Answer): string => (answer instanceof Uint8Array ? toHex(answer) : String(answer));

/** One line for each question that the two answer differently, and how many there were with each kind of answer. */
export async function compareAnswers(): Promise<{ differing: string[]; counts: Record<string, number> }> {
  const differing: string[] = [];
  const counts: Record<string, number> = {};
  for (const question of questions()) {
    const [ours, theirs] = [show(await webKeys(question)), show(answerWith(portablePrimitives, question))];
    if (ours !== theirs) differing.push(`${question.ask}: WebCrypto ${ours}, noble ${theirs}`);
    const kind = `${question.ask} ${theirs.length > 9 ? 'bytes' : theirs}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return { differing, counts };
}
