// The HTTP server and its upgrade to websockets, with the limits of operations.md 3.3. Plain HTTP goes to the handler that is handed in
// (server/http); without one it is told to upgrade. Not here: what is said on a socket (connection.ts).

import { createServer, type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_TIMEOUT_MS, MAX_FRAME_BYTES, MAX_WS_FRAGMENTS } from '../../protocol/limits.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';

/** A slow or silent HTTP client may hold a socket for so long; checked every second. */
const HTTP_TIMEOUT_MS = 5_000;
const MAX_HTTP_HEADER_BYTES = 8_192;
/** Chunks of one message that ws holds before it is complete: a full frame in TCP segments of 100 bytes. */
const MAX_BUFFERED_CHUNKS = 4_096;

export type FetchHandler = (request: Request) => Response | Promise<Response>;

export interface ListenerSetup {
  readonly host: string;
  readonly port: number;
  /** Whether another connection may be opened now. */
  readonly room: () => boolean;
  readonly accept: (socket: WebSocket) => void;
  /** For plain HTTP on the same port. */
  readonly fetch?: FetchHandler;
}
export interface Listener {
  readonly url: string;
  /** Takes no new connections; those that are open stay. */
  refuseNew(): void;
  /** Resolves when every socket is gone. */
  close(): Promise<void>;
}

export type OpenListener = (setup: ListenerSetup) => Promise<Listener>;

export async function openListener(setup: ListenerSetup): Promise<Listener> {
  // The types of ws do not know closeTimeout yet.
  const options: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_WS_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    perMessageDeflate: false,
    clientTracking: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // One message per tick and socket: a flood of one client does not keep the others waiting.
    allowSynchronousEvents: false,
    handleProtocols: () => SUBPROTOCOL,
  };
  const wss = new WebSocketServer(options);
  const server = createServer(
    {
      headersTimeout: HTTP_TIMEOUT_MS,
      requestTimeout: HTTP_TIMEOUT_MS,
      keepAliveTimeout: HTTP_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    },
    plainHttp(setup.fetch),
  );
  let closing = false;
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = closing || !setup.room() ? 503 : refusalOf(request);
    if (refusal !== undefined) return refuse(socket, refusal);
    wss.handleUpgrade(request, socket, head, setup.accept);
  });
  await listen(server, setup);
  // safe: a listening TCP server has an AddressInfo
  const { port } = server.address() as AddressInfo;
  const host = setup.host.includes(':') ? `[${setup.host}]` : setup.host;
  return {
    url: `ws://${host}:${port}`,
    refuseNew: () => {
      closing = true;
    },
    close: () => {
      closing = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}

const plainHttp = (fetch: FetchHandler | undefined): RequestListener =>
  fetch === undefined
    ? (_, response) => void response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end()
    : getRequestListener((request) => fetch(request), { overrideGlobalObjects: false });

/** The sub-protocol must be offered, and exactly: another version of ours is another name. */
function refusalOf({ headers }: IncomingMessage): number | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL) ? undefined : 400;
}

function refuse(socket: Duplex, status: number): void {
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n${retry}\r\n`);
}

function listen(server: Server, { host, port }: ListenerSetup): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
