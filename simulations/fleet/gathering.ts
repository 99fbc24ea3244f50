// Shows attackers what the others of a round have learnt: honest clients' clean updates and each other's, out of band, because in a
// simulation an omniscient adversary has to be given its omniscience. The protocol knows nothing of it: no coordinator could ask.
// Lives in the parent process, or beside a rehearsal. Not here: the pipes (fleet.ts, child.ts), what attackers do with it (hostile.ts).

import { SottoError } from '../../protocol/errors.js';
import { needsOthers, seesOthers } from '../attacks/attack.js';
import { type AttackSpec, createAttack } from '../attacks/spec.js';

/** Attackers of one entry of the configuration: they agree with each other, and know nothing of other entries. */
export interface Conspiracy {
  readonly spec: AttackSpec;
  /** Positions in the fleet, ascending; a member's rank is its place here. */
  readonly clients: readonly number[];
}
export interface Shown {
  readonly client: number;
  readonly group: number;
  /** What an honest client would send: clipped, before rounding. Whoever reads it must not change it. */
  readonly update: Float32Array;
}
/** All that one conspiracy is told in one attempt, in the order of the fleet. */
export interface Others {
  readonly conspiracy: number;
  /** Positions of the whole conspiracy, ascending, whether they are in the round or not. */
  readonly members: readonly number[];
  readonly round: number;
  readonly attempt: number;
  /** Empty for conspirators that only know each other. */
  readonly honest: readonly Shown[];
  readonly conspirators: readonly Shown[];
}

export interface GatheringOptions {
  readonly conspiracies: readonly Conspiracy[];
  /** Whether the script takes this client out before its update is in: then nobody waits for it. */
  readonly absent: (round: number, client: number) => boolean;
  /** Called once for each conspiracy that waits, as soon as everybody it needs has trained or is gone. */
  readonly share: (others: Others) => void;
}

interface Waiting {
  readonly conspiracy: number;
  readonly honest: readonly number[];
  readonly conspirators: readonly number[];
}

export class Gathering {
  readonly #options: GatheringOptions;
  readonly #attacks;
  readonly #attackers: ReadonlySet<number>;
  #round = 0;
  #attempt = 0;
  #groups = new Map<number, number>();
  #trained = new Map<number, Float32Array>();
  #gone = new Set<number>();
  #waiting: Waiting[] = [];

  constructor(options: GatheringOptions) {
    this.#options = options;
    this.#attacks = options.conspiracies.map(({ spec }) => createAttack(spec));
    this.#attackers = new Set(options.conspiracies.flatMap(({ clients }) => clients));
  }

  /** Whether honest clients have to tell what they learn at all. */
  get listens(): boolean {
    return this.#attacks.some(seesOthers);
  }

  /** An attempt starts; whatever was open of the one before is dropped. @param groups by position in the fleet */
  begin(round: number, attempt: number, groups: ReadonlyMap<number, number>): void {
    this.#round = round;
    this.#attempt = attempt;
    this.#groups = new Map([...groups].sort(([a], [b]) => a - b));
    this.#trained = new Map();
    this.#gone = new Set();
    const { conspiracies, absent } = this.#options;
    const present = [...this.#groups.keys()].filter((client) => attempt > 1 || !absent(round, client));
    this.#waiting = conspiracies.flatMap(({ clients }, conspiracy): Waiting[] => {
      // safe: one attack for each conspiracy.
      const attack = this.#attacks[conspiracy]!;
      const conspirators = present.filter((client) => {
        const rank = clients.indexOf(client);
        return rank >= 0 && (attack.active?.(round, rank) ?? true);
      });
      if (conspirators.length === 0 || !needsOthers(attack)) return [];
      const honest = seesOthers(attack) ? present.filter((client) => !this.#attackers.has(client)) : [];
      return [{ conspiracy, honest, conspirators }];
    });
  }

  trained(client: number, round: number, attempt: number, update: Float32Array): void {
    if (round !== this.#round || attempt !== this.#attempt) return;
    this.#trained.set(client, update);
    this.#settle();
  }

  /** The client is out of this attempt: whoever waits for it waits no longer. */
  gone(client: number): void {
    this.#gone.add(client);
    this.#settle();
  }

  #settle(): void {
    const settled = (client: number): boolean => this.#trained.has(client) || this.#gone.has(client);
    const ready = this.#waiting.filter(
      ({ honest, conspirators }) => honest.every(settled) && conspirators.every(settled),
    );
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one));
    const shown = (clients: readonly number[]): Shown[] =>
      clients.flatMap((client) => {
        const update = this.#trained.get(client);
        return update === undefined ? [] : [{ client, group: this.#groups.get(client) ?? 0, update }];
      });
    for (const { conspiracy, honest, conspirators } of ready) {
      this.#options.share({
        conspiracy,
        members: this.#options.conspiracies[conspiracy]?.clients ?? [],
        round: this.#round,
        attempt: this.#attempt,
        honest: shown(honest),
        conspirators: shown(conspirators),
      });
    }
  }
}

const keyOf = ({ conspiracy, round, attempt }: Pick<Others, 'conspiracy' | 'round' | 'attempt'>): string =>
  `${conspiracy} ${round} ${attempt}`;

/** Where attackers of a process wait for what `Gathering` shares. */
export class Mail {
  readonly #arrived = new Map<string, Others>();
  readonly #waiting = new Map<string, Set<(others: Others) => void>>();

  deliver(others: Others): void {
    const key = keyOf(others);
    this.#arrived.set(key, others);
    for (const resolve of this.#waiting.get(key) ?? []) resolve(others);
    this.#waiting.delete(key);
  }

  /** Rejects when the signal does, so that an attempt that fails first leaves nobody waiting. */
  wait(conspiracy: number, round: number, attempt: number, signal?: AbortSignal): Promise<Others> {
    const key = keyOf({ conspiracy, round, attempt });
    const arrived = this.#arrived.get(key);
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve, reject) => {
      const list = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, list);
      const stop = (): void => {
        list.delete(receive);
        reject(new SottoError('TRAIN_ABORTED', 'the attempt ended while an attacker waited for the others'));
      };
      const receive = (others: Others): void => {
        signal?.removeEventListener('abort', stop);
        resolve(others);
      };
      list.add(receive);
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Forgets this round and all before it. */
  over(round: number): void {
    for (const [key, others] of this.#arrived) if (others.round <= round) this.#arrived.delete(key);
  }
}
