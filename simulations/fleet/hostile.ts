// Carries an attack out with real client code: a trainer that lies about its update, and an engine that does not clip or uploads
// other bytes. Everything between the two (keys, shares, masks, signatures) is what honest clients run, so a coordinator cannot
// tell by the protocol. Not here: the attacks (../attacks), tampering at the socket (../attacks `tamper`; issue 3 wires it).

import type { ClientEngine } from '../../client/engine.js';
import type { Trainer, TrainingResult, TrainingRound } from '../../client/trainer.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { ClientWork, ClientWorkResult, Encoding } from '../../protocol/secagg/jobs.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { type Attack, type AttackOf, type OwnView, seesOthers } from '../attacks/attack.js';
import type { Random } from '../random.js';

export interface HostileOptions {
  readonly attack: Attack;
  /** Position among the conspirators, and how many they are. */
  readonly rank: number;
  readonly attackers: number;
  readonly cohort: number;
  readonly encoding: Encoding;
  /** A stream for each round. */
  readonly draws: (round: number) => Random;
}

/** The trainer of an attacker. The inner one has the poisoned data already. @throws TypeError for attacks that must see others */
export function hostileTrainer(inner: Trainer, options: HostileOptions): Trainer {
  const { attack, rank, attackers, cohort, encoding, draws } = options;
  if (seesOthers(attack)) throw new TypeError(`nobody here can show ${attack.name} the honest updates`);
  const corrupt: AttackOf<'own'>['corrupt'] = attack.corrupt;
  let last: { readonly round: number; readonly model: Float32Array } | undefined;
  return {
    ...inner,
    init: (task) => inner.init(task),
    async train(weights: Float32Array<ArrayBuffer>, round: TrainingRound): Promise<TrainingResult> {
      const model = weights.slice();
      const result = await inner.train(weights, round);
      const previousModel = last !== undefined && last.round < round.round ? last.model : undefined;
      last = { round: round.round, model };
      if (corrupt === undefined) return result;
      const view: OwnView = {
        round: round.round,
        model,
        previousModel,
        clean: result.update,
        colluders: [result.update],
        rank,
        attackers,
        cohort,
        encoding,
        random: draws(round.round).fork('update'),
      };
      return { ...result, update: Float32Array.from(corrupt(result.update, view)) };
    },
  };
}

/**
 * The engine of an attacker. Not clipping is a norm bound of infinity: what is left is the grid, which clamps each coordinate to
 * ±range, and no ring element beyond it would decode to more than the group's head-room allows.
 */
export function hostileEngine(
  inner: ClientEngine,
  { attack, draws }: Pick<HostileOptions, 'attack' | 'draws'>,
  primitives: Primitives,
): ClientEngine {
  const unclipped = (encoding: Encoding): Encoding =>
    attack.clips ? encoding : { ...encoding, clipNorm: Number.POSITIVE_INFINITY };
  let forged: readonly Uint8Array[] | undefined;
  let vectors = 0;
  return {
    async run(work: ClientWork, update: Float32Array<ArrayBuffer>): Promise<ClientWorkResult> {
      const result = await inner.run({ ...work, encoding: unclipped(work.encoding) }, update);
      forged = undefined;
      if (attack.upload === undefined || !result.ok) return result;
      const vector = attack.upload(joined(inner, result.bytes), { random: draws(0).fork(vectors++) });
      forged = splitChunks(vector);
      return { ok: true, bytes: vector.length, chunks: chunkHashList(primitives, vector) };
    },
    // The sketch of what was really sent, or the lie would be proven at once; attacks on the sketch itself come with their own engine.
    sketch: (work, update) =>
      inner.sketch({ ...work, mask: { ...work.mask, encoding: unclipped(work.mask.encoding) } }, update),
    chunk: (index) => forged?.[index] ?? inner.chunk(index),
    forget() {
      forged = undefined;
      inner.forget();
    },
  };
}

function joined(engine: ClientEngine, bytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let have = 0; have < bytes; ) {
    const chunk = engine.chunk(parts.length);
    parts.push(chunk);
    have += chunk.length;
  }
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
