// The HTTP(S) server and its upgrade to websockets, with the limits of operations.md 3.3. Plain HTTP goes to the handler that is handed in
// (server/http); without one it is told to upgrade. Not here: what is said on a socket (connection.ts), what a request must look like
// (upgrade.ts), the certificate (certificate.ts).

import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { SottoError } from '../../protocol/errors.js';
import {
  CLOSE_TIMEOUT_MS,
  MAX_FRAME_BYTES,
  MAX_PENDING,
  MAX_PENDING_PER_ADDRESS,
  MAX_WS_FRAGMENTS,
} from '../../protocol/limits.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';
import { BulkStream } from './bulk-stream.js';
import { type CertificateFiles, readCertificate, watchCertificate } from './certificate.js';
import { addressOf, isLoopback, isThisMachine, refusalOf } from './upgrade.js';

/** A slow or silent HTTP client may hold a socket for so long; checked every second. */
const HTTP_TIMEOUT_MS = 5_000;
const MAX_HTTP_HEADER_BYTES = 8_192;
/** Chunks of one message that ws holds before it is complete: a full frame in TCP segments of 100 bytes. */
const MAX_BUFFERED_CHUNKS = 4_096;

const NO_BYTES = Buffer.alloc(0);

export type FetchHandler = (request: Request) => Response | Promise<Response>;

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** An own certificate. Without it, and without a proxy that has one, everything but signatures can be read and changed on the way. */
  readonly tls?: CertificateFiles;
  /** Listen beyond this machine without TLS all the same: behind a proxy on another machine, or in a closed network. */
  readonly insecure?: boolean;
  /** See UpgradeRules. */
  readonly origins?: readonly string[];
  readonly proxyHeader?: string;
}
export interface ListenerSetup extends ListenSettings {
  /** Whether another connection from there may be opened now. @param address of the client; absent where there are none */
  readonly room: (address?: string) => boolean;
  /**
   * @param stream below the websocket, for whoever counts its bytes; absent where there are no sockets
   * @param bulk between the two
   */
  readonly accept: (socket: WebSocket, address?: string, stream?: Duplex, bulk?: BulkStream) => void;
  /** Of what does not stop us: a new certificate that cannot be used. */
  readonly warn?: (error: unknown) => void;
  /** For plain HTTP on the same port. */
  readonly fetch?: FetchHandler;
}
export interface Listener {
  readonly url: string;
  /** Takes no new connections; those that are open stay. */
  refuseNew(): void;
  /** Reads the certificate again. */
  reloadCertificate?(): void;
  /** Resolves when every socket is gone. */
  close(): Promise<void>;
}

export type OpenListener = (setup: ListenerSetup) => Promise<Listener>;

/** @throws CONFIG_INVALID beyond this machine without TLS; what readCertificate and listening throw */
export async function openListener(setup: ListenerSetup): Promise<Listener> {
  checkListen(setup);
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
  const { server, reload } = serverOf(setup.tls, plainHttp(setup.fetch));
  let closing = false;
  const rules = { origins: setup.origins, proxyHeader: setup.proxyHeader };
  limitPending(server, setup.proxyHeader === undefined);
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const address = addressOf(request, request.socket.remoteAddress ?? '', rules);
    const refusal = closing || !setup.room(address) ? 503 : refusalOf(request, rules);
    if (refusal !== undefined) return refuse(socket, refusal);
    // What ws does to a socket that it knows as one.
    request.socket.setTimeout(0);
    request.socket.setNoDelay();
    const bulk = new BulkStream(socket, head);
    wss.handleUpgrade(request, bulk, NO_BYTES, (ws) => setup.accept(ws, address, socket, bulk));
  });
  await listen(server, setup);
  const reloadCertificate = (): void => {
    try {
      reload();
    } catch (error) {
      setup.warn?.(error);
    }
  };
  const unwatch = setup.tls && watchCertificate(setup.tls, reloadCertificate);
  // safe: a listening TCP server has an AddressInfo
  const { port } = server.address() as AddressInfo;
  const host = setup.host.includes(':') ? `[${setup.host}]` : setup.host;
  return {
    url: `${setup.tls ? 'wss' : 'ws'}://${host}:${port}`,
    refuseNew: () => {
      closing = true;
    },
    reloadCertificate,
    close: () => {
      closing = true;
      unwatch?.();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}

/**
 * TCP connections that have not become a websocket: half a header costs as much as a whole one. They are cut without a word, since under TLS
 * there is none before the handshake. @param perAddress not behind a proxy, which is one address for everybody
 */
function limitPending(server: Server, perAddress: boolean): void {
  /** By address and port of the peer: the stream below TLS and the one above it are two objects. */
  const pending = new Map<string, string>();
  const byAddress = new Map<string, number>();
  const gone = (name: string): void => {
    const address = pending.get(name);
    if (address === undefined) return;
    pending.delete(name);
    const left = (byAddress.get(address) ?? 0) - 1;
    if (left > 0) byAddress.set(address, left);
    else byAddress.delete(address);
  };
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const same = (byAddress.get(address) ?? 0) + 1;
    if (pending.size >= MAX_PENDING || (perAddress && !isThisMachine(address) && same > MAX_PENDING_PER_ADDRESS)) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    pending.set(name, address);
    byAddress.set(address, same);
    socket.once('close', () => gone(name));
  });
  server.on('upgrade', ({ socket }) => gone(nameOf(socket)));
}

const plainHttp = (fetch: FetchHandler | undefined): RequestListener =>
  fetch === undefined
    ? (_, response) => void response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end()
    : getRequestListener((request) => fetch(request), { overrideGlobalObjects: false });

/** @throws CONFIG_INVALID */
export function checkListen({ host, tls, insecure }: ListenSettings): void {
  if (tls !== undefined || insecure === true || isLoopback(host)) return;
  throw new SottoError(
    'CONFIG_INVALID',
    `listen.host is ${host}, which others can reach, and there is no TLS: give listen.tls a certificate and its key; or listen on 127.0.0.1 behind a proxy that has one; or say listen.insecure: true if you know who can read the network`,
    { field: 'listen.host' },
  );
}

function serverOf(
  files: CertificateFiles | undefined,
  handler: RequestListener,
): { readonly server: Server; readonly reload: () => void } {
  const limits = {
    headersTimeout: HTTP_TIMEOUT_MS,
    requestTimeout: HTTP_TIMEOUT_MS,
    keepAliveTimeout: HTTP_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
  };
  if (files === undefined) return { server: createServer(limits, handler), reload: () => {} };
  const tls = { ...readCertificate(files), handshakeTimeout: HTTP_TIMEOUT_MS };
  const server = createTlsServer({ ...limits, ...tls }, handler);
  return { server, reload: () => server.setSecureContext(readCertificate(files)) };
}

/** It is gone once the answer is out: a peer that keeps its own half open would hold the socket for ever, and nothing counts it any more. */
function refuse(socket: Duplex, status: number): void {
  const more = status === 503 ? 'Retry-After: 5\r\n' : status === 426 ? 'Sec-WebSocket-Version: 13\r\n' : '';
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n`);
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
