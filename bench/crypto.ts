// What the small operations of a round cost, noble against node:crypto, and how fast masks can be made.
import { webKeystream } from '../client/webcrypto.js';
import { portablePrimitives } from '../protocol/crypto/portable.js';
import { portableKeystream } from '../protocol/crypto/portable-keystream.js';
import type { Prg, Primitives } from '../protocol/crypto/primitives.js';
import { combineWith, lagrangeAtZero, splitSecret } from '../protocol/crypto/shamir.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../protocol/native/index.js';
import { atLeast, type Bench, gigabytesPerSecond, msPerCall, msPerCallAsync, type Row, row } from './harness.js';

const PIECE = 65_536;

function operations(crypto: Primitives): Record<string, () => unknown> {
  const [secret, other, message, nonce] = [nativeRng(32), nativeRng(32), nativeRng(200), nativeRng(12)];
  const publicKey = crypto.signingPublic(secret);
  const peer = crypto.agreementPublic(other);
  const signature = crypto.sign(secret, message);
  const box = crypto.seal(secret, nonce, message, message);
  return {
    sign: () => crypto.sign(secret, message),
    verify: () => crypto.verify(publicKey, message, signature),
    'agree (known secret)': () => crypto.agree(secret, peer),
    'agreement key, fresh secret': () => crypto.agreementPublic(nativeRng(32)),
    'hkdf, 32 bytes': () => crypto.hkdf(secret, other, message, 32),
    'sha256, 200 bytes': () => crypto.sha256(message),
    'seal, 200 bytes': () => crypto.seal(secret, nonce, message, message),
    'open, 200 bytes': () => crypto.open(secret, nonce, message, box),
  };
}

function small(): Row[] {
  const portable = operations(portablePrimitives);
  const native = operations(nativePrimitives);
  return Object.keys(native).flatMap((name) => {
    const run = (of: Record<string, () => unknown>): number => 1000 * msPerCall(of[name] ?? (() => undefined));
    const [slow, fast] = [run(portable), run(native)];
    return [row(`${name}, portable`, slow, 'µs'), row(`${name}, native`, fast, 'µs'), row('  ratio', slow / fast, 'x')];
  });
}

async function streams(): Promise<Row[]> {
  const key = nativeRng(32);
  const rows: Row[] = [];
  for (const prg of ['aes256ctr', 'chacha20'] as const satisfies readonly Prg[]) {
    const native = nativeKeystream(prg, key);
    const portable = portableKeystream(prg, key);
    const fast = gigabytesPerSecond(
      PIECE,
      msPerCall(() => native.read(PIECE)),
    );
    const slow = gigabytesPerSecond(
      PIECE,
      msPerCall(() => portable.read(PIECE)),
    );
    rows.push(row(`${prg} stream, native`, fast, 'GB/s'), row(`${prg} stream, portable`, slow, 'GB/s'));
    if (prg === 'aes256ctr') {
      const web = webKeystream(prg, key);
      const ms = await msPerCallAsync(async () => web.read(16 * PIECE));
      rows.push(row(`${prg} stream, WebCrypto, 1 MiB reads`, gigabytesPerSecond(16 * PIECE, ms), 'GB/s'));
      rows.push(atLeast(10, row('  native over portable', fast / slow, 'x')));
    }
  }
  return rows;
}

function sharing(): Row[] {
  return [
    [43, 64],
    [86, 128],
  ].flatMap(([t = 0, n = 0]) => {
    const secret = nativeRng(32);
    const shares = splitSecret(secret, t, n, nativeRng).slice(0, t);
    const ranks = shares.map((_, rank) => rank);
    const lambdas = lagrangeAtZero(ranks);
    return [
      row(
        `shamir ${t} of ${n}: split two secrets (a client's round)`,
        2 * msPerCall(() => splitSecret(secret, t, n, nativeRng)),
        'ms',
      ),
      row(
        `shamir ${t} of ${n}: coefficients, once`,
        msPerCall(() => lagrangeAtZero(ranks)),
        'ms',
      ),
      row(`shamir ${t} of ${n}: rebuild ${n} secrets`, n * msPerCall(() => combineWith(lambdas, shares)), 'ms'),
    ];
  });
}

export const cryptoBench: Bench = {
  name: 'crypto',
  title: 'signatures, agreements, key streams and secret sharing',
  run: async () => [...small(), ...(await streams()), ...sharing()],
};
