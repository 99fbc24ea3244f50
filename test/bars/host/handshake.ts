// The client's side of the handshake as a value: what to say to what the coordinator says, until it is in. Real signatures, both ways.
// Not a test. Not here: sockets (light-client.ts, thin-client.ts).

import { type Identity, signFields, verifyFields } from '../../../protocol/crypto/identity.js';
import { LABELS } from '../../../protocol/crypto/labels.js';
import { fromHex } from '../../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../../protocol/native/index.js';
import type { Message } from '../../../protocol/wire/messages.js';

export interface HandshakeOptions {
  readonly identity: Identity;
  /** Pinned. */
  readonly coordinator: string;
  /** It checks in there; `undefined`: it stays outside the pool, and no round waits for it. */
  readonly task: string | undefined;
  /** It does not check the coordinator's signature: where thousands stand for as many machines, that is work which none of them would do here. */
  readonly trusting?: boolean;
}
export type Answer =
  | { readonly type: 'say'; readonly message: Message }
  | { readonly type: 'in' }
  /** It is to come back later. */
  | { readonly type: 'busy'; readonly retryAfterMs: number }
  /** Somebody else than the pinned coordinator. */
  | { readonly type: 'stranger' }
  /** Nothing of the handshake. */
  | { readonly type: 'other' };

export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #nonce = nativeRng(32);

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  first(): Message {
    return { kind: 'hello', client: this.#options.identity.publicKey, nonce: this.#nonce, agent: 'light client' };
  }

  answer(message: Message): Answer {
    const { identity, coordinator, task, trusting = false } = this.#options;
    switch (message.kind) {
      case 'challenge': {
        const about = [this.#nonce, message.nonce, identity.publicKey] as const;
        if (
          !trusting &&
          !verifyFields(nativePrimitives, fromHex(coordinator), message.signature, LABELS.challenge, ...about)
        )
          return { type: 'stranger' };
        const fields = [message.nonce, message.coordinator, identity.publicKey] as const;
        const signature = signFields(nativePrimitives, identity, LABELS.proof, ...fields);
        return { type: 'say', message: { kind: 'proof', signature } };
      }
      case 'welcome':
        if (task === undefined) return { type: 'in' };
        return { type: 'say', message: { kind: 'checkIn', task, head: new Uint8Array(0) } };
      case 'accepted':
        return { type: 'in' };
      case 'rejected':
        return { type: 'busy', retryAfterMs: message.retryAfterMs };
      default:
        return { type: 'other' };
    }
  }
}
