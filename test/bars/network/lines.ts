// How bad which line is: four kinds of clients' lines, and what befalls each connection, drawn from the seed by client and connection.
// Not here: doing it (proxy.ts).

import type { Line } from './proxy.js';

const KINDS: readonly Pick<Line, 'latencyMs' | 'jitterMs' | 'bytesPerSecond' | 'segmentBytes'>[] = [
  // A good one.
  { latencyMs: 10, jitterMs: 5, bytesPerSecond: Number.POSITIVE_INFINITY, segmentBytes: Number.POSITIVE_INFINITY },
  // Mobile.
  { latencyMs: 50, jitterMs: 500, bytesPerSecond: 1 << 20, segmentBytes: Number.POSITIVE_INFINITY },
  // Slow: 256 KiB/s.
  { latencyMs: 30, jitterMs: 20, bytesPerSecond: 256 * 1024, segmentBytes: Number.POSITIVE_INFINITY },
  // Cut small: no frame, and no header of one, comes in one piece.
  { latencyMs: 20, jitterMs: 20, bytesPerSecond: 4 << 20, segmentBytes: 211 },
];

/** Of all uploads this share is cut in the middle, on average. */
const CUT_UPLOADS = 0.3;
/** Mean time to a reset that has nothing to do with bytes. */
const RESET_MS = 200_000;
const DEAF = 0.02;
const STALLED = 0.2;

/** @param uploadBytes what a client sends in one round */
export function lineOf(client: number, uploadBytes: number, random: () => number): Line {
  // safe: there are kinds
  const kind = KINDS[client % KINDS.length]!;
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const [deaf, stalled] = [random() < DEAF, random() < STALLED];
  return {
    ...kind,
    resetAfterBytes: Math.ceil(exponential(uploadBytes / CUT_UPLOADS)),
    resetAfterMs: exponential(RESET_MS),
    deafAfterBytes: deaf ? Math.ceil(random() * 4 * uploadBytes) : Number.POSITIVE_INFINITY,
    stall: stalled ? { afterBytes: Math.ceil(random() * 2 * uploadBytes), ms: 500 + 3_000 * random() } : undefined,
  };
}
