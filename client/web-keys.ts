// Ed25519 and X25519 from WebCrypto, for browsers and whatever else has `crypto.subtle`; noble is loaded, once, only where the
// runtime lacks a curve. An identity's secret may stay inside the runtime, where not even this page can read it.
// Not here: where identities are kept (browser/), questions as such (protocol/crypto/asking.ts).
//
// WebCrypto verifies without the cofactor (Secure Curves in the Web Cryptography API, "Ed25519", Verify), as we do; what it
// leaves open, low-order and non-canonical points, is refused first (strict25519.ts). Both ways face the contract suite.
import { type Answer, type Answerer, answerWith, type Question, secretOf } from '../protocol/crypto/asking.js';
import { type Identity, identityOf, type Signer } from '../protocol/crypto/identity.js';
import type { PublicKeyPrimitives, Rng } from '../protocol/crypto/primitives.js';
import { Secret } from '../protocol/crypto/secret.js';
import { isAcceptableSignature } from '../protocol/crypto/strict25519.js';
import { clientId, fromHex } from '../protocol/ids.js';

/** An identity whose secret the runtime keeps: it signs here and nowhere else, and cannot be copied to another device. */
export interface WebIdentity extends Signer {
  readonly privateKey: CryptoKey;
}

/** What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410 §7); the last byte of the OID tells the curves apart. */
const PKCS8 = {
  Ed25519: fromHex('302e020100300506032b657004220420'),
  X25519: fromHex('302e020100300506032b656e04220420'),
};
/** RFC 7748 §4.1: u = 9. A public key is the agreement of its secret with it. */
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

type Curve = keyof typeof PKCS8;
type Bytes = Uint8Array<ArrayBuffer>;

const subtle = (): SubtleCrypto | undefined => globalThis.crypto?.subtle;
let noble: Promise<PublicKeyPrimitives> | undefined;
const loadNoble = (): Promise<PublicKeyPrimitives> => {
  noble ??= import('../protocol/crypto/portable.js').then((module) => module.portablePrimitives);
  return noble;
};

/** Whether the runtime has a curve, found out by use: some list what they cannot do, and insecure pages have no `subtle`. */
async function has(curve: Curve): Promise<boolean> {
  try {
    await subtle()?.generateKey(curve, false, curve === 'Ed25519' ? ['sign', 'verify'] : ['deriveBits']);
    return subtle() !== undefined;
  } catch {
    return false;
  }
}
const curves: { [C in Curve]?: Promise<boolean> } = {};
const hasOnce = (curve: Curve): Promise<boolean> => {
  curves[curve] ??= has(curve);
  return curves[curve];
};

/** The answers of this runtime. Never rejects on bytes of a peer; rejects with the runtime's error where it fails itself. */
export const webKeys: Answerer = async (question): Promise<Answer> => {
  if (question.ask === 'sign' && 'privateKey' in question.signer) {
    const { privateKey } = question.signer as WebIdentity;
    return new Uint8Array(await webSubtle().sign('Ed25519', privateKey, question.message as Bytes));
  }
  const curve = question.ask === 'sign' || question.ask === 'verify' ? 'Ed25519' : 'X25519';
  return (await hasOnce(curve)) ? byWebCrypto(question) : answerWith(await loadNoble(), question);
};

async function byWebCrypto(question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'sign': {
      const key = await importSecret('Ed25519', secretOf(question.signer), ['sign']);
      return new Uint8Array(await webSubtle().sign('Ed25519', key, question.message as Bytes));
    }
    case 'verify':
      return verifies(question.publicKey, question.message, question.signature);
    case 'agreementPublic':
      return deriveShared(question.secret, BASE_POINT);
    case 'agree':
      return question.peerPublic.length === 32 ? deriveShared(question.secret, question.peerPublic) : undefined;
  }
}

async function verifies(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (!isAcceptableSignature(publicKey, signature)) return false;
  let key: CryptoKey;
  try {
    key = await webSubtle().importKey('raw', publicKey as Bytes, 'Ed25519', false, ['verify']);
  } catch {
    return false; // no point of the curve, for runtimes that look so early
  }
  return webSubtle().verify('Ed25519', key, signature as Bytes, message as Bytes);
}

async function deriveShared(secret: Uint8Array, peerPublic: Uint8Array): Promise<Uint8Array | undefined> {
  const own = await importSecret('X25519', secret, ['deriveBits']);
  const peer = await webSubtle().importKey('raw', peerPublic as Bytes, 'X25519', false, []);
  try {
    return new Uint8Array(await webSubtle().deriveBits({ name: 'X25519', public: peer }, own, 256));
  } catch {
    return undefined; // all-zero result: a low-order peer key
  }
}

async function importSecret(
  curve: Curve,
  secret: Uint8Array,
  usages: KeyUsage[],
  extractable = false,
): Promise<CryptoKey> {
  const encoded = new Uint8Array(48);
  encoded.set(PKCS8[curve]);
  encoded.set(secret, 16);
  try {
    return await webSubtle().importKey('pkcs8', encoded, curve, extractable, usages);
  } finally {
    encoded.fill(0);
  }
}

function webSubtle(): SubtleCrypto {
  const found = subtle();
  if (found === undefined) throw new Error('this page has no crypto.subtle: serve it over https:// or from localhost');
  return found;
}

/**
 * A fresh identity: with a key that cannot be read out where the runtime has Ed25519, else with a seed (noble).
 * @param rng must be a CSPRNG; drawn from only in the second case
 */
export async function generateWebIdentity(rng: Rng): Promise<WebIdentity | Identity> {
  if (!(await hasOnce('Ed25519'))) return identityOf(await loadNoble(), new Secret(rng(32)));
  const { privateKey, publicKey } = await webSubtle().generateKey('Ed25519', false, ['sign', 'verify']);
  const raw = new Uint8Array(await webSubtle().exportKey('raw', publicKey));
  return { privateKey, publicKey: raw, id: clientId(raw) };
}

/** The identity of a stored seed, without a curve library where the runtime has Ed25519. @throws RangeError where it has not 32 bytes */
export async function webIdentityOf(seed: Uint8Array): Promise<Identity> {
  if (seed.length !== 32) throw new RangeError('an identity seed has 32 bytes');
  if (!(await hasOnce('Ed25519'))) return identityOf(await loadNoble(), new Secret(seed));
  const { x } = await webSubtle().exportKey('jwk', await importSecret('Ed25519', seed, ['sign'], true));
  const publicKey = fromBase64Url(x ?? '');
  return { secret: new Secret(seed), publicKey, id: clientId(publicKey) };
}

const fromBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
