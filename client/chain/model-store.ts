// Where the last verified model may outlive the process, so that a restart need not trust a checkpoint again.
// Optional: without it the client keeps the model in memory. Not here: guard records (guards.ts), which are not optional.
import type { ClientId } from '../../protocol/ids.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';

/** A model with the signed record that names it. The arrays are read only. */
export interface KeptModel {
  readonly record: ChainRecordBody;
  /** Blob bytes of the weights and of the optimiser's state (empty where it has none). */
  readonly model: Uint8Array;
  readonly optimizer: Uint8Array;
}

export interface ModelStore {
  /** What this gives is checked against its record, and the record against the pinned key, before it is used. */
  load(coordinator: ClientId, task: string): Promise<KeptModel | undefined>;
  /** Replaces what was there. A failure is reported as an `error` event and is otherwise harmless: the chain is fetched again. */
  save(coordinator: ClientId, task: string, kept: KeptModel): Promise<void>;
}

/** For tests, and for clients that come and go within one process. */
export function memoryModels(): ModelStore {
  const models = new Map<string, KeptModel>();
  return {
    load: async (coordinator, task) => models.get(`${coordinator} ${task}`),
    async save(coordinator, task, kept) {
      models.set(`${coordinator} ${task}`, kept);
    },
  };
}
