// One client's vector work: the whole mask step for a million weights in a clique of 64, and from which size on a thread pays.
import { plainUpdate } from '../client/engine.js';
import { EngineThread } from '../client/node/index.js';
import { nativeRng } from '../protocol/native/index.js';
import type { ClientWork, Ring } from '../protocol/secagg/jobs.js';
import { atMost, type Bench, cpuMs, msPerCallAsync, type Row, row } from './harness.js';

function maskWork(dimension: number, peers: number, ring: Ring): ClientWork {
  return {
    type: 'mask',
    encoding: { dimension, clipNorm: 5, range: 1, levels: 127, ring, weighted: false },
    prg: 'aes256ctr',
    weight: 1,
    roundingKey: nativeRng(32),
    selfKey: nativeRng(32),
    pairs: Array.from({ length: peers }, (_, i) => ({ key: nativeRng(32), sign: i % 2 === 0 ? 1 : -1 })),
  };
}
const updateOf = (dimension: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: dimension }, (_, i) => Math.sin(i) / dimension);

export const clientBench: Bench = {
  name: 'client',
  title: 'a client: encode, mask, cut and hash one update; inline or in a thread',
  async run() {
    const thread = new EngineThread();
    const rows: Row[] = [];
    const [inline, threaded] = [thread.engine(Number.POSITIVE_INFINITY), thread.engine(0)];
    const million = updateOf(1_000_000);
    for (const ring of [16, 24, 32] as const) {
      const work = maskWork(1_000_000, 63, ring);
      await inline.run(work, million);
      const ms = await cpuMs(() => inline.run(work, million));
      rows.push(atMost(200, row(`mask step, d = 1M, 64 members, ρ = ${ring}, CPU`, ms, 'ms')));
    }
    for (const [dimension, peers] of [
      [7_850, 7],
      [101_770, 7],
      [101_770, 63],
      [1_000_000, 7],
    ] as const) {
      const work = maskWork(dimension, peers, 16);
      const update = updateOf(dimension);
      const what = `d = ${dimension}, ${peers + 1} members, ρ = 16`;
      rows.push(row(`${what}: inline`, await msPerCallAsync(() => inline.run(work, update)), 'ms'));
      rows.push(row(`${what}: thread`, await msPerCallAsync(() => threaded.run(work, update)), 'ms'));
    }
    const { encoding } = maskWork(1_000_000, 0, 32);
    const plain = await cpuMs(() => plainUpdate({ type: 'plain', encoding }, million));
    rows.push(row('plain update (profile open), d = 1M, CPU', plain, 'ms'));
    await thread.close();
    return rows;
  },
};
