// What unfinished inputs may take of the process's memory. Pure. Not here: who of the clients gets it (tickets.ts), the process's memory as
// it is (driver/memory.ts).

import { SottoError } from '../../protocol/errors.js';
import { MAX_UPLOAD_BYTES } from '../../protocol/limits.js';
import type { Derived, TaskConfig } from '../../protocol/task.js';

/** Parts of `memoryBytes`: for unfinished inputs, and for those with the ones that the task has the coordinator keep whole. */
const UNFINISHED = 0.25;
const INPUTS = 0.5;

/**
 * Bytes of unfinished inputs.
 * @param memoryBytes of the process; absent: no limit
 * @throws SottoError CONFIG_INVALID where the inputs that have to be kept whole until the round is over do not fit
 */
export function uploadBudget(task: TaskConfig, { inputBytes }: Derived, memoryBytes?: number): number {
  if (memoryBytes === undefined) return MAX_UPLOAD_BYTES;
  const budget = Math.min(MAX_UPLOAD_BYTES, Math.floor(UNFINISHED * memoryBytes));
  // Rows of profile `open` wait for the rule, inputs with sketches for R4. All others are added up as soon as they are complete.
  const kept = task.profile === 'open' || task.integrity !== 'none' ? task.group.size * task.group.count : 0;
  const needed = Math.max(inputBytes / UNFINISHED, (kept * inputBytes) / INPUTS);
  if (needed <= memoryBytes) return budget;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
  throw new SottoError(
    'CONFIG_INVALID',
    `memoryBytes is ${mib(memoryBytes)}; ${kept === 0 ? 'one input' : `${kept} inputs, which this task has to keep until its round is over,`} of ${mib(inputBytes)} need ${mib(needed)}: raise it, or make cohort or model smaller`,
    { field: 'memoryBytes' },
  );
}
