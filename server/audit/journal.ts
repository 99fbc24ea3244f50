// What the coordinator writes down, and what waits for it: a message leaves only after every fact before it is durable
// (operations.md §5.3 rule 2). Without a data directory nothing is written and nothing waits.
// Not here: the facts themselves (events.ts), the disk (store/), what is done when it fails (driver/coordinator.ts).

import { SottoError } from '../../protocol/errors.js';
import type { CoordinatorRoundMessage, Credit } from '../../protocol/wire/messages.js';
import type { Team } from '../campaign/types.js';
import type { Fact, TeamFact } from './events.js';
import type { AuditLog } from './log.js';

export interface Journal {
  /** Facts in the order of the calls. What `after` is given from now on waits for them. */
  record(facts: readonly Fact[]): void;
  /** Does this once everything recorded so far is durable; at once where nothing is being written. In the order of the calls. */
  after(work: () => void): void;
}

export const NO_JOURNAL: Journal = { record: () => {}, after: (work) => work() };

/** @param failed called once, with the first failure: whatever waits is dropped, and nothing more is done */
export function durableJournal(log: AuditLog, failed: (error: SottoError) => void): Journal {
  const waiting: { readonly upTo: number; readonly work: () => void }[] = [];
  let recorded = 0;
  let durable = 0;
  let broken = false;
  const fail = (error: unknown): void => {
    if (broken) return;
    broken = true;
    waiting.length = 0;
    failed(error instanceof SottoError ? error : new SottoError('STORE_WRITE', String(error)));
  };
  return {
    record(facts) {
      if (broken || facts.length === 0) return;
      const own = ++recorded;
      log.record(facts).then(() => {
        durable = own;
        while (!broken && waiting[0] !== undefined && waiting[0].upTo <= durable) waiting.shift()?.work();
      }, fail);
    },
    after(work) {
      if (broken) return;
      if (durable === recorded && waiting.length === 0) work();
      else waiting.push({ upTo: recorded, work });
    },
  };
}

/** Which fact a message of the round gives away, so that it is written down first; each once for a group. */
export class SetFacts {
  readonly #known = new Set<string>();

  of(message: CoordinatorRoundMessage | Credit): readonly Fact[] {
    if (message.kind !== 'sketchRequest' && message.kind !== 'survivors' && message.kind !== 'unmaskRequest') return [];
    const { round, attempt, group } = message.run;
    const name = `${message.kind} ${group}`;
    if (this.#known.has(name)) return [];
    this.#known.add(name);
    const run = { round, attempt, group };
    switch (message.kind) {
      case 'sketchRequest':
        return [{ type: 'inputs-fixed', body: { ...run, u3: message.u3 } }];
      case 'survivors': {
        const excluded = message.excluded.map(({ rank, code }) => ({ rank, code }));
        return [{ type: 'survivors-fixed', body: { ...run, u3: message.u3, u4: message.u4, excluded } }];
      }
      case 'unmaskRequest':
        return [{ type: 'unmasking-asked', body: run }];
      default:
        return message satisfies never;
    }
  }
}

export const teamFact = ({ id, members }: Team): TeamFact => ({ id, members });
