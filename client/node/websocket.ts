// Links over `ws`, for Node releases without a global WebSocket and for what the global one cannot: no deflate, a limit on
// frames before they are buffered, and pings that we see. Not here: links as such (client/transport/websocket.ts).
import WebSocket from 'ws';
import { MAX_FRAME_BYTES } from '../../protocol/limits.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';
import { systemTimers, type Timers } from '../timers.js';
import type { Transport } from '../transport/transport.js';
import { type WebSocketLike, webSocketTransport } from '../transport/websocket.js';

/** @param options of TLS (`ca`, `cert`, `key`) and others of `ws`, for wss:// with an own authority */
export function nodeTransport(options: WebSocket.ClientOptions = {}, timers: Timers = systemTimers): Transport {
  return webSocketTransport({
    timers,
    open: (url) =>
      new WebSocket(url, SUBPROTOCOL, {
        ...options,
        perMessageDeflate: false,
        maxPayload: MAX_FRAME_BYTES,
        skipUTF8Validation: true, // text is no frame anyway
      }) as unknown as WebSocketLike, // safe: `ws` has the browser's interface; only its event types are its own
    onPing: (socket, heard) => void (socket as unknown as WebSocket).on('ping', heard),
  });
}
