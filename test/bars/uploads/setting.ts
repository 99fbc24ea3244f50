// The task of the upload bar: client i moves coordinate i by one half and nothing else (one-hot accounting), inputs are 4 bytes a
// coordinate, groups of eight keep the clients' own masking cheap. Not a test.

import { type Identity, identityOf } from '../../../protocol/crypto/identity.js';
import { Secret } from '../../../protocol/crypto/secret.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import { type TaskConfig, WAITING_PHASES } from '../../../protocol/task.js';
import { taskOf } from '../../protocol/tasks.js';

export interface UploadPlan {
  /** A multiple of 8, at least 40. */
  readonly clients: number;
  readonly dimension: number;
  readonly rounds: number;
  /** Rounds after those in which lines are cut in the middle of uploads. */
  readonly cutRounds: number;
  readonly seed: number;
}
/** Moves of one client, on the grid. */
export const STEP = 0.5;
const SIZE = 8;
/** Of eight. */
const THRESHOLD = 6;
/** One step of the grid is 2^-21, and sums of eight need the ring of 32 bits. */
const BITS = 22;

export function uploadTask({ clients, dimension }: UploadPlan): TaskConfig {
  const levels = 2 ** (BITS - 1) - 1;
  const task = taskOf({ size: SIZE, count: clients / SIZE, dimension });
  const encoding = {
    clipNorm: 1e6,
    range: levels / 2 ** (BITS - 1),
    bits: BITS,
    weighting: { by: 'uniform' },
  } as const;
  // Nobody may be late, and whoever was cut is waited for: what is measured ends when all inputs are in.
  const window = (least: number) => ({ count: { min: least, max: SIZE }, time: { min: 0, max: 600_000 } });
  const windows = Object.fromEntries(
    // A line that is cut behind its last chunk is lost for the rest of the round, and its input is in the sum.
    WAITING_PHASES.map((phase) => [phase, window(phase === 'consistency' || phase === 'unmask' ? THRESHOLD : SIZE)]),
  ) as TaskConfig['windows'];
  return { ...task, task: 'uploads', encoding, windows };
}

/** Seeded identities, so that every process knows who client i is. Index −1 is the coordinator. */
export function identityNumber(seed: number, index: number): Identity {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, seed);
  new DataView(bytes.buffer).setInt32(4, index);
  return identityOf(nativePrimitives, new Secret(nativePrimitives.sha256(bytes)));
}
