// The model chain as a third party recomputes it: each record signed and adjacent, each model bit for bit what its aggregate makes
// of the one before. Not here: the log around it (verify.ts).

import { recordFromJson } from '../../protocol/audit/record-json.js';
import {
  hashOfBlob,
  type ModelState,
  nextModel,
  optimizerFromBytes,
  optimizerHash,
  weightsBytes,
  weightsFromBytes,
} from '../../protocol/chain/model.js';
import { recordHash, verifyRecord } from '../../protocol/chain/record.js';
import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { configHash, deriveTask, type Json, type TaskConfig } from '../../protocol/task.js';
import { parseTask } from '../../protocol/task-schema.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import type { CoordinatorKeys } from './coordinator-keys.js';
import type { Verdict } from './verify.js';

const NOTHING = new Uint8Array(0);

export class ModelLinks {
  readonly #primitives: Primitives;
  readonly #coordinator: Pick<CoordinatorKeys, 'current'>;
  readonly #blob: (hash: Hash) => Uint8Array | undefined;
  readonly #problem: (text: string) => void;
  #task = '';
  #config: TaskConfig | undefined;
  #configHash = NOTHING;
  #before: ChainRecordBody | undefined;
  /** The model after `#before`, where it could be recomputed or is in the export. */
  #model: ModelState | undefined;
  readonly #known = new Map<Hash, ChainRecordBody>();
  #recomputed = 0;
  #rollBacks = 0;
  #records = 0;

  constructor(
    primitives: Primitives,
    coordinator: Pick<CoordinatorKeys, 'current'>,
    blob: (hash: Hash) => Uint8Array | undefined,
    problem: (text: string) => void,
  ) {
    this.#primitives = primitives;
    this.#coordinator = coordinator;
    this.#blob = blob;
    this.#problem = problem;
  }

  /** @param text canonical settings of the task @throws CONFIG_* where they are none */
  begin(task: string, text: string): void {
    this.#task = task;
    this.#configHash = new Uint8Array(configHash(this.#primitives, text));
    this.#config = parseTask(text);
    deriveTask(this.#config);
  }

  /** @param at the event that holds it, for messages */
  take(at: number, hash: Hash, json: Json): void {
    const record = recordFromJson(json);
    if (record === undefined) {
      this.#problem(`event ${at}: this is no record of a model chain`);
      return;
    }
    this.#records++;
    const before = this.#before;
    const bad = (text: string): void => this.#problem(`event ${at}, model of round ${record.round}: ${text}`);
    if (hashOf(recordHash(this.#primitives, record)) !== hash) bad('its hash is another one');
    if (!verifyRecord(this.#primitives, this.#coordinator.current, record)) bad('it is not signed by the coordinator');
    if (record.task !== this.#task || !bytesEqual(record.config, this.#configHash))
      bad('it is of another task, or of other settings');
    if (before === undefined ? record.type !== 'genesis' : record.type === 'genesis')
      bad('a chain starts with genesis, and with nothing else');
    if (before !== undefined) {
      if (!bytesEqual(record.previous, recordHash(this.#primitives, before)))
        bad('it does not follow the record before it');
      if (!bytesEqual(record.modelBefore, before.modelAfter))
        bad('it starts from another model than the one before it');
      if (record.round <= before.round) bad(`it follows round ${before.round}`);
    }
    try {
      this.#model = this.#step(record, bad);
    } catch (error) {
      // Bytes that have their hash and are no model of this task.
      if (!(error instanceof SottoError)) throw error;
      bad(error.message);
      this.#model = undefined;
    }
    this.#before = record;
    this.#known.set(hash, record);
  }

  summary(): Verdict['models'] {
    const newest = this.#before;
    return {
      records: this.#records,
      recomputed: this.#recomputed,
      notRecomputed: this.#records - this.#recomputed - this.#rollBacks,
      rollBacks: this.#rollBacks,
      newest: newest === undefined ? undefined : hashOf(newest.modelAfter),
    };
  }

  /** The model that the record names, if it can be had. */
  #step(record: ChainRecordBody, bad: (text: string) => void): ModelState | undefined {
    const config = this.#config;
    if (config === undefined) return undefined;
    if (record.type === 'update') {
      const model = this.#recompute(config, record, bad);
      if (model !== undefined) return model;
    }
    if (record.type === 'rollback') this.#checkAncestor(record, bad);
    const stored = this.#stored(config, record, bad);
    if (record.type === 'genesis' && stored !== undefined) this.#recomputed++;
    return stored;
  }

  #checkAncestor(record: ChainRecordBody, bad: (text: string) => void): void {
    this.#rollBacks++;
    const ancestor = this.#known.get(hashOf(record.transcript));
    if (ancestor === undefined) {
      bad('it goes back to a record that is not in the log');
      return;
    }
    const same =
      bytesEqual(ancestor.modelAfter, record.modelAfter) &&
      bytesEqual(ancestor.optimizerAfter, record.optimizerAfter) &&
      ancestor.step === record.step;
    if (!same) bad('it goes back to another model than that of its ancestor');
    this.#checked(record.aggregate, 'reason', bad);
  }

  #recompute(config: TaskConfig, record: ChainRecordBody, bad: (text: string) => void): ModelState | undefined {
    const bytes = this.#checked(record.aggregate, 'aggregate', bad);
    if (this.#model === undefined || bytes === undefined) return undefined;
    const next = nextModel(config.optimizer, this.#model, weightsFromBytes(bytes, config.dimension));
    if (!bytesEqual(hashOfBlob(this.#primitives, weightsBytes(next.weights)), record.modelAfter)) {
      bad('the model is not what its aggregate makes of the model before');
      return undefined;
    }
    if (!bytesEqual(optimizerHash(this.#primitives, next.optimizer), record.optimizerAfter)) {
      bad("the optimiser's state is not what its aggregate makes of the one before");
      return undefined;
    }
    this.#recomputed++;
    return next;
  }

  #stored(config: TaskConfig, record: ChainRecordBody, bad: (text: string) => void): ModelState | undefined {
    const model = this.#checked(record.modelAfter, 'model', bad);
    const none = record.optimizerAfter.length === 0;
    const optimizer = none ? NOTHING : this.#checked(record.optimizerAfter, 'optimiser state', bad);
    if (model === undefined || optimizer === undefined) return undefined;
    return {
      weights: weightsFromBytes(model, config.dimension),
      optimizer: optimizerFromBytes(config.optimizer, config.dimension, record.step, optimizer),
    };
  }

  /** Bytes from the export, if they are there and have this hash. */
  #checked(hash: Uint8Array, what: string, bad: (text: string) => void): Uint8Array | undefined {
    const bytes = this.#blob(hashOf(hash));
    if (bytes === undefined || bytesEqual(hashOfBlob(this.#primitives, bytes), hash)) return bytes;
    bad(`the bytes of its ${what} do not have its hash`);
    return undefined;
  }
}
