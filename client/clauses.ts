// Brings what a task's settings use and not every page carries, before the client joins the round that is announced: what a later
// step would load by itself is in the runtime's memory by then, and a page that goes offline has all it needs.
// Not here: what clauses are (protocol/clauses), what a page loads before it knows the task (web-keys.ts).

import type { Clauses } from '../protocol/clauses/clauses.js';
import { SottoError } from '../protocol/errors.js';
import type { ClientEngine } from './engine.js';

/** What may be needed beside what the settings say. */
export interface Wishes {
  readonly engine: ClientEngine;
  /** The trainer may release something about single records. */
  readonly releases: boolean;
  /** The policy takes signed steps back. */
  readonly rollBack: boolean;
}

export class ClauseLoader {
  readonly #wishes: Wishes;
  #settings: string | undefined;
  #clauses: Clauses = {};

  constructor(wishes: Wishes) {
    this.#wishes = wishes;
  }

  /**
   * Those that the announced settings use; at once where they are those of the last time.
   * @returns rejects with TRANSPORT_CLOSED where a part does not load: the next announcement tries again
   */
  of(settings: string): Clauses | Promise<Clauses> {
    return settings === this.#settings ? this.#clauses : this.#load(settings);
  }

  async #load(settings: string): Promise<Clauses> {
    this.#clauses = await loaded(load(usesOf(settings), this.#wishes));
    this.#settings = settings;
    return this.#clauses;
  }
}

/** Rejects with TRANSPORT_CLOSED where it does not load: whoever needs it tries again. */
export const loaded = <T>(part: Promise<T>): Promise<T> =>
  part.catch((error) => {
    throw new SottoError('TRANSPORT_CLOSED', `a part of this client did not load: ${String(error)}`);
  });

interface Uses {
  readonly dimension: number;
  readonly noise: boolean;
  readonly sketches: boolean;
  readonly rules: boolean;
  readonly optimizers: boolean;
  readonly records: boolean;
}

/** Nothing is believed here: a part too many costs bytes, and settings for which one is missing are refused when they are read. */
function usesOf(settings: string): Uses {
  let given: Readonly<Record<string, unknown>> = {};
  try {
    given = Object(JSON.parse(settings));
  } catch {
    // refused when it is read
  }
  const { dimension, privacy, integrity, rule, optimizer, training } = given;
  return {
    dimension: Number(dimension),
    noise: privacy !== 'none',
    sketches: integrity !== 'none',
    rules: JSON.stringify(rule) !== '{"name":"mean"}',
    optimizers: Object(optimizer).name !== 'fedavg',
    records: Object(training).dpSgd !== undefined,
  };
}

async function load(uses: Uses, { engine, releases, rollBack }: Wishes): Promise<Clauses> {
  const [noise, sketches, rules, optimizers] = await Promise.all([
    uses.noise && import('../protocol/clauses/noise.js'),
    uses.sketches && import('../protocol/clauses/sketches.js'),
    uses.rules && import('../protocol/clauses/rules.js'),
    uses.optimizers && import('../protocol/clauses/optimizers.js'),
    (uses.records || releases) && import('./record-accounts.js'),
    rollBack && import('./chain/roll-back.js'),
    engine.prepare?.(uses),
  ]);
  return {
    ...(noise && { noise: noise.noiseClause }),
    ...(sketches && { sketches: sketches.sketchClause }),
    ...(rules && { rules: rules.ruleClause }),
    ...(optimizers && { optimizers: optimizers.optimizerClause }),
  };
}
