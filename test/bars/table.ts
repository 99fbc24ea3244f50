// The bars, in the order of operations.md §7. Not here: what each does (its folder).

import { type Bar, bar } from './bar.js';
import { crowdBar } from './crowd/run.js';
import { diskBar } from './disk/run.js';
import { framesBar } from './frames/run.js';
import { hostileBar } from './hostile/run.js';
import { killBar } from './kill/run.js';
import { matrixBar } from './matrix/run.js';
import { networkBar } from './network/run.js';
import { reconnectBar } from './reconnect/run.js';
import { rfc6455Bar } from './rfc6455/run.js';
import { runtimesBar } from './runtimes/run.js';
import { soakBar } from './soak/run.js';
import { uploadBar } from './uploads/run.js';

export const BARS: readonly Bar[] = [
  bar({
    name: 'kill',
    claims: 'kill -9 of a coordinator in real rounds: nothing acknowledged is lost, ready in 1.5 s, going on in 10 s',
    long: { kills: 50, clients: 200, cohort: 40, seed: 1 },
    short: { kills: 3, clients: 10, cohort: 6 },
    async run(options, say) {
      const result = await killBar({ ...options, say });
      return { ...result, ok: result.ok && result.readyMs.worst <= 1_500 && result.continuedMs.worst <= 10_000 };
    },
  }),
  bar({
    name: 'hostile',
    claims: 'every attack of operations.md §3.2 and 10,000 sockets: below 512 MB, and no honest client is dropped',
    long: { honest: 50, cohort: 16, dimension: 50_000, scale: 100, seconds: 10, limit: 512, seed: 1 },
    short: { honest: 8, cohort: 8, dimension: 20_000, scale: 5, seconds: 1 },
    run: (options, say) => hostileBar({ ...options, say }),
  }),
  bar({
    name: 'crowd',
    claims:
      '10,000 authenticated clients: 20 KB each, all in within 8 s, heartbeats and metrics that cost next to nothing',
    long: { clients: 10_000, seconds: 600, seed: 1 },
    short: { clients: 1_000, seconds: 5 },
    run: (options, say) => crowdBar({ ...options, say }),
  }),
  bar({
    name: 'matrix',
    claims: 'message × phase × defect: state unchanged, the right close code, one audit event, and the exact sum',
    long: { cases: 0, seed: 1 },
    short: { cases: 60 },
    run: (options, say) => matrixBar({ ...options, say }),
  }),
  bar({
    name: 'uploads',
    claims:
      '100 masked inputs of 4 MiB a second, at a fair part of bare websockets and TCP; cut uploads resume, the sum is exact',
    // A coordinator runs for days; the first rounds of a process are slower. So the median is of many, the first ones with them.
    long: { clients: 64, dimension: 1_048_576, rounds: 12, cutRounds: 2, seed: 1 },
    // Of inputs of six chunks: enough to cut, and nothing that is timed.
    short: { clients: 40, dimension: 393_216, rounds: 1, cutRounds: 1 },
    run: (options, say) => uploadBar({ ...options, say }),
  }),
  bar({
    name: 'frames',
    claims: 'mutated frames: none throws, blocks for 20 ms or costs four times its bytes',
    long: { frames: 300_000, seed: 1 },
    short: { frames: 20_000 },
    run: (options) => framesBar(options),
  }),
  bar({
    name: 'network',
    claims:
      'real clients over bad lines: 99 % of rounds commit exactly the sum of their survivors, the rest say why not',
    long: { rounds: 300, campaigns: 4, clients: 12, cohort: 10, dimension: 200_000, storm: 25, seed: 1 },
    short: { rounds: 12, campaigns: 4, dimension: 20_000, storm: 2 },
    run: (options, say) => networkBar({ ...options, say }),
  }),
  bar({
    name: 'reconnect',
    claims:
      '5,000 clients of a coordinator that dies or stops: all are back, and never more than 600 handshakes a second',
    long: { clients: 5_000, seed: 1 },
    short: { clients: 800 },
    run: (options, say) => reconnectBar({ ...options, say }),
  }),
  bar({
    name: 'disk',
    claims:
      'damaged stores, failing writes, a full disk: opens complete or refuses with the remedy; nothing acknowledged is lost',
    long: { damages: 1_500, pages: 64, rows: 200, faults: 200, rounds: 12, seed: 1 },
    short: { damages: 20, pages: 4, rows: 4, faults: 3 },
    run: (options, say) => diskBar({ ...options, say }),
  }),
  bar({
    name: 'rfc6455',
    claims: 'raw RFC 6455 and HTTP: each case ends with its status or code, and its socket is free within 1 s',
    long: {},
    run: () => rfc6455Bar(),
  }),
  bar({
    name: 'soak',
    claims: 'thousands of rounds: once it is warm, no slope in memory, handles or the time of a round',
    long: { rounds: 3_000, clients: 20, cohort: 10, seed: 1 },
    short: { rounds: 90, clients: 8, cohort: 6 },
    run: (options, say) => soakBar({ ...options, say }),
  }),
  bar({
    name: 'runtimes',
    claims: 'the client core in every Node, Deno and Bun that is here finishes rounds with sketches, and with noise',
    long: {},
    run: (_, say) => runtimesBar(say),
  }),
];
