// The attacks of operations.md §3.2, and floods beside them. Each comes from addresses of its own, holds what it has for a while, and
// gives up. Not here: sockets (attack.ts), what the coordinator must keep meanwhile (run.ts).

import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { CHUNK_BYTES, MAX_FRAME_BYTES } from '../../../protocol/limits.js';
import { encodeFrame } from '../../../protocol/wire/frame.js';
import { LightClient } from '../host/light-client.js';
import { identityNumber } from '../kill/setting.js';
import { frame, request } from '../rfc6455/wire.js';
import { addressOf, claim, crowd, type Fate, freshFate, pause, Raw, type Target } from './attack.js';

export interface Attack {
  readonly name: string;
  /** In the table of operations.md. */
  readonly row: string;
  /** Sockets, or tries, of the long form. */
  readonly count: number;
  /** @param seconds how long it holds on */
  run(target: Target, count: number, seconds: number): Promise<Fate>;
}

const PER_ADDRESS = 50;

/** Opens sockets, does something with each that is upgraded, holds all of them, drops them. */
function holding(
  work: (raw: Raw, n: number) => Promise<void>,
  head?: string,
): (target: Target, count: number, seconds: number) => Promise<Fate> {
  return async (target, count, seconds) => {
    const fate = freshFate();
    const all: Raw[] = [];
    await crowd(count, 200, async (n) => {
      const raw = new Raw(target, addressOf(n, PER_ADDRESS), fate, head);
      all.push(raw);
      if (head === undefined ? await raw.up() : true) await work(raw, n);
    });
    await Promise.race([pause(seconds * 1_000), Promise.all(all.map(({ gone }) => gone))]);
    for (const raw of all) raw.end();
    await Promise.all(all.map(({ gone }) => gone));
    return fate;
  };
}

/** Enrolled ones, which are trusted no more than strangers. They take no part in rounds. */
async function members(
  target: Target,
  count: number,
  work: (client: LightClient, n: number) => Promise<void>,
): Promise<{ readonly all: LightClient[]; readonly fate: Fate }> {
  const fate = freshFate();
  const all: LightClient[] = [];
  await crowd(count, 50, async (n) => {
    const identity = identityNumber(target.seed, 100_000 + n);
    const url = `ws://127.0.0.1:${target.port}`;
    fate.opened++;
    const came = await LightClient.connect({ url, identity, coordinator: target.id, task: undefined });
    if (came.type !== 'in') {
      fate.refused++;
      return;
    }
    fate.upgraded++;
    const { client } = came;
    client.lost = (code) => {
      fate.closed[code] = (fate.closed[code] ?? 0) + 1;
    };
    all.push(client);
    await work(client, n);
  });
  return { all, fate };
}

const bomb = (): Buffer => {
  const payload = deflateRawSync(Buffer.alloc(50 << 20), { level: 9 });
  return frame({ opcode: 2, rsv: 4, payload });
};
const HALF_A_HEADER = 'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: webs';
const DEFLATE = request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' });

export const ATTACKS: readonly Attack[] = [
  {
    name: 'strangers claim 8 MiB and stall',
    row: 'A1',
    count: 300,
    run: holding((raw) => raw.write(claim(8 << 20, 300 << 10))),
  },
  {
    name: 'strangers send 303 of 304 KiB and stall',
    row: 'A1b',
    count: 2_000,
    run: holding((raw) => raw.write(claim(304 << 10, 303 << 10))),
  },
  {
    name: 'members send all but one byte of a full frame and stall',
    row: 'A1',
    count: 1_000,
    async run(target, count, seconds) {
      const { all, fate } = await members(target, count, async ({ socket }) => {
        // The raw stream below ws, which would send whole messages only.
        const { _socket: stream } = socket as unknown as { readonly _socket: { write(bytes: Buffer): void } };
        stream.write(claim(MAX_FRAME_BYTES, MAX_FRAME_BYTES - 1));
      });
      await pause(seconds * 1_000);
      for (const client of all) client.cut();
      return fate;
    },
  },
  {
    name: 'messages of 16,000 fragments without an end',
    row: 'A3',
    count: 40,
    run: holding(async (raw) => {
      const first = frame({ opcode: 2, fin: false, payload: Buffer.alloc(1) });
      const more = frame({ opcode: 0, fin: false, payload: Buffer.alloc(1) });
      await raw.write(Buffer.concat([first, ...Array.from({ length: 16_000 }, () => more)]));
    }),
  },
  {
    name: 'messages of 131,000 fragments',
    row: 'A3b',
    count: 4,
    run: holding(async (raw) => {
      const first = frame({ opcode: 2, fin: false, payload: Buffer.alloc(1) });
      const more = frame({ opcode: 0, fin: false, payload: Buffer.alloc(1) });
      await raw.write(Buffer.concat([first, ...Array.from({ length: 131_000 }, () => more)]));
    }),
  },
  { name: 'claims of 2^60 bytes', row: 'A5', count: 100, run: holding((raw) => raw.write(claim(2n ** 60n, 1 << 10))) },
  {
    name: 'deflate bombs of 50 MiB',
    row: 'A6',
    count: 20,
    run: (target, count, seconds) => {
      const bytes = bomb();
      return holding((raw) => raw.up().then(() => raw.write(bytes)), DEFLATE)(target, count, seconds);
    },
  },
  { name: 'half a request head', row: 'A7', count: 2_000, run: holding(async () => {}, HALF_A_HEADER) },
  {
    name: 'pings without end',
    row: 'A8',
    count: 1_000_000,
    async run(target, count) {
      const fate = freshFate();
      const burst = Buffer.concat(Array.from({ length: 1_000 }, () => frame({ opcode: 9, payload: Buffer.alloc(8) })));
      // Each socket sends until it is closed; then the next one comes.
      let sent = 0;
      await crowd(Math.ceil(count / 1_000), 20, async (n) => {
        if (sent >= count) return;
        const raw = new Raw(target, addressOf(n, PER_ADDRESS), fate);
        if (await raw.up()) {
          sent += 1_000;
          await raw.write(burst);
        }
        await Promise.race([raw.gone, pause(1_000)]);
        raw.end();
        await raw.gone;
      });
      return fate;
    },
  },
  {
    name: 'members ask for the model and read nothing',
    row: 'A9',
    count: 200,
    async run(target, count, seconds) {
      const model = new Uint8Array(32);
      const { all, fate } = await members(target, count, async (client) => {
        const known = new Promise<Uint8Array>((resolve) => {
          client.heard = (message) => {
            if (message.kind === 'chain') resolve(message.records.at(-1)?.modelAfter ?? model);
          };
        });
        client.say({ kind: 'wantChain', task: target.task, after: new Uint8Array(0) });
        const blob = await Promise.race([known, pause(5_000).then(() => model)]);
        client.socket.pause();
        client.say({ kind: 'want', blob });
      });
      await pause(seconds * 1_000);
      for (const client of all) client.cut();
      return fate;
    },
  },
  {
    name: 'strangers with wrong proofs',
    row: 'handshakes',
    count: 3_000,
    async run(target, count) {
      const fate = freshFate();
      await crowd(count, 50, async (n) => {
        const raw = new Raw(target, addressOf(n, PER_ADDRESS), fate);
        if (await raw.up()) {
          const { publicKey: client } = identityNumber(target.seed, 200_000 + (n % 100));
          const hello = encodeFrame({ kind: 'hello', client, nonce: randomBytes(32), agent: 'attacker' });
          const proof = encodeFrame({ kind: 'proof', signature: randomBytes(64) });
          await raw.write(Buffer.concat([hello, proof].map((payload) => frame({ opcode: 2, payload }))));
        }
        await Promise.race([raw.gone, pause(2_000)]);
        raw.end();
        await raw.gone;
      });
      return fate;
    },
  },
  {
    name: 'members with chunks of uploads that nobody asked for',
    row: 'uploads',
    count: 100,
    async run(target, count, seconds) {
      const { all, fate } = await members(target, count, async (client, n) => {
        const run = { round: 1, attempt: 1, group: 0 };
        for (let index = 0; index < 20; index++)
          client.say({ kind: 'inputChunk', run, index: n + index, section: randomBytes(CHUNK_BYTES) });
      });
      await pause(Math.min(seconds, 2) * 1_000);
      for (const client of all) client.cut();
      return fate;
    },
  },
  {
    name: 'unauthenticated sockets, silent, and again when they are refused',
    row: '10,000 sockets',
    count: 10_000,
    async run(target, count, seconds) {
      const fate = freshFate();
      const until = performance.now() + seconds * 1_000;
      const held = new Set<Raw>();
      const one = async (n: number): Promise<void> => {
        // As many at the same time as there are; each comes again as soon as it is refused or cut.
        while (performance.now() < until) {
          const raw = new Raw(target, addressOf(n, PER_ADDRESS), fate);
          held.add(raw);
          await raw.gone;
          held.delete(raw);
          await pause(1_000);
        }
      };
      const all = Array.from({ length: count }, (_, n) => pause(Math.random() * 1_000).then(() => one(n)));
      const end = pause(seconds * 1_000 + 500).then(() => {
        for (const raw of held) raw.end();
      });
      await Promise.all([...all, end]);
      return fate;
    },
  },
];
