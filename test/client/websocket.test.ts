// The WebSocket transports over real sockets on loopback: `ws`, and the runtime's own WebSocket where there is one.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket as WsSocket } from 'ws';
import { nodeTransport } from '../../client/node/websocket.js';
import { systemTimers } from '../../client/timers.js';
import type { Link, LinkClosed, Transport } from '../../client/transport/transport.js';
import { globalWebSocket, webSocketTransport } from '../../client/transport/websocket.js';
import { MAX_FRAME_BYTES } from '../../protocol/limits.js';

const servers: WebSocketServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

interface Joined {
  readonly link: Link;
  readonly server: WsSocket;
  readonly frames: Uint8Array[];
  readonly heard: number[];
  readonly closed: Promise<LinkClosed>;
  next(): Promise<Uint8Array>;
}

async function join(transport: Transport): Promise<Joined> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
  servers.push(server);
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[WsSocket]>;
  const frames: Uint8Array[] = [];
  const heard: number[] = [];
  let wake = (): void => undefined;
  let link: Link | undefined;
  let close: (why: LinkClosed) => void = () => undefined;
  const closed = new Promise<LinkClosed>((resolve) => {
    close = resolve;
  });
  await new Promise<void>((resolve) => {
    link = transport.connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      opened: resolve,
      frame: (bytes) => {
        frames.push(bytes);
        wake();
      },
      heard: () => {
        heard.push(1);
        wake();
      },
      closed: close,
    });
  });
  const [socket] = await accepted;
  return {
    link: link as Link,
    server: socket,
    frames,
    heard,
    closed,
    async next() {
      if (frames.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return frames.shift() as Uint8Array;
    },
  };
}

const transports: [string, () => Transport, boolean][] = [
  ['ws', () => nodeTransport(), true],
  [
    'the global WebSocket',
    () => webSocketTransport({ open: globalWebSocket, timers: systemTimers }),
    typeof globalThis.WebSocket === 'function',
  ],
];

describe.each(transports)('%s', (_name, make, there) => {
  it.skipIf(!there)(
    'carries frames both ways, byte for byte (skipped where the runtime has no WebSocket: Node 20)',
    async () => {
      const { link, server, next } = await join(make());
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31);
      const got = once(server, 'message') as Promise<[Buffer]>;
      link.send(bytes);
      expect(Buffer.compare((await got)[0], bytes)).toBe(0);
      server.send(bytes);
      expect(Buffer.compare(await next(), bytes)).toBe(0);
    },
  );

  it.skipIf(!there)('a text is handed on as no frame, not as its bytes', async () => {
    const { server, next } = await join(make());
    server.send('hello');
    expect(await next()).toEqual(new Uint8Array(0));
  });

  it.skipIf(!there)('reports the code and reason of the peer, exactly once, and is silent afterwards', async () => {
    const { link, server, closed } = await join(make());
    server.close(4321, 'enough');
    expect(await closed).toEqual({ code: 4321, reason: 'enough' });
    link.send(new Uint8Array(8));
    link.close(1000, '');
    await link.drained(0);
  });

  it.skipIf(!there)('closing does not wait for a peer that never answers', async () => {
    const { link, server, closed } = await join(make());
    server.pause();
    link.close(4002, 'protocol');
    expect(await closed).toEqual({ code: 4002, reason: 'protocol' });
    server.resume();
  });

  it.skipIf(!there)('drained waits while the peer does not read, and ends when it does', async () => {
    const { link, server } = await join(make());
    server.pause();
    for (let i = 0; i < 64; i++) link.send(new Uint8Array(262_144));
    const full = link.bufferedBytes;
    expect(full).toBeGreaterThan(1_000_000);
    server.resume();
    await link.drained(1_000);
    expect(link.bufferedBytes).toBeLessThanOrEqual(1_000);
  });

  it.skipIf(!there)('a connection that is refused is closed, not thrown', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const why = await new Promise<LinkClosed>((resolve) => {
      make().connect(`ws://127.0.0.1:${port}`, {
        opened: () => undefined,
        frame: () => undefined,
        heard: () => undefined,
        closed: resolve,
      });
    });
    expect(why.code).toBe(1006);
  });
});

describe('ws in Node', () => {
  it('offers no compression, also to a server that would', async () => {
    const { server } = await join(nodeTransport());
    expect(server.extensions).toBe('');
  });

  it('I send a frame over the limit and the connection ends before it is buffered', async () => {
    const { server, closed, frames } = await join(nodeTransport());
    server.send(new Uint8Array(MAX_FRAME_BYTES + 1));
    expect((await closed).code).toBe(1006);
    expect(frames).toEqual([]);
  });

  it('says why a connection could not be made', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, verifyClient: () => false });
    servers.push(server);
    await once(server, 'listening');
    const why = await new Promise<LinkClosed>((resolve) => {
      const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const nothing = (): void => undefined;
      nodeTransport().connect(url, { opened: nothing, frame: nothing, heard: nothing, closed: resolve });
    });
    expect(why.reason).toContain('401');
  });

  it('offers the sub-protocol of this protocol version', async () => {
    const { server } = await join(nodeTransport());
    expect(server.protocol).toBe('sotto.v1');
  });

  it('hears pings', async () => {
    const { server, heard, link, next } = await join(nodeTransport());
    server.ping();
    server.send(new Uint8Array(1));
    await next();
    expect(heard).toHaveLength(1);
    expect(link.hearsPings).toBe(true);
  });
});
