// One client against a scripted coordinator: virtual time, a trainer under the test's thumb, every event recorded.

import { inlineEngine } from '../../client/engine.js';
import { FederatedClient } from '../../client/federated-client.js';
import { memoryGuards } from '../../client/guards.js';
import type { ClientEvents, FederatedClientOptions } from '../../client/options.js';
import type { Trainer, TrainingRound } from '../../client/trainer.js';
import { allClauses } from '../../protocol/clauses/all.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { Policy } from '../../protocol/participant/types.js';
import { jsProjector } from '../../protocol/sketch/project.js';
import { ScriptedCoordinator, taskOf } from './coordinator.js';
import { settle, VirtualTimers } from './virtual-timers.js';

export const openPolicy: Policy = {
  profiles: ['open', 'cohort', 'grouped'],
  minGroup: 2,
  minThreshold: 2,
  minColluders: 0,
  maxClipNorm: 10,
  maxRounds: 100,
  privacy: 'any',
  catchUp: 'chain',
};

/** Trains when told to. */
export class HeldTrainer implements Trainer {
  readonly calls: { readonly weights: Float32Array; readonly round: TrainingRound }[] = [];
  inits = 0;
  /** How many trainings ran at the same moment, at most. */
  overlap = 0;
  aborted = 0;
  #running = 0;
  #finish: ((update: Float32Array<ArrayBuffer> | Error) => void)[] = [];

  async init({ dimension }: { dimension: number }): Promise<{ dimension: number; variables: [] }> {
    this.inits++;
    return { dimension, variables: [] };
  }

  async train(
    weights: Float32Array<ArrayBuffer>,
    round: TrainingRound,
  ): Promise<{ update: Float32Array<ArrayBuffer>; examples: number; metrics: { loss: number } }> {
    this.calls.push({ weights, round });
    this.overlap = Math.max(this.overlap, ++this.#running);
    try {
      const update = await new Promise<Float32Array<ArrayBuffer>>((resolve, reject) => {
        this.#finish.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
        const abort = (): void => {
          this.aborted++;
          reject(new SottoError('TRAIN_ABORTED', 'as asked'));
        };
        if (round.signal?.aborted) abort();
        round.signal?.addEventListener('abort', abort);
      });
      return { update, examples: 7, metrics: { loss: 0.25 } };
    } finally {
      this.#running--;
    }
  }

  /** Ends the oldest training with this update or error. */
  async finish(result: Float32Array<ArrayBuffer> | Error = Float32Array.of(1, 2, -3, 0.5, 0)): Promise<void> {
    this.#finish.shift()?.(result);
    await settle();
  }
}

type Recorded = { [Name in keyof ClientEvents]: ClientEvents[Name][] };

export interface Harness {
  readonly coordinator: ScriptedCoordinator;
  readonly client: FederatedClient;
  readonly timers: VirtualTimers;
  readonly trainer: HeldTrainer;
  readonly seen: Recorded;
  /** Settled state of `run()`. */
  readonly result: Promise<unknown>;
}

const NAMES = [
  'connected',
  'disconnected',
  'accepted',
  'rejected',
  'unavailable',
  'round',
  'keyChanged',
  'model',
  'guard',
  'error',
] as const satisfies readonly (keyof ClientEvents)[];

/** Connected and accepted, if the coordinator is honest. */
export async function start(
  over: Partial<FederatedClientOptions> & { coordinatorSide?: ScriptedCoordinator } = {},
): Promise<Harness> {
  const { coordinatorSide, ...options } = over;
  const coordinator = coordinatorSide ?? new ScriptedCoordinator(taskOf());
  const timers = new VirtualTimers();
  const trainer = new HeldTrainer();
  const client = new FederatedClient({
    url: 'memory://coordinator',
    coordinator: coordinator.identity.publicKey,
    identity: generateIdentity(nativePrimitives, nativeRng),
    task: 'digits',
    policy: openPolicy,
    trainer,
    guards: memoryGuards(),
    transport: coordinator.hub.transport,
    primitives: nativePrimitives,
    clauses: allClauses,
    rng: nativeRng,
    engine: inlineEngine({
      primitives: nativePrimitives,
      kernels: jsKernels,
      openKeystream: nativeKeystream,
      makeProjector: jsProjector,
    }),
    timers,
    ...options,
  } as FederatedClientOptions);
  const seen = record(client);
  const result = client.run().catch((error: unknown) => error);
  await settle();
  return { coordinator, client, timers, trainer, seen, result };
}

function record(client: FederatedClient): Recorded {
  const seen: Recorded = {
    connected: [],
    disconnected: [],
    accepted: [],
    rejected: [],
    rolledBack: [],
    keyChanged: [],
    unavailable: [],
    round: [],
    model: [],
    privacy: [],
    guard: [],
    error: [],
  };
  for (const name of NAMES) client.on(name, (event) => void (seen[name] as unknown[]).push(event));
  return seen;
}
