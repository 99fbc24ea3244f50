// Which named stream of the seed decides what. All of a simulation's chance that may touch the model is listed here, so that the
// same seed gives the same final model. Long-term keys and the nonce of the sketches are among it: the matrix that decides who is out
// comes from them. Not here: the keys, masks and shares of a round, which are never seeded: they cancel.

import type { Rng } from '../protocol/crypto/primitives.js';
import { Random } from './random.js';

/** Streams of one simulation. Forks are independent: a change in one does not move the others. */
export interface Draws {
  /** Long-term keys of the clients: names that sign. A fresh copy each time. */
  readonly identities: () => Rng;
  /** The coordinator's. */
  readonly coordinator: () => Rng;
  /** Of one attempt: with the announcement, whose other parts are given, it fixes the matrix of the sketches. */
  readonly sketchNonce: (round: number, attempt: number) => Uint8Array;
  /** First weights: a text, since the trainers have a generator of their own. */
  readonly weights: string;
  /** Test split and made-up examples. */
  readonly data: Random;
  readonly partition: Random;
  /** Groups and cohorts, at the coordinator. A fresh copy each time: whoever draws first sees what the coordinator will see. */
  readonly sampling: () => Random;
  readonly malicious: Random;
  readonly dropouts: Random;
  /** Order of a client's examples: a text for its trainer, which adds task, round and attempt. */
  readonly order: (client: number) => string;
  /** Stochastic rounding of one update. By round, not one after the other: a client that misses a round shifts nothing. */
  readonly rounding: (client: number, round: number) => Random;
  /** What an attacker draws in one round; round 0: before the first. */
  readonly attack: (client: number, round: number) => Random;
}

const bytesOf =
  (stream: Random): Rng =>
  (length) =>
    stream.bytes(length);

export function drawsOf(seed: number | string): Draws {
  const root = Random.fromSeed(seed);
  const perRound = (what: string) => (client: number, round: number) => root.fork(what).fork(client).fork(round);
  return {
    identities: () => bytesOf(root.fork('identities')),
    coordinator: () => bytesOf(root.fork('coordinator')),
    sketchNonce: (round, attempt) => root.fork('sketch').fork(round).fork(attempt).bytes(32),
    weights: `simulation ${seed}`,
    data: root.fork('data'),
    partition: root.fork('partition'),
    sampling: () => root.fork('sampling'),
    malicious: root.fork('malicious'),
    dropouts: root.fork('dropouts'),
    order: (client) => `simulation ${seed} client ${client}`,
    rounding: perRound('rounding'),
    attack: perRound('attack'),
  };
}
