// Who is at the other end: hello → challenge → proof → welcome, both sides by Ed25519 (protocol.md §2). Pure: messages in,
// what to do out. Not here: sockets, timeouts and pinning on disk (connection.ts), check-in (federated-client.ts).
import { type Asking, sign, verify } from '../protocol/crypto/asking.js';
import { bytesEqual } from '../protocol/crypto/bytes.js';
import { enc } from '../protocol/crypto/enc.js';
import type { Signer } from '../protocol/crypto/identity.js';
import { LABELS } from '../protocol/crypto/labels.js';
import type { Rng } from '../protocol/crypto/primitives.js';
import { SottoError } from '../protocol/errors.js';
import { clientId } from '../protocol/ids.js';
import type { Hello, Message, Proof, Welcome } from '../protocol/wire/messages.js';

export interface HandshakeSetup {
  readonly identity: Signer;
  /** The pinned key; `undefined` on first use: any key that signs is accepted, and the caller must pin it before it answers. */
  readonly coordinator: Uint8Array | undefined;
  readonly agent: string;
  readonly token?: string;
  readonly rng: Rng;
}
export type HandshakeState =
  | { readonly phase: 'challenge'; readonly nonce: Uint8Array }
  | { readonly phase: 'welcome'; readonly coordinator: Uint8Array };
export type HandshakeStep =
  /** The challenge is genuine. Send `proof`, after pinning `state.coordinator` where it was unknown or shows hand-overs. */
  | {
      readonly type: 'prove';
      readonly state: HandshakeState & { phase: 'welcome' };
      readonly proof: Proof;
      /** Not verified, and nor is then that it is the pinned key: hand-over.ts does both. */
      readonly handOvers: Uint8Array | undefined;
    }
  | { readonly type: 'open'; readonly coordinator: Uint8Array; readonly welcome: Welcome }
  | { readonly type: 'refused'; readonly error: SottoError };

export function startHandshake(setup: HandshakeSetup): { readonly state: HandshakeState; readonly hello: Hello } {
  const { identity, agent, token } = setup;
  const nonce = setup.rng(32);
  const hello: Hello = {
    kind: 'hello',
    client: identity.publicKey,
    nonce,
    agent,
    ...(token === undefined ? {} : { token }),
  };
  return { state: { phase: 'challenge', nonce }, hello };
}

/**
 * Codes of a refusal: AUTH_WRONG_COORDINATOR (another key than the pinned one, or a signature that is not by the key that
 * the challenge names), SESSION_UNEXPECTED (anything but the next message).
 */
export function* stepHandshake(setup: HandshakeSetup, state: HandshakeState, message: Message): Asking<HandshakeStep> {
  if (message.kind !== state.phase) {
    return refused('SESSION_UNEXPECTED', `the coordinator sent ${message.kind} before it sent ${state.phase}`);
  }
  if (message.kind === 'welcome' && state.phase === 'welcome') {
    return { type: 'open', coordinator: state.coordinator, welcome: message };
  }
  if (message.kind !== 'challenge' || state.phase !== 'challenge') {
    return refused('SESSION_UNEXPECTED', `${message.kind} does not belong to a handshake`);
  }
  const { identity } = setup;
  const { coordinator, nonce, signature, handOvers } = message;
  if (setup.coordinator !== undefined && handOvers === undefined && !bytesEqual(setup.coordinator, coordinator)) {
    return refused(
      'AUTH_WRONG_COORDINATOR',
      `the coordinator is ${clientId(coordinator)}, pinned is ${clientId(setup.coordinator)}; check the address, or pin the new key`,
    );
  }
  const challenge = enc(LABELS.challenge, state.nonce, nonce, identity.publicKey);
  if (!(yield* verify(coordinator, challenge, signature))) {
    return refused('AUTH_WRONG_COORDINATOR', `the peer does not hold the key ${clientId(coordinator)} that it claims`);
  }
  const proof = yield* sign(identity, enc(LABELS.proof, nonce, coordinator, identity.publicKey));
  return {
    type: 'prove',
    state: { phase: 'welcome', coordinator },
    proof: { kind: 'proof', signature: proof },
    handOvers,
  };
}

const refused = (code: 'AUTH_WRONG_COORDINATOR' | 'SESSION_UNEXPECTED', text: string): HandshakeStep => ({
  type: 'refused',
  error: new SottoError(code, text),
});
