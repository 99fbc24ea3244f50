// The judgement of sketches in a rehearsal: the same filters, monitor, budgets and quarantine as a coordinator's, over projections of
// the plain updates. Not here: the protocol's own checks but the norm bound, since nobody lies about a sketch where nothing is masked.

import type { ClientId, Hash } from '../protocol/ids.js';
import { nativeKeystream } from '../protocol/native/index.js';
import type { Candidate } from '../protocol/round/types.js';
import type { Encoding } from '../protocol/secagg/jobs.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import { openProjector, type Projector, project } from '../protocol/sketch/project.js';
import { openMatrix } from '../protocol/sketch/work.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { Watch } from '../server/driver/watch.js';
import type { MonitorEvent, MonitorSettings } from '../server/index.js';
import type { Placed } from './pipeline.js';
import type { Random } from './random.js';

export interface ScreenedClient extends Placed {
  readonly client: ClientId;
}
export interface Screened<T> {
  readonly accepted: readonly T[];
  readonly excluded: readonly { readonly client: ClientId; readonly why: string }[];
  readonly monitor: readonly MonitorEvent[];
}

/** For one run of a task with sketches. */
export class RehearsedScreen {
  readonly #task: TaskConfig;
  readonly #watch: Watch;
  readonly #random: Random;
  readonly #derived;
  #last: Float32Array | undefined;

  constructor(task: TaskConfig, settings: MonitorSettings, random: Random) {
    this.#task = task;
    this.#watch = new Watch(task, settings);
    this.#random = random;
    this.#derived = deriveTask(task);
  }

  /** Whether quarantine keeps the client out of this round. */
  bars(client: ClientId, round: number): boolean {
    const ledger = this.#watch.state.clients.get(client);
    return ledger !== undefined && (ledger.banned || ledger.quarantinedUntil >= round);
  }

  /** Who stays in the sum of a round. @param sent what arrived, all groups together */
  judge<T extends ScreenedClient>(round: number, sent: readonly T[]): Screened<T> {
    const { integrity, prg } = this.#task;
    const { sketch: bounds, encoding, threshold } = this.#derived;
    if (integrity === 'none' || bounds === 'none') throw new RangeError('a task without sketches');
    this.#watch.attempt();
    const key = this.#random.fork(round).bytes(32);
    const make = openMatrix(key, integrity.rows, encoding, (matrix) => openProjector(WebAssembly, matrix));
    const projector = runStreaming(make, prg, nativeKeystream);
    const coins = this.#random.fork(round).fork('rounding');
    const sketches = sent.map((one) => ({ one, v: project(projector, onGrid(one.update, encoding, coins)) }));
    const tooLong = ({ v }: (typeof sketches)[number]): boolean =>
      new Int32Array(v.buffer).reduce((sum, x) => sum + x * x, 0) > bounds.maxSquare;
    const long = sketches.filter(tooLong);
    const left = sketches.filter((sketch) => !tooLong(sketch));
    const budgetOf = (group: number): number => {
      const used = long.filter(({ one }) => one.group === group).length;
      const members = left.filter(({ one }) => one.group === group).length;
      return Math.max(0, Math.min(integrity.exclusions - used, members - threshold));
    };
    const candidates = left.map(({ one: { client, group }, v }): Candidate => {
      return { client, group, sketch: new Int32Array(v.buffer), budget: budgetOf(group) };
    });
    const { out, why, selection } = this.#watch.decide(round, candidates, this.#lastStep(projector));
    const excluded = [
      ...long.map(({ one }) => ({ client: one.client, code: 'SKETCH_NORM' as const, why: 'its update is too long' })),
      ...out.map((client) => ({ client, code: 'SKETCH_OUTLIER' as const, why: why.get(client) ?? '' })),
    ];
    const gone = new Set(excluded.map(({ client }) => client));
    const accepted = sent.filter(({ client }) => !gone.has(client));
    const groups = [...new Set(sent.map(({ group }) => group))].map((id) => ({
      id,
      members: sent.filter(({ group }) => group === id).map(({ client }) => client),
    }));
    const { monitor } = this.#watch.round(
      {
        round,
        attempts: 1,
        outcome: { type: 'committed' },
        cohort: sent.map(({ client }) => client),
        groups,
        survivors: accepted.map(({ client }) => client),
        dropped: [],
        excluded: excluded.map((one) => ({ ...one, phase: 'sketch' as const })),
        voidedGroups: [],
        seconds: 0,
        bytesUp: 0,
        bytesDown: 0,
        selection,
        rule: [],
        privacy: 'none',
        modelHash: '' as Hash,
      },
      undefined,
    );
    return { accepted, excluded: excluded.map(({ client, why: says }) => ({ client, why: says })), monitor };
  }

  /** What the round added to the weights: replays look like it. */
  stepped(step: Float32Array): void {
    this.#last = step;
  }

  #lastStep(projector: Projector): Float64Array | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const norm = Math.sqrt(last.reduce((sum, x) => sum + x * x, 0)) || 1;
    const words = Uint32Array.from(last, (x) => Math.round((x / norm) * 2 ** 20));
    return Float64Array.from(new Int32Array(project(projector, words).buffer));
  }
}

/**
 * Up with the probability of the fraction, as clients round: on a coarse grid that noise is a good part of a sketch's norm, and rounding
 * to the nearest level would make short updates nothing.
 */
const onGrid = (update: Float32Array, { range, levels }: Encoding, coins: Random): Uint32Array<ArrayBuffer> =>
  Uint32Array.from(update, (x) =>
    Math.floor((Math.max(-range, Math.min(range, x)) / range) * levels + coins.uniform()),
  );
