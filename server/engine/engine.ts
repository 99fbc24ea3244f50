// The engine over one or more homes: each accumulator, with the complete inputs for it, has one home. Sums meet only for the rule.
// Not here: inputs on their way (inbox.ts), threads (worker-home.ts), arithmetic (workbench.ts).

import { availableParallelism } from 'node:os';
import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { EngineResult, EngineWork } from '../../protocol/secagg/jobs.js';
import { type AnswerTo, type Home, type HomeRequest, localHome } from './home.js';
import { Inbox } from './inbox.js';
import type {
  AggregateResult,
  AggregateWork,
  DirectionResult,
  DirectionWork,
  Engine,
  EngineFailure,
  ModelResult,
  ModelWork,
} from './types.js';
import { failureOf, type HomeWork, type RulePart } from './workbench.js';
import { WorkerHome } from './worker-home.js';

/** Complete inputs that a home may have before it: one that it adds, and the next. More are only more memory. */
const HANDED_OVER = 2;
const FAILED: EngineResult = { ok: false, code: 'ENGINE_FAILED' };

/** Worker threads that hold and add vectors. @param workers 1 or more; default: all cores but the one of the event loop */
export function workerEngine(workers: number = Math.max(1, availableParallelism() - 1)): Engine {
  return new SpreadEngine(() => new WorkerHome(), workers);
}

/** The twin in this process: for tests, and where threads are not worth it. */
export function inProcessEngine(homes = 1): Engine {
  return new SpreadEngine(localHome, homes);
}

/** Exported for tests that lose a home. */
export class SpreadEngine implements Engine {
  readonly #open: () => Home;
  readonly #homes: Home[];
  readonly #inbox = new Inbox(nativePrimitives);
  /** Settle when a home is done with an input that it was given. */
  readonly #handedOver = new Set<Promise<void>>();
  /** Accumulator → its home. */
  readonly #places = new Map<string, Home>();
  #next = 0;
  #closed = false;

  /** @throws SottoError CONFIG_INVALID if `count` is no whole number of at least 1 */
  constructor(open: () => Home, count: number) {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new SottoError('CONFIG_INVALID', `engine workers: ${count}; at least 1 is needed`, { field: 'workers' });
    }
    this.#open = open;
    this.#homes = Array.from({ length: count }, open);
  }

  async run(work: EngineWork): Promise<EngineResult> {
    try {
      const home = this.#homeOf(this.#accumulatorOf(work));
      if (work.type === 'chunk') {
        if (home.lost) return FAILED;
        const checked = this.#inbox.chunk(work);
        // No answer, no credit: inputs must not pile up before a thread that has no time for them.
        if (this.#handedOver.size >= HANDED_OVER) await Promise.race(this.#handedOver);
        return checked;
      }
      if (work.type === 'drop') this.#inbox.drop(work.slot);
      const input = 'slot' in work ? this.#inbox.take(work.slot) : undefined;
      if (input === undefined) return this.#freed(await home.ask({ type: 'run', work }));
      const answer = home.ask({ type: 'run', work, input });
      const over = answer.then(
        () => void this.#handedOver.delete(over),
        () => void this.#handedOver.delete(over),
      );
      this.#handedOver.add(over);
      return this.#freed(await answer);
    } catch {
      return FAILED;
    }
  }

  #freed({ result, freed }: AnswerTo<{ readonly type: 'run'; readonly work: HomeWork }>): EngineResult {
    if (freed !== undefined) this.#inbox.giveBack(freed);
    return result;
  }

  aggregate({ groups, ...work }: AggregateWork): Promise<AggregateResult> {
    return guarded(async () => {
      const places = groups.map((group) => ({ group, home: this.#homeOf(accumulatorOfSource(group.source)) }));
      const rulesAt = mostOf(places.map(({ home }) => home)) ?? this.#nextHome();
      const answers = await Promise.all(
        places.map(async ({ group, home }) =>
          home === rulesAt ? { here: group } : home.ask({ type: 'inputs', groups: [group], encoding: work.encoding }),
        ),
      );
      const parts: RulePart[] = [];
      const buffers: ArrayBuffer[] = [];
      for (const answer of answers) {
        if ('here' in answer) parts.push(answer);
        else if (!answer.ok) return answer;
        else {
          parts.push({ given: answer.inputs });
          buffers.push(...answer.inputs.map(({ vector }) => vector.buffer));
        }
      }
      return rulesAt.ask({ type: 'combine', work, parts }, buffers);
    });
  }

  nextModel(work: ModelWork): Promise<ModelResult> {
    return guarded(() => this.#askAny({ type: 'nextModel', work }));
  }

  direction(work: DirectionWork): Promise<DirectionResult> {
    return guarded(() => this.#askAny({ type: 'direction', work }));
  }

  async forget(keep: readonly string[]): Promise<void> {
    const kept = new Set(keep.map((name) => (this.#places.has(name) ? name : parentOf(name))));
    for (const name of [...this.#places.keys()]) if (!kept.has(name)) this.#places.delete(name);
    this.#inbox.forget(new Set(keep));
    await Promise.all(this.#live().map((home) => home.ask({ type: 'forget', keep }).catch(() => null)));
  }

  sharedBytes(): number {
    return this.#inbox.bytes;
  }

  async held(): Promise<readonly string[]> {
    const lists = await Promise.all(this.#live().map((home) => home.ask({ type: 'held' }).catch(() => [])));
    return [...this.#inbox.held(), ...lists.flat()];
  }

  warm(): void {
    for (const home of this.#live()) home.warm?.();
  }

  async rest(): Promise<void> {
    if (this.#places.size > 0 || this.#inbox.held().length > 0) return;
    this.#inbox.rest();
    await Promise.all(this.#homes.map((home) => home.rest?.()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#homes.map((home) => home.close()));
  }

  #live(): Home[] {
    return this.#homes.filter((home) => !home.lost);
  }

  /**
   * A lost home keeps its accumulators until `forget`: a fresh one in its place would sum the rest of the group alone, and the
   * unmasked result would be noise that looks like a model.
   */
  #homeOf(accumulator: string): Home {
    const known = this.#places.get(accumulator);
    if (known !== undefined) return known;
    const home = this.#nextHome();
    this.#places.set(accumulator, home);
    return home;
  }

  #nextHome(): Home {
    const at = this.#next++ % this.#homes.length;
    // safe: at is below the length, which is at least 1
    let home = this.#homes[at]!;
    if (home.lost && !this.#closed) {
      home = this.#open();
      this.#homes[at] = home;
    }
    return home;
  }

  #askAny<R extends HomeRequest>(request: R, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<R>> {
    return this.#nextHome().ask(request, transfer);
  }

  #accumulatorOf(work: EngineWork): string {
    if ('accumulator' in work) return work.accumulator;
    if (work.type === 'audit') return work.unmask.accumulator;
    return this.#places.has(work.slot) ? work.slot : parentOf(work.slot);
  }
}

/** Slots are named after their accumulator (protocol/round/group-state.ts, slotOf). */
const parentOf = (slot: string): string => slot.slice(0, Math.max(0, slot.lastIndexOf('/')));

const accumulatorOfSource = (source: AggregateWork['groups'][number]['source']): string =>
  source.type === 'sum' ? source.accumulator : parentOf(source.slots[0]?.slot ?? '');

/** The one that is there most often; the first of several. */
function mostOf<T>(items: readonly T[]): T | undefined {
  const count = (one: T): number => items.filter((other) => other === one).length;
  return items.reduce<T | undefined>(
    (best, one) => (best === undefined || count(one) > count(best) ? one : best),
    undefined,
  );
}

async function guarded<T>(job: () => Promise<T>): Promise<T | EngineFailure> {
  try {
    return await job();
  } catch (error) {
    return failureOf(error);
  }
}
