// What a third party checks of clients that went on under another key: the old key signed it, was a client here and none before that had
// moved, and the new key was nobody's. Not here: what it means for the ledgers (verify.ts).

import type { ClientId } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { isRotation } from '../access/rotation.js';
import type { CoordinatorKeys } from './coordinator-keys.js';
import type { Fact } from './events.js';

export class KeyMoves {
  readonly #coordinator: Pick<CoordinatorKeys, 'all'>;
  readonly #problem: (text: string) => void;
  readonly #seen = new Set<string>();
  readonly #shut = new Set<string>();

  /** @param coordinator a client may have named any key that it had by then */
  constructor(coordinator: Pick<CoordinatorKeys, 'all'>, problem: (text: string) => void) {
    this.#coordinator = coordinator;
    this.#problem = problem;
  }

  take(fact: Fact, at: number): void {
    if (fact.type === 'client-enrolled') this.#seen.add(fact.body.client);
    if (fact.type === 'client-revoked') this.#shut.add(fact.body.client);
    if (fact.type === 'client-readmitted') this.#shut.delete(fact.body.client);
    if (fact.type === 'attempt-started')
      for (const member of fact.body.groups.flatMap(({ members }) => members)) {
        if (this.#shut.has(member)) this.#problem(`event ${at} invites ${member}, whose key was given up or revoked`);
        this.#seen.add(member);
      }
    if (fact.type !== 'client-rotated') return;
    const { from, to, signature } = fact.body;
    const rotation = { from: from as ClientId, to: to as ClientId, signature };
    if (!this.#coordinator.all.some((key) => isRotation(nativePrimitives, key, rotation)))
      this.#problem(`event ${at} moves ${from} to ${to}, which the old key has not signed`);
    if (this.#shut.has(from)) this.#problem(`event ${at} moves ${from}, which was given up or revoked before`);
    if (this.#seen.has(to)) this.#problem(`event ${at} moves ${from} to ${to}, which was a client already`);
    this.#seen.add(to);
    this.#shut.add(from);
  }
}
