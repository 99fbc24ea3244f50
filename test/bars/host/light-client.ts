// A client that only is there: the real handshake with real signatures, the check-in, and answers to pings. No trainer, no model. Not a
// test. Thousands fit into one process.

import { WebSocket } from 'ws';
import type { Identity } from '../../../protocol/crypto/identity.js';
import { signFields, verifyFields } from '../../../protocol/crypto/identity.js';
import { LABELS } from '../../../protocol/crypto/labels.js';
import { fromHex } from '../../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../../protocol/native/index.js';
import { decodeFrame, encodeFrame } from '../../../protocol/wire/frame.js';
import type { Message } from '../../../protocol/wire/messages.js';
import { SUBPROTOCOL } from '../../../protocol/wire/types.js';

export interface LightOptions {
  readonly url: string;
  readonly identity: Identity;
  /** Pinned. */
  readonly coordinator: string;
  /** It checks in there; `undefined`: it stays outside the pool, and no round waits for it. */
  readonly task: string | undefined;
}
export type CameIn =
  | { readonly type: 'in'; readonly client: LightClient }
  /** The coordinator has no room for now: 503, or in its own words with the time to come back, milliseconds. */
  | { readonly type: 'busy'; readonly retryAfterMs?: number }
  | { readonly type: 'lost'; readonly text: string };

export class LightClient {
  readonly socket: WebSocket;
  /** Called once it is lost after it was in. */
  lost: (code: number) => void = () => {};
  /** Every message after that. */
  heard: (message: Message) => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
  }

  /** Resolves when it is in the pool, or is not. Never rejects. */
  static connect({ url, identity, coordinator, task }: LightOptions): Promise<CameIn> {
    const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false, skipUTF8Validation: true });
    const client = new LightClient(socket);
    const nonce = nativeRng(32);
    const pinned = fromHex(coordinator);
    const send = (message: Message): void => socket.send(encodeFrame(message));
    return new Promise((resolve) => {
      let inside = false;
      let why = '';
      socket.once('unexpected-response', (request, response) => {
        resolve(response.statusCode === 503 ? { type: 'busy' } : { type: 'lost', text: `HTTP ${response.statusCode}` });
        request.destroy();
      });
      socket.on('error', (error) => {
        why = error.message;
      });
      socket.once('close', (code) => {
        if (inside) client.lost(code);
        else resolve({ type: 'lost', text: `${code} ${why}` });
      });
      socket.once('open', () => send({ kind: 'hello', client: identity.publicKey, nonce, agent: 'light client' }));
      socket.on('message', (data: Buffer) => {
        const decoded = decodeFrame(data);
        if (!decoded.ok) return socket.close(4400, decoded.code);
        const { message } = decoded;
        switch (message.kind) {
          case 'challenge': {
            const about = [nonce, message.nonce, identity.publicKey] as const;
            if (!verifyFields(nativePrimitives, pinned, message.signature, LABELS.challenge, ...about))
              return socket.close(4401, 'not the pinned coordinator');
            const fields = [message.nonce, message.coordinator, identity.publicKey] as const;
            send({ kind: 'proof', signature: signFields(nativePrimitives, identity, LABELS.proof, ...fields) });
            return;
          }
          case 'welcome':
            if (task !== undefined) return send({ kind: 'checkIn', task, head: new Uint8Array(0) });
            inside = true;
            return resolve({ type: 'in', client });
          case 'accepted':
            inside = true;
            return resolve({ type: 'in', client });
          case 'rejected':
            if (!inside) return resolve({ type: 'busy', retryAfterMs: message.retryAfterMs });
            return client.heard(message);
          default:
            if (message.kind === 'fault') why = message.code;
            client.heard(message);
        }
      });
    });
  }

  say(message: Message): void {
    this.socket.send(encodeFrame(message));
  }

  cut(): void {
    this.socket.terminate();
  }
}
