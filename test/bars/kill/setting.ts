// The task of the kill bar: client i moves coordinate i by one half and nothing else, so the sum of a round says exactly who is in
// it, and how often (janus calls it one-hot accounting). Not a test.

import { type Identity, identityOf } from '../../../protocol/crypto/identity.js';
import { Secret } from '../../../protocol/crypto/secret.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import type { TaskConfig, Window } from '../../../protocol/task.js';
import { taskOf } from '../../protocol/tasks.js';

export interface KillPlan {
  readonly clients: number;
  /** Members of a cohort. */
  readonly cohort: number;
  readonly seed: number;
  readonly directory: string;
  readonly port: number;
}

export function killTask({ clients, cohort }: KillPlan): TaskConfig {
  const task = taskOf({ size: cohort, dimension: clients });
  // Long enough for a busy machine: rounds end because everybody answered, or because the coordinator died.
  const longer = ({ count }: Window): Window => ({ count, time: { min: 0, max: 8_000 } });
  const windows = Object.fromEntries(Object.entries(task.windows).map(([phase, one]) => [phase, longer(one)]));
  return { ...task, task: 'kill', windows: windows as TaskConfig['windows'] };
}

/** Seeded identities, so that every process knows who client i is. Index −1 is the coordinator. */
export function identityNumber(seed: number, index: number): Identity {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, seed);
  new DataView(bytes.buffer).setInt32(4, index);
  return identityOf(nativePrimitives, new Secret(nativePrimitives.sha256(bytes)));
}
