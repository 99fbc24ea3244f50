// LightClient on a ThinSocket: in, and then it only answers pings. Ten thousand fit into one process and leave the coordinator its core.
// Not a test.

import { decodeFrame, encodeFrame } from '../../../protocol/wire/frame.js';
import { Handshake } from './handshake.js';
import type { CameIn, LightOptions } from './light-client.js';
import { ThinSocket } from './thin-socket.js';

export class ThinClient {
  /** Called once it is lost after it was in. */
  lost: (code: number) => void = () => {};
  readonly #socket: ThinSocket;

  private constructor(socket: ThinSocket) {
    this.#socket = socket;
  }

  /** Resolves when it is in the pool, or is not. Never rejects. */
  static connect(options: LightOptions): Promise<CameIn<ThinClient>> {
    return new Promise((resolve) => {
      // Once it is in, what it knew for the handshake is forgotten.
      let handshake: Handshake | undefined = new Handshake(options);
      let said = '';
      const socket: ThinSocket = new ThinSocket(options.url, {
        opened: () => handshake && socket.send(encodeFrame(handshake.first())),
        message(bytes) {
          if (handshake === undefined) return;
          const decoded = decodeFrame(bytes);
          if (!decoded.ok) return socket.cut();
          const answer = handshake.answer(decoded.message);
          if (answer.type === 'say') socket.send(encodeFrame(answer.message));
          else if (answer.type === 'stranger') socket.cut();
          else if (answer.type === 'busy') resolve(answer);
          else if (answer.type === 'in') {
            handshake = undefined;
            resolve({ type: 'in', client });
          } else if (decoded.message.kind === 'fault') said = decoded.message.code;
        },
        closed(code, status, why) {
          if (handshake === undefined) client.lost(code);
          else if (status === 503) resolve({ type: 'busy' });
          else resolve({ type: 'lost', text: `${status} ${code} ${said || why}` });
        },
      });
      const client = new ThinClient(socket);
    });
  }

  cut(): void {
    this.#socket.cut();
  }
}
