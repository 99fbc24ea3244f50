// Public-key operations as questions: code that signs, verifies or agrees on keys is a generator that asks, and its driver answers,
// at once (noble, node:crypto) or later (WebCrypto, which gives promises only). So the client's machine stays synchronous and
// repeatable, and a browser need not load a curve library. The same idea as secagg/keystreams.ts.
// Not here: the answers of a browser (client/web-keys.ts).

import type { Identity, Signer } from './identity.js';
import type { Primitives, PublicKeyPrimitives, SymmetricPrimitives } from './primitives.js';

export type Question =
  | { readonly ask: 'sign'; readonly signer: Signer; readonly message: Uint8Array }
  | {
      readonly ask: 'verify';
      readonly publicKey: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly ask: 'agreementPublic'; readonly secret: Uint8Array }
  | { readonly ask: 'agree'; readonly secret: Uint8Array; readonly peerPublic: Uint8Array };
/** What the function of the same name in PublicKeyPrimitives returns. */
export type Answer = Uint8Array | boolean | undefined;
export type Asking<T> = Generator<Question, T, Answer>;
/** One who answers, at once or later. Rejects or throws where it cannot: never a false answer. */
export type Answerer = (question: Question) => Answer | Promise<Answer>;

/** Symmetric primitives always, public-key ones where the driver has synchronous ones. */
export type ClientPrimitives = SymmetricPrimitives & Partial<PublicKeyPrimitives>;

/** See PublicKeyPrimitives for all four. */
export function* sign(signer: Signer, message: Uint8Array): Asking<Uint8Array> {
  return (yield { ask: 'sign', signer, message }) as Uint8Array; // safe: Question and Answer go together
}
export function* verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Asking<boolean> {
  return (yield { ask: 'verify', publicKey, message, signature }) === true;
}
export function* agreementPublic(secret: Uint8Array): Asking<Uint8Array> {
  return (yield { ask: 'agreementPublic', secret }) as Uint8Array; // safe, as above
}
export function* agree(secret: Uint8Array, peerPublic: Uint8Array): Asking<Uint8Array | undefined> {
  return (yield { ask: 'agree', secret, peerPublic }) as Uint8Array | undefined; // safe, as above
}

/** Whether public-key operations can be answered at once. */
export const isComplete = (primitives: ClientPrimitives): primitives is Primitives => primitives.sign !== undefined;

/** Answers from synchronous primitives. @throws RangeError where the signer keeps its secret elsewhere */
export function answerWith(primitives: PublicKeyPrimitives, question: Question): Answer {
  switch (question.ask) {
    case 'sign':
      return primitives.sign(secretOf(question.signer), question.message);
    case 'verify':
      return primitives.verify(question.publicKey, question.message, question.signature);
    case 'agreementPublic':
      return primitives.agreementPublic(question.secret);
    case 'agree':
      return primitives.agree(question.secret, question.peerPublic);
  }
}

/** The seed of a signer that has one here. @throws RangeError otherwise: an identity of another kind needs its own Answerer */
export function secretOf(signer: Signer): Uint8Array {
  if (!('secret' in signer)) throw new RangeError('the secret of this identity is not in this program');
  return (signer as Identity).secret.exposeSecret();
}

/** Runs to the end at once. @throws RangeError where the primitives are symmetric ones only */
export function answered<T>(asking: Asking<T>, primitives: ClientPrimitives): T {
  if (!isComplete(primitives)) throw new RangeError('these primitives cannot sign; use runAsking of the client');
  let step = asking.next();
  while (!step.done) step = asking.next(answerWith(primitives, step.value));
  return step.value;
}
