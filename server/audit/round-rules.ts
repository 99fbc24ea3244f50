// The rules that the order of events has to keep, as a third party checks them: rounds and attempts only grow, no attempt follows
// once the opening of a round was asked for, whoever is in a sum was announced and is in the survivors that were fixed before.
// Not here: hashes and signatures (verify.ts), models (verify-chain.ts).

import type { Fact, TeamFact } from './events.js';

interface Attempt {
  readonly round: number;
  readonly attempt: number;
  readonly groups: ReadonlyMap<number, TeamFact>;
  readonly survivors: Map<number, readonly string[]>;
  /** Groups whose opening was asked for. */
  readonly opened: Set<number>;
}

export class RoundRules {
  readonly #problem: (text: string) => void;
  #current: Attempt | undefined;
  #over = 0;

  constructor(problem: (text: string) => void) {
    this.#problem = problem;
  }

  take(fact: Fact, at: number): void {
    const current = this.#current;
    const bad = (text: string): void => this.#problem(`event ${at}: ${text}`);
    switch (fact.type) {
      case 'attempt-started': {
        const { round, attempt, groups } = fact.body;
        if (round <= this.#over) bad(`round ${round} is announced though round ${this.#over} was over`);
        if (current !== undefined && round === current.round) {
          if (attempt <= current.attempt) bad(`attempt ${round}.${attempt} comes after ${round}.${current.attempt}`);
          // Two opened sums that differ by one client would reveal it (protocol.md §6.6).
          if (current.opened.size > 0)
            bad(`attempt ${round}.${attempt} is announced though round ${round} was asked to be opened`);
        }
        const teams = new Map(groups.map((team) => [team.id, team]));
        this.#current = { round, attempt, groups: teams, survivors: new Map(), opened: new Set() };
        return;
      }
      case 'survivors-fixed': {
        const { group, u3, u4 } = fact.body;
        const attempt = this.#running(fact.body, bad);
        const members = attempt?.groups.get(group)?.members;
        if (attempt === undefined || members === undefined) return;
        if (attempt.survivors.has(group)) bad(`the survivors of group ${group} are fixed a second time`);
        if (u4.some((rank) => !u3.includes(rank))) bad(`group ${group} has survivors whose input was not there`);
        if (u3.some((rank) => members[rank] === undefined)) bad(`group ${group} has members who were not announced`);
        attempt.survivors.set(
          group,
          u4.flatMap((rank) => members[rank] ?? []),
        );
        return;
      }
      case 'unmasking-asked': {
        const attempt = this.#running(fact.body, bad);
        if (attempt === undefined) return;
        if (!attempt.survivors.has(fact.body.group))
          bad(`group ${fact.body.group} is opened before its survivors are fixed`);
        attempt.opened.add(fact.body.group);
        return;
      }
      case 'round-committed': {
        const attempt = this.#running(fact.body, bad);
        for (const { group, survivors } of fact.body.groups) {
          const fixed = attempt?.survivors.get(group);
          const members = attempt?.groups.get(group)?.members ?? [];
          // Without masks (profile open) nothing is fixed beforehand: then everybody in it must have been announced.
          const fits =
            fixed === undefined
              ? survivors.every((one) => members.includes(one)) && attempt?.opened.size === 0
              : fixed.length === survivors.length && fixed.every((one, i) => one === survivors[i]);
          if (fixed !== undefined && attempt?.opened.has(group) !== true)
            bad(`the sum of group ${group} is there, and nobody was asked to open it`);
          if (!fits) bad(`the sum of group ${group} is of others than the survivors that were fixed`);
          if (new Set(survivors).size !== survivors.length) bad(`somebody is in the sum of group ${group} twice`);
        }
        this.#end(fact.body.round, bad);
        return;
      }
      case 'round-void':
        this.#end(fact.body.round, bad);
        return;
      case 'model-recorded': {
        // A roll-back takes a round number of its own.
        const { type, round } = fact.body.record as { readonly type: string; readonly round: number };
        if (type !== 'rollback') return;
        if (current !== undefined && current.opened.size > 0 && current.round > this.#over)
          bad(`the model is rolled back while round ${current.round} is open`);
        if (round <= this.#over) bad(`a roll-back has the number ${round}, and round ${this.#over} was over`);
        this.#over = Math.max(this.#over, round);
        return;
      }
      case 'restored':
        this.#over = Math.max(this.#over, fact.body.lastRound);
        return;
      default:
    }
  }

  #running(
    { round, attempt }: { readonly round: number; readonly attempt: number },
    bad: (text: string) => void,
  ): Attempt | undefined {
    const current = this.#current;
    if (current !== undefined && current.round === round && current.attempt === attempt) return current;
    bad(`attempt ${round}.${attempt} is not the one that was announced last`);
    return undefined;
  }

  #end(round: number, bad: (text: string) => void): void {
    if (round <= this.#over) bad(`round ${round} ends a second time`);
    this.#over = Math.max(this.#over, round);
  }
}
