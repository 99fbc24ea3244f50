// From a round's result to the next signed model: aggregate, step of the server optimiser, chain record, store. Also genesis.
// Not here: telling anybody (coordinator.ts), the arithmetic (engine/).

import {
  assertLittleEndian,
  type ModelState,
  optimizerFromBytes,
  weightsBytes,
  weightsFromBytes,
} from '../../protocol/chain/model.js';
import { recordHash, signRecord, type UnsignedRecord } from '../../protocol/chain/record.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, hashOf } from '../../protocol/ids.js';
import { initOptimizer } from '../../protocol/optimizer/optimizer.js';
import { clipAfter, clipCounter, fractionCounter, fractionOf } from '../../protocol/privacy/adaptive-clip.js';
import type { RoundResult } from '../../protocol/round/types.js';
import { isRandomised } from '../../protocol/rule.js';
import { adaptiveClipping, configHash, type Derived, encodingOf, type TaskConfig } from '../../protocol/task.js';
import {
  drawSeed,
  type Measures,
  type RuleSeed,
  type RuleState,
  resumeRule,
  type StageReport,
} from '../aggregate/index.js';
import { originIn } from '../chain/lineage.js';
import type { ChainStore, Link, RoundOutcome } from '../chain/store.js';
import { blobOf, optimizerBlob } from '../engine/combine.js';
import type { Blob, Engine, EngineFailure } from '../engine/types.js';

export interface PublisherSetup {
  readonly config: TaskConfig;
  readonly derived: Derived;
  readonly identity: Identity;
  readonly primitives: Primitives;
  readonly engine: Engine;
  readonly store: ChainStore;
  /** Uniform in [0, 1): seeds rules that draw. */
  readonly random: () => number;
}
export type Published =
  | { readonly ok: true; readonly link: Link; readonly rule: readonly StageReport[]; readonly measures: Measures }
  | EngineFailure;

const UNUSED_SEED: RuleSeed = [0, 0, 0, 0];
const NOTHING = new Uint8Array(0);

export class Publisher {
  readonly #setup: PublisherSetup;
  #model: ModelState;
  /** What the last round added to the weights. */
  #step: Float32Array<ArrayBuffer> | undefined;
  /** The aggregate of the round before. */
  #last: Float32Array<ArrayBuffer> | undefined;
  /** What the rule of the last committed round left. */
  #ruleState: RuleState;

  private constructor(setup: PublisherSetup, model: ModelState) {
    this.#setup = setup;
    this.#model = model;
    this.#ruleState = resumeRule(setup.config.rule, undefined);
  }

  /**
   * Signs the first model into an empty store.
   * @throws SottoError TRAIN_SHAPE where the weights do not have the task's dimension or are not finite; what the store throws
   */
  static async open(setup: PublisherSetup, initialWeights: Float32Array): Promise<Publisher> {
    assertLittleEndian();
    const { config, primitives } = setup;
    if (initialWeights.length !== config.dimension) {
      const text = `initialWeights has ${initialWeights.length} values, task.dimension is ${config.dimension}; build both from one model`;
      throw new SottoError('TRAIN_SHAPE', text);
    }
    if (!initialWeights.every(Number.isFinite)) {
      throw new SottoError('TRAIN_SHAPE', 'initialWeights holds a value that is not finite');
    }
    const weights = Float32Array.from(initialWeights);
    const optimizer = initOptimizer(config.optimizer, config.dimension);
    const publisher = new Publisher(setup, { weights, optimizer });
    // The store keeps what it is given, and nobody may change a published model.
    const model = blobOf(primitives, weightsBytes(weights));
    const state = optimizerBlob(primitives, optimizer);
    const record = publisher.#record({
      type: 'genesis',
      round: 0,
      attempt: 0,
      previous: NOTHING,
      modelBefore: NOTHING,
      aggregate: NOTHING,
      modelAfter: model.hash,
      optimizerAfter: state?.hash ?? NOTHING,
      step: optimizer.steps,
      transcript: NOTHING,
      clip: firstClip(config),
      fraction: 0,
    });
    await publisher.#append(record, [model, state]);
    return publisher;
  }

  /**
   * Goes on from the newest record of a filled store. What the rule remembers follows from the last aggregate.
   * @throws STORE_BLOB where model, optimiser state or aggregate of that record are not there; STORE_CORRUPT where they do not fit
   */
  static resume(setup: PublisherSetup): Publisher {
    assertLittleEndian();
    const { config } = setup;
    const publisher = new Publisher(setup, {
      weights: new Float32Array(config.dimension),
      optimizer: initOptimizer(config.optimizer, config.dimension),
    });
    publisher.adopt();
    return publisher;
  }

  /** Takes the model of the newest record, which somebody else has signed: a roll-back. @throws as `resume` */
  adopt(): void {
    const { config, store } = this.#setup;
    const { record } = store.head();
    const bytesOf = (hash: Uint8Array, what: string): Uint8Array => {
      const blob = store.blob(hashOf(hash));
      if (blob !== undefined) return blob.bytes;
      const text = `the ${what} of round ${record.round} is missing or damaged; run: sotto doctor <data directory>`;
      throw new SottoError('STORE_BLOB', text, { round: record.round, blob: hashOf(hash) });
    };
    try {
      const weights = weightsFromBytes(bytesOf(record.modelAfter, 'model'), config.dimension);
      const state = record.optimizerAfter.length === 0 ? NOTHING : bytesOf(record.optimizerAfter, 'optimiser state');
      const optimizer = optimizerFromBytes(config.optimizer, config.dimension, record.step, state);
      const { aggregate } = originIn(store, store.head()).record;
      const last =
        aggregate.length === 0 ? undefined : weightsFromBytes(bytesOf(aggregate, 'aggregate'), config.dimension);
      this.#model = { weights, optimizer };
      this.#step = undefined;
      this.#last = last;
      this.#ruleState = resumeRule(config.rule, last);
    } catch (error) {
      if (error instanceof SottoError && error.code === 'STORE_BLOB') throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new SottoError('STORE_CORRUPT', `the stored model of round ${record.round} does not fit the task: ${why}`);
    }
  }

  /** The newest weights. Not to be changed. */
  get weights(): Float32Array<ArrayBuffer> {
    return this.#model.weights;
  }

  /** What the last round added to them; absent before the first. Not to be changed. */
  get lastStep(): Float32Array<ArrayBuffer> | undefined {
    return this.#step;
  }

  /** Calls must not overlap. Never rejects: a model that cannot be made is a value. */
  async publish(round: number, attempt: number, result: RoundResult): Promise<Published> {
    const { config, derived, engine, store, random } = this.#setup;
    const { record: before, hash: previous } = store.head();
    const combined = await engine.aggregate({
      encoding: encodingOf(this.#setup.primitives, config, derived, { round, clip: before.clip }),
      rule: config.rule,
      groups: result.groups,
      state: this.#ruleState,
      seed: isRandomised(config.rule) ? drawSeed(random) : UNUSED_SEED,
      ...(this.#last && { last: this.#last }),
    });
    if (!combined.ok) return combined;
    const { aggregate } = combined;
    const step = await engine.nextModel({ optimizer: config.optimizer, before: this.#model, aggregate });
    if (!step.ok) return step;
    const record = this.#record({
      type: 'update',
      round,
      attempt,
      previous: fromHex(previous),
      modelBefore: before.modelAfter,
      aggregate: step.aggregate.hash,
      modelAfter: step.model.hash,
      optimizerAfter: step.optimizer?.hash ?? NOTHING,
      step: step.after.optimizer.steps,
      transcript: fromHex(result.transcript),
      ...clipFields(config, before.clip, combined.bits, result),
    });
    try {
      const link = await this.#append(record, [step.aggregate, step.model, step.optimizer], result);
      const { weights } = this.#model;
      this.#step = step.after.weights.map((after, i) => after - (weights[i] ?? 0));
      this.#model = step.after;
      this.#last = aggregate;
      this.#ruleState = combined.state;
      return { ok: true, link, rule: combined.reports, measures: combined.measures };
    } catch (error) {
      return { ok: false, code: 'STORE_WRITE', text: error instanceof Error ? error.message : String(error) };
    }
  }

  #record(fields: Omit<UnsignedRecord, 'task' | 'config'>): UnsignedRecord {
    const { config, derived, primitives } = this.#setup;
    return { task: config.task, config: configHash(primitives, derived.text), ...fields };
  }

  async #append(unsigned: UnsignedRecord, blobs: readonly (Blob | undefined)[], outcome?: RoundOutcome): Promise<Link> {
    const { identity, primitives, store } = this.#setup;
    const record = signRecord(primitives, identity, unsigned);
    const link: Link = { record, hash: hashOf(recordHash(primitives, record)) };
    await store.append(
      link,
      blobs.filter((blob) => blob !== undefined),
      outcome,
    );
    return link;
  }
}

function firstClip(config: TaskConfig): number {
  const spec = adaptiveClipping(config);
  return spec === undefined ? 0 : clipCounter(config.encoding.clipNorm, spec);
}

/** The norm of the next round, and the noised share of clients that it follows from: whoever reads the chain can follow it. */
function clipFields(config: TaskConfig, clip: number, bits: number, { groups }: RoundResult) {
  const spec = adaptiveClipping(config);
  if (spec === undefined) return { clip: 0, fraction: 0 };
  const clients = groups.reduce((sum, { survivors }) => sum + survivors.length, 0);
  const fraction = fractionCounter(fractionOf(bits, clients));
  return { clip: clipAfter(clip, fraction, spec), fraction };
}
