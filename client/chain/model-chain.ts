// The guard against a forged model (protocol.md §6.5): this client trains only from a model that it has recomputed from the
// one before and the published aggregates, or that a signed checkpoint names where it has none yet.
// Not here: getting the bytes (requests.ts), the arithmetic of a step (protocol/chain, protocol/optimizer).

import type { SignerOf } from '../../protocol/chain/hand-over.js';
import {
  hashOfBlob,
  type ModelState,
  nextModelBy,
  optimizerBytes,
  optimizerFromBytes,
  weightsBytes,
  weightsFromBytes,
} from '../../protocol/chain/model.js';
import { askVerifyRecord, recordHash } from '../../protocol/chain/record.js';
import type { NoiseClause } from '../../protocol/clauses/clauses.js';
import type { Answerer } from '../../protocol/crypto/asking.js';
import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { SymmetricPrimitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex, type Hash, toHex } from '../../protocol/ids.js';
import type { Moments } from '../../protocol/optimizer/step.js';
import type { Policy } from '../../protocol/participant/types.js';
import { adaptiveClipping, canonicalJson, configHash, type Json, type TaskConfig } from '../../protocol/terms.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import { runAsking } from '../asking.js';
import type { KeptModel, ModelStore } from './model-store.js';
import type { Requests } from './requests.js';

const NOTHING = new Uint8Array(0);

/** A model that this client has verified. Its arrays are never changed. */
export interface VerifiedModel extends ModelState {
  readonly record: ChainRecordBody;
  /** recordHash of it. */
  readonly head: Uint8Array;
}
export interface ChainTarget {
  /** The round that is announced on top of `head`. */
  readonly round: number;
  readonly config: TaskConfig;
  readonly model: Hash;
  readonly head: Hash;
  /** Clipping norm of the announcement: the record says it, too. */
  readonly clip: number;
}
export interface ModelChainSetup {
  readonly task: string;
  readonly primitives: SymmetricPrimitives;
  readonly answerer: Answerer;
  readonly requests: Requests;
  readonly catchUp: Policy['catchUp'];
  /** Absent: the policy refuses them. */
  readonly onRollBack: ((record: ChainRecordBody, reason: string) => void) | undefined;
  readonly store?: ModelStore;
  /** A new model was verified. */
  readonly onModel: (model: VerifiedModel) => void;
  /** The store failed. */
  readonly onError: (error: unknown) => void;
}

export class ModelChain {
  readonly #setup: ModelChainSetup;
  #coordinator: { readonly name: ClientId; readonly signerOf: SignerOf } | undefined;
  #verified: VerifiedModel | undefined;
  /** From the store; becomes `#verified` when the settings are known, which say what its bytes mean. */
  #kept: KeptModel | undefined;
  #unsaved: KeptModel | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(setup: ModelChainSetup) {
    this.#setup = setup;
  }

  get verified(): VerifiedModel | undefined {
    return this.#verified;
  }

  /** Hash of the last record this client can go on from; empty for none. */
  get head(): Uint8Array {
    if (this.#verified !== undefined) return this.#verified.head;
    return this.#kept === undefined ? NOTHING : recordHash(this.#setup.primitives, this.#kept.record);
  }

  /**
   * When the coordinator's key is known, and again when it has changed.
   * @param name under which its models are kept
   */
  async trust(name: ClientId, signerOf: SignerOf): Promise<void> {
    const known = this.#coordinator?.name;
    this.#coordinator = { name, signerOf };
    if (known === name) return;
    try {
      const kept = await this.#setup.store?.load(name, this.#setup.task);
      if (kept !== undefined && this.#verified === undefined) this.#kept = kept;
    } catch (error) {
      this.#setup.onError(error);
    }
  }

  /**
   * The weights of `target.model`, verified. Goes on when the round that asked for it has ended: the next one wants it too.
   * @throws GUARD_MODEL_CHAIN where it does not follow from what this client has; ROUND_TOO_LATE where the round is over
   *   already; what Requests throws
   */
  bring(target: ChainTarget): Promise<Float32Array<ArrayBuffer>> {
    return this.#inOrder(async () => {
      const head = fromHex(target.head);
      await this.#restore(target.config);
      if (this.#verified === undefined) await this.#join(target.config, 0);
      else if (!bytesEqual(this.#verified.head, head) && this.#verified.record.round < target.round)
        await this.#catchUp(target.config, head);
      const verified = this.#verified;
      if (verified === undefined) throw new SottoError('INTERNAL', 'no verified model');
      if (!bytesEqual(verified.head, head)) {
        // The round may be over while its model, or its announcement, is still on the way here: no lie, and the model is as good for
        // the next one.
        if (verified.record.round >= target.round) {
          throw new SottoError('ROUND_TOO_LATE', `the chain has gone on past round ${target.round}`);
        }
        throw broken(`the announced chain record ${target.head} is not the newest one of the chain that was sent`);
      }
      if (toHex(verified.record.modelAfter) !== target.model) {
        throw broken(`the announced model ${target.model} is not the one of chain record ${target.head}`);
      }
      if (verified.record.clip !== target.clip) {
        throw broken(`the announced clipping norm is not the one of chain record ${target.head}`);
      }
      return verified.weights;
    });
  }

  /** A published record that may follow the own head: verified at once, so that the next round finds the model ready. */
  hear(record: ChainRecordBody, config: TaskConfig): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#verified !== undefined && bytesEqual(record.previous, this.#verified.head))
        await this.#follow(record, config);
    });
  }

  /** Resolves when nothing is being verified or saved. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    // The next one waits for the store too, so that saves do not overtake each other; whoever asked does not.
    this.#tail = result.catch(() => undefined).then(() => this.#save());
    return result;
  }

  async #save(): Promise<void> {
    const unsaved = this.#unsaved;
    this.#unsaved = undefined;
    if (unsaved === undefined || this.#coordinator === undefined) return;
    try {
      await this.#setup.store?.save(this.#coordinator.name, this.#setup.task, unsaved);
    } catch (error) {
      this.#setup.onError(error);
    }
  }

  /** What the store gave, if it holds together; else it is as if there were none. */
  async #restore(config: TaskConfig): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined || this.#verified !== undefined) return;
    try {
      this.#verified = await this.#checkpoint(kept, config);
    } catch (error) {
      this.#setup.onError(error);
    }
  }

  /** Joins at the newest record: signed by the pinned coordinator, which is all that a client without a past can ask. */
  async #join(config: TaskConfig, above: number): Promise<void> {
    const { requests, task } = this.#setup;
    const { records } = await requests.records(task, NOTHING);
    const record = records.at(-1);
    if (record === undefined || records.length !== 1)
      throw broken(`the coordinator sent ${records.length} records for its newest one`);
    if (record.round <= above && above > 0)
      throw broken(`the newest record is of round ${record.round}, this client knows round ${above}`);
    await this.#checkRecord(record, config);
    const limits = limitsOf(config);
    const model = await requests.blob(record.modelAfter, limits.model);
    const optimizer =
      record.optimizerAfter.length === 0 ? NOTHING : await requests.blob(record.optimizerAfter, limits.optimizer);
    this.#settle(await this.#checkpoint({ record, model, optimizer }, config), { record, model, optimizer });
  }

  async #catchUp(config: TaskConfig, head: Uint8Array): Promise<void> {
    const { requests, task, catchUp } = this.#setup;
    for (;;) {
      const own = this.#own();
      let answer: { readonly records: readonly ChainRecordBody[]; readonly complete: boolean };
      try {
        answer = await requests.records(task, own.head);
      } catch (error) {
        if (!isGone(error)) throw error;
        answer = { records: [], complete: true };
      }
      const linked = answer.records[0] !== undefined && bytesEqual(answer.records[0].previous, own.head);
      if (!linked)
        return this.#fellBehind(config, own, `the chain that was sent does not go on from round ${own.record.round}`);
      try {
        for (const record of answer.records) {
          await this.#follow(record, config);
          if (bytesEqual(this.#own().head, head)) return;
        }
      } catch (error) {
        if (catchUp === 'chain' || !isGone(error)) throw error;
        return this.#fellBehind(config, this.#own(), 'an aggregate is no longer kept');
      }
      if (answer.complete) return;
    }
  }

  async #fellBehind(config: TaskConfig, own: VerifiedModel, why: string): Promise<void> {
    if (this.#setup.catchUp === 'chain') {
      throw broken(
        `${why}, and the policy asks for the whole chain; policy.catchUp: 'signed-checkpoint' would accept a newer model`,
      );
    }
    await this.#join(config, own.record.round);
  }

  /** One link: record genuine and adjacent, aggregate as published, next model and optimiser state as recomputed. */
  async #follow(record: ChainRecordBody, config: TaskConfig): Promise<void> {
    const own = this.#own();
    await this.#checkRecord(record, config, own.record);
    if (record.type === 'rollback') return this.#goBack(record, config, own);
    const adjacent =
      record.type === 'update' &&
      bytesEqual(record.previous, own.head) &&
      bytesEqual(record.modelBefore, own.record.modelAfter) &&
      record.round > own.record.round &&
      record.step === own.record.step + 1;
    if (!adjacent)
      throw broken(`the record of round ${record.round} does not follow the one of round ${own.record.round}`);
    await checkClip(own.record, record, config);
    const bytes = await this.#setup.requests.blob(record.aggregate, limitsOf(config).model);
    const formulas = config.optimizer.name === 'fedavg' ? undefined : await loadMoments();
    const next = recompute(formulas, config, own, bytes, record.round);
    const model = weightsBytes(next.weights);
    const optimizer = optimizerBytes(next.optimizer);
    if (!bytesEqual(this.#hash(model), record.modelAfter)) {
      throw broken(`round ${record.round}: the model after it is not what its aggregate makes of the model before`);
    }
    this.#checkOptimizer(record, optimizer);
    const head = recordHash(this.#setup.primitives, record);
    this.#settle({ record, head, ...next }, { record, model, optimizer });
  }

  /** A roll-back that the policy accepts, to what is an ancestor; its model is then as good as one that a checkpoint names. */
  async #goBack(record: ChainRecordBody, config: TaskConfig, own: VerifiedModel): Promise<void> {
    const { task, primitives, requests, onRollBack } = this.#setup;
    if (onRollBack === undefined) {
      throw broken(
        `the coordinator goes back to an earlier model in round ${record.round}, which the policy refuses; policy.rollBack: 'signed' would accept it`,
      );
    }
    const { checkRollBack } = await import('./roll-back.js');
    const check = (link: ChainRecordBody) => this.#checkRecord(link, config);
    const reason = await checkRollBack({ task, primitives, requests, check }, record, own.record);
    const limits = limitsOf(config);
    const model = await requests.blob(record.modelAfter, limits.model);
    const optimizer =
      record.optimizerAfter.length === 0 ? NOTHING : await requests.blob(record.optimizerAfter, limits.optimizer);
    const kept = { record, model, optimizer };
    this.#settle(await this.#checkpoint(kept, config), kept);
    onRollBack(record, reason);
  }

  async #checkRecord(record: ChainRecordBody, config: TaskConfig, before?: ChainRecordBody): Promise<void> {
    const { primitives, answerer, task } = this.#setup;
    const key = this.#coordinator?.signerOf(record, before);
    if (key === undefined || !(await runAsking(askVerifyRecord(key, record), answerer))) {
      throw broken(`the record of round ${record.round} is not signed by the pinned coordinator`);
    }
    if (record.task !== task)
      throw broken(`the record of round ${record.round} is of task ${record.task}, not ${task}`);
    if (!bytesEqual(record.config, configHash(primitives, canonicalJson(config as unknown as Json)))) {
      throw broken(`the record of round ${record.round} is of other settings than the announced ones`);
    }
  }

  async #checkpoint({ record, model, optimizer }: KeptModel, config: TaskConfig): Promise<VerifiedModel> {
    const { primitives } = this.#setup;
    await this.#checkRecord(record, config);
    if (!bytesEqual(this.#hash(model), record.modelAfter))
      throw broken(`the model of round ${record.round} is not the one of its record`);
    this.#checkOptimizer(record, optimizer);
    try {
      const state = optimizerFromBytes(config.optimizer, config.dimension, record.step, optimizer);
      return {
        record,
        head: recordHash(primitives, record),
        weights: weightsFromBytes(model, config.dimension),
        optimizer: state,
      };
    } catch (error) {
      throw broken(`round ${record.round}: ${message(error)}`);
    }
  }

  #checkOptimizer(record: ChainRecordBody, bytes: Uint8Array): void {
    const same =
      bytes.length === 0 ? record.optimizerAfter.length === 0 : bytesEqual(this.#hash(bytes), record.optimizerAfter);
    if (!same) throw broken(`round ${record.round}: the optimiser's state after it is another than its record says`);
  }

  #settle(verified: VerifiedModel, kept: KeptModel): void {
    this.#verified = verified;
    this.#unsaved = kept;
    this.#setup.onModel(verified);
  }

  #own(): VerifiedModel {
    if (this.#verified === undefined) throw new SottoError('INTERNAL', 'no verified model');
    return this.#verified;
  }

  #hash(bytes: Uint8Array): Uint8Array {
    return hashOfBlob(this.#setup.primitives, bytes);
  }
}

/** Both are there already: who has joined a task that needs them has loaded them (client/clauses.ts). */
const loadMoments = (): Promise<Moments> =>
  import('../../protocol/clauses/optimizers.js').then(({ optimizerClause }) => optimizerClause.formulas);
const loadNoise = (): Promise<NoiseClause> =>
  import('../../protocol/clauses/noise.js').then(({ noiseClause }) => noiseClause);

/** The clipping norm moves by the published share alone, inside its range. @throws GUARD_MODEL_CHAIN */
async function checkClip(before: ChainRecordBody, after: ChainRecordBody, config: TaskConfig): Promise<void> {
  const spec = adaptiveClipping(config);
  const follows =
    spec === undefined
      ? after.clip === 0 && after.fraction === 0
      : before.clip > 0 && (await loadNoise()).followsClip(before.clip, after.fraction, after.clip, spec);
  if (!follows) throw broken(`round ${after.round}: the clipping norm after it does not follow from the one before`);
}

/** @throws GUARD_MODEL_CHAIN also where the step cannot be computed: an honest coordinator would not have published it */
function recompute(
  formulas: Moments | undefined,
  config: TaskConfig,
  from: ModelState,
  aggregate: Uint8Array,
  round: number,
): ModelState {
  try {
    return nextModelBy(formulas, config.optimizer, from, weightsFromBytes(aggregate, config.dimension));
  } catch (error) {
    throw broken(`round ${round}: ${message(error)}`);
  }
}

/** Two moments in float32 are the most that an optimiser keeps; twice that and a page leave room. */
const limitsOf = ({ dimension }: TaskConfig): { readonly model: number; readonly optimizer: number } => ({
  model: 4 * dimension,
  optimizer: 16 * dimension + 4_096,
});

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const broken = (text: string): SottoError => new SottoError('GUARD_MODEL_CHAIN', text);
const isGone = (error: unknown): boolean => error instanceof SottoError && error.code === 'SESSION_UNKNOWN_BLOB';
