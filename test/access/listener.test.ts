// The door: TLS, origins, addresses, with real sockets. Not here: what is said behind it (test/server/connections.test.ts), raw bytes
// of RFC 6455 (test/hostile).

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { readCertificate } from '../../server/driver/certificate.js';
import { checkListen, type Listener, type ListenerSetup, openListener } from '../../server/driver/listener.js';
import { addressOf, isLoopback } from '../../server/driver/upgrade.js';

const vectors = fileURLToPath(new URL('../../../test/vectors/tls/', import.meta.url));
const pem = (name: string): string => join(vectors, `${name}.pem`);
const FIRST = { cert: pem('first-cert'), key: pem('first-key') };

const open: Listener[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
async function listening(extra: Partial<ListenerSetup> = {}): Promise<Listener> {
  const setup = { host: '127.0.0.1', port: 0, room: () => true, accept: (ws: WebSocket) => ws.terminate(), ...extra };
  const listener = await openListener(setup);
  open.push(listener);
  return listener;
}
/** The status of a refusal, 101 for a socket, or what TLS says. */
const knock = (url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}): Promise<string> =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, 'sotto.v1', options);
    socket.once('open', () => {
      resolve('101');
      socket.terminate();
    });
    socket.once('error', (error) => resolve(/response: (\d+)/.exec(error.message)?.[1] ?? error.message));
  });

describe('origins', () => {
  const origins = ['https://fl.example.org', 'http://localhost:8080'];
  it.each([
    ['the page itself', 'https://fl.example.org', '101'],
    ['another one on the list, with its port', 'http://localhost:8080', '101'],
    ['null, as sandboxed frames and files send it', 'null', '403'],
    ['mine, with the right one before it', 'https://fl.example.org.evil.example', '403'],
    ['mine, with the right one behind it', 'https://evil-fl.example.org', '403'],
    ['the right host without TLS', 'http://fl.example.org', '403'],
    ['the right host with another port', 'https://fl.example.org:8443', '403'],
    ['the right one in capitals, which no browser sends', 'HTTPS://FL.EXAMPLE.ORG', '403'],
    ['the right one with a slash, which no browser sends', 'https://fl.example.org/', '403'],
  ])('%s', async (_, origin, status) => {
    const { url } = await listening({ origins });
    expect(await knock(url, { headers: { origin } })).toBe(status);
  });

  it('no page at all: no cookie counts here, so nothing is asked', async () => {
    const { url } = await listening({ origins });
    expect(await knock(url)).toBe('101');
  });

  it('an empty list keeps every page out', async () => {
    const { url } = await listening({ origins: [] });
    expect(await knock(url, { headers: { origin: 'https://fl.example.org' } })).toBe('403');
    expect(await knock(url)).toBe('101');
  });
});

it.each([
  [503, { room: () => false }],
  [403, { origins: [] }],
])('I am refused with %i and keep my side open: my socket costs nothing any more', async (status, extra) => {
  const listener = await listening(extra);
  const { port, host } = new URL(listener.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  const heads = { Host: host, Upgrade: 'websocket', Connection: 'Upgrade', Origin: 'https://fl.example.org' };
  const lines = Object.entries(heads).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`);
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes.toString();
  });
  await new Promise((resolve) => socket.once('end', resolve));
  expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  // It resolves when every socket is gone.
  await listener.close();
  socket.destroy();
});

describe('TLS', () => {
  const ca = readFileSync(FIRST.cert);

  it('wss:// with an own certificate: who trusts its authority comes in, in version 1.3 only; plain ws:// gets nothing', async () => {
    const { url } = await listening({ tls: FIRST });
    expect(url).toMatch(/^wss:/);
    expect(await knock(url, { ca })).toBe('101');
    expect(await knock(url)).toContain('self-signed certificate');
    expect(await knock(url, { ca, maxVersion: 'TLSv1.2' })).toMatch(/version|EPROTO/);
    expect(await knock(url.replace('wss:', 'ws:'))).toMatch(/hang up|ECONNRESET/);
  });

  it('a renewed certificate is taken at once; one that is damaged is not, and the old one stays', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sotto-tls-'));
    const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
    const put = (name: string): void => {
      copyFileSync(pem(`${name}-cert`), files.cert);
      copyFileSync(pem(`${name}-key`), files.key);
    };
    const warnings: unknown[] = [];
    put('first');
    const listener = await listening({ tls: files, warn: (error) => warnings.push(error) });
    put('second');
    listener.reloadCertificate?.();
    const second = { ca: readFileSync(pem('second-cert')) };
    expect(await knock(listener.url, { ca })).toContain('self-signed');
    expect(await knock(listener.url, second)).toBe('101');
    writeFileSync(files.key, 'no key');
    listener.reloadCertificate?.();
    expect(warnings).toEqual([expect.objectContaining({ code: 'CONFIG_INVALID' })]);
    expect(await knock(listener.url, second)).toBe('101');
    rmSync(directory, { recursive: true });
  });

  it.each([
    ['there is no such file', { ...FIRST, key: '/nowhere/key.pem' }, 'CONFIG_UNREADABLE', 'listen.tls.key'],
    ['the key is of another certificate', { ...FIRST, key: pem('second-key') }, 'CONFIG_INVALID', 'listen.tls'],
    ['the certificate is a key', { ...FIRST, cert: FIRST.key }, 'CONFIG_INVALID', 'listen.tls'],
  ])('%s: said when it starts', (_, files, code, field) => {
    expect(() => readCertificate(files)).toThrow(expect.objectContaining({ code, details: { field } }));
  });
});

describe('beyond this machine', () => {
  const at =
    (host: string, more = {}) =>
    () =>
      checkListen({ host, port: 0, ...more });
  it.each(['0.0.0.0', '::', '192.0.2.1', 'fl.example.org', '127.0.0.1.evil.example', '128.0.0.1'])(
    '%s without TLS is refused, with the remedy',
    (host) => {
      expect(at(host)).toThrow(/listen\.tls.*proxy.*listen\.insecure: true/);
      expect(at(host, { insecure: false })).toThrow();
      expect(at(host, { insecure: true })).not.toThrow();
      expect(at(host, { tls: FIRST })).not.toThrow();
    },
  );
  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost'])('%s is this machine', (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(at(host)).not.toThrow();
  });

  it('opening it says the same: no way round', async () => {
    await expect(listening({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('addresses', () => {
  const behind = { origins: undefined, proxyHeader: 'x-forwarded-for' };
  const direct = { origins: undefined, proxyHeader: undefined };
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' };

  it('I name another address in a header: without a proxy it says nothing', () => {
    expect(addressOf({ headers }, '192.0.2.1', direct)).toBe('192.0.2.1');
  });
  it('behind a proxy what the proxy added counts, not what I wrote before it', () => {
    expect(addressOf({ headers }, '192.0.2.1', behind)).toBe('203.0.113.9');
    expect(addressOf({ headers: {} }, '192.0.2.1', behind)).toBe('192.0.2.1');
  });
  it('IPv4 in IPv6 clothes is the same machine', () => {
    expect(addressOf({ headers: {} }, '::ffff:192.0.2.1', direct)).toBe('192.0.2.1');
  });

  it('an address without room hears when to come back; others come in', async () => {
    const asked: (string | undefined)[] = [];
    const { url } = await listening({
      proxyHeader: 'x-real-ip',
      room: (address) => {
        asked.push(address);
        return address !== '203.0.113.9';
      },
    });
    expect(await knock(url, { headers: { 'x-real-ip': '203.0.113.9' } })).toBe('503');
    expect(await knock(url, { headers: { 'x-real-ip': '203.0.113.8' } })).toBe('101');
    expect(asked).toEqual(['203.0.113.9', '203.0.113.8']);
  });
});
