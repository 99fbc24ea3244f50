// A client that only is there: the real handshake with real signatures, the check-in, and answers to pings. No trainer, no model. Not a
// test. Where ten thousand are needed, thin-client.ts does the same on less.

import { WebSocket } from 'ws';
import { decodeFrame, encodeFrame } from '../../../protocol/wire/frame.js';
import type { Message } from '../../../protocol/wire/messages.js';
import { SUBPROTOCOL } from '../../../protocol/wire/types.js';
import { Handshake, type HandshakeOptions } from './handshake.js';

export interface LightOptions extends HandshakeOptions {
  readonly url: string;
}
export type CameIn<Client> =
  | { readonly type: 'in'; readonly client: Client }
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
  static connect(options: LightOptions): Promise<CameIn<LightClient>> {
    const socket = new WebSocket(options.url, SUBPROTOCOL, { perMessageDeflate: false, skipUTF8Validation: true });
    const client = new LightClient(socket);
    const handshake = new Handshake(options);
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
      socket.once('open', () => client.say(handshake.first()));
      socket.on('message', (data: Buffer) => {
        const decoded = decodeFrame(data);
        if (!decoded.ok) return socket.close(4400, decoded.code);
        const { message } = decoded;
        if (inside) return client.heard(message);
        const answer = handshake.answer(message);
        switch (answer.type) {
          case 'say':
            return client.say(answer.message);
          case 'in':
            inside = true;
            return resolve({ type: 'in', client });
          case 'busy':
            return resolve(answer);
          case 'stranger':
            return socket.close(4401, 'not the pinned coordinator');
          case 'other':
            if (message.kind === 'fault') why = message.code;
            return;
          default:
            answer satisfies never;
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
