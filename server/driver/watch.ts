// Shows the monitor what a round was, and keeps its memory: verified sketches before a sum is opened; afterwards who took part and how
// it ended, what the rule measured of the groups, which proofs there are. Not here: judging (monitor/), measuring (engine/, held-out.ts).

import { ERRORS, type ErrorCode } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { Candidate } from '../../protocol/round/types.js';
import { faultyOf } from '../../protocol/rule.js';
import type { SelectionSpec } from '../../protocol/selection.js';
import { noisedNormOf, selectionOf } from '../../protocol/sketch/bounds.js';
import { deriveTask, largestClipNorm, type TaskConfig } from '../../protocol/task.js';
import type { Measures, OrderReport, Vector } from '../aggregate/index.js';
import {
  type ClientObservation,
  type GroupObservation,
  MONITOR_DEFAULTS,
  type MonitorEvent,
  type MonitorSettings,
  type MonitorState,
  type MonitorStep,
  openMonitor,
  type Proof,
  type Screening,
  screen,
  stepMonitor,
} from '../monitor/index.js';
import type { Gains } from './held-out.js';
import { decideMembership, type Membership } from './membership.js';
import type { RoundReport } from './options.js';

/** A report before the monitor has seen it. */
export type Unwatched = Omit<RoundReport, 'monitor'>;

export class Watch {
  readonly #faulty: number;
  readonly #normBound: number | undefined;
  /** `none`: the task has no sketches. */
  readonly #filters: SelectionSpec | 'none';
  readonly #room: number;
  #state: MonitorState;
  #proofs: Proof[] = [];
  /** Of the running attempt. */
  #screening: Screening | undefined;

  /** @param memory of a coordinator before this one */
  constructor(task: TaskConfig, settings: MonitorSettings = MONITOR_DEFAULTS, memory?: MonitorState) {
    this.#faulty = faultyOf(task.rule);
    // In profile `open` the coordinator clips the rows itself.
    this.#normBound = task.profile === 'open' ? undefined : normBoundOf(task);
    const { sketch } = deriveTask(task);
    this.#filters = task.integrity === 'none' || sketch === 'none' ? 'none' : selectionOf(task.integrity, sketch);
    this.#room = roomOf(task);
    this.#state = memory ?? openMonitor(settings);
  }

  /** A snapshot. */
  get state(): MonitorState {
    return this.#state;
  }

  /** An attempt starts: what the sketches of the one before showed is nothing of the round's. */
  attempt(): void {
    this.#screening = undefined;
  }

  /** Who is left out, before anything is opened. @param lastStep see monitor/types.ts @throws RangeError in a task without sketches */
  decide(round: number, candidates: readonly Candidate[], lastStep: Vector | undefined): Membership {
    if (this.#filters === 'none') throw new RangeError('a selection in a task without sketches');
    const membership = decideMembership(candidates, this.#filters, (observation) =>
      screen(this.#state, { round, ...observation, ...(lastStep && { lastStep }) }),
    );
    this.#screening = membership.screening;
    return membership;
  }

  /** Somebody responsible changes its memory. @returns the event for the record */
  operate(change: (state: MonitorState) => MonitorStep): MonitorEvent {
    const { state, events } = change(this.#state);
    this.#state = state;
    // safe: what an operator does is one event.
    return events[0]!;
  }

  /** A client goes on under another key: what it is suspected of goes with it. Between rounds only. */
  rotate(from: ClientId, to: ClientId): void {
    const ledger = this.#state.clients.get(from);
    if (ledger === undefined) return;
    const clients = new Map(this.#state.clients).set(to, ledger);
    clients.delete(from);
    this.#state = { ...this.#state, clients };
  }

  /** Proven, with evidence that a third party can check; seen in the round whose report is next. */
  proven(client: ClientId, code: ErrorCode): void {
    this.#proofs.push({ client, code });
  }

  /**
   * @param measures of the groups that were summed, absent in a void round. In profile `open` inputs are clients, no groups.
   * @param gains of the same groups, where they were measured
   */
  round(report: Unwatched, measures: Measures | undefined, gains?: Gains): RoundReport {
    const proofs = this.#proofs;
    this.#proofs = [];
    const faulty = this.#faulty;
    const { state, events } = stepMonitor(this.#state, {
      round: report.round,
      clients: clientsOf(report),
      groups: measures === undefined ? [] : groupsOf(report, measures, gains),
      ...(this.#screening && { screening: this.#screening }),
      room: this.#room,
      ...(faulty > 0 && { faulty }),
      ...(this.#normBound !== undefined && { normBound: this.#normBound }),
      ...(measures?.disagreement && { disagreement: measures.disagreement.value }),
      proofs,
    });
    this.#state = state;
    this.#screening = undefined;
    return { ...report, monitor: events satisfies readonly MonitorEvent[] };
  }
}

/**
 * The longest mean update of a group of clients that keep to the rules: rounding moves each coordinate by less than one level of the grid, of
 * everybody alike; noise adds a vector that is longer than this in one of 2^40 rounds at most, at the fewest survivors.
 */
function normBoundOf(task: TaskConfig): number {
  const { encoding, noise, survivorFloor } = deriveTask(task);
  const { clipNorm, range, levels, dimension } = encoding;
  if (noise === 'none') return clipNorm + (range / levels) * Math.sqrt(dimension);
  const variance = noise.centralVariance / survivorFloor + noise.localVariance;
  const noised = noisedNormOf({ dimension, l2: 0, localVariance: variance / survivorFloor });
  return (largestClipNorm(task) / levels) * (noise.l2 + noised);
}

/**
 * How many of one group may be barred at a time. With sketches as many as the task lets be left out of a round, so that dropouts
 * still have their share; without, as many as a group can lose. In profile `open` a quorum of updates must be left.
 */
function roomOf(task: TaskConfig): number {
  if (task.profile === 'open') return task.group.size - task.windows.masked.count.min;
  return task.integrity === 'none' ? task.group.size - deriveTask(task).survivorFloor : task.integrity.exclusions;
}

function clientsOf({ cohort, groups, dropped, excluded }: Unwatched): ClientObservation[] {
  const groupOf = new Map<ClientId, GroupId>(groups.flatMap(({ id, members }) => members.map((one) => [one, id])));
  return cohort.map((id): ClientObservation => {
    const group = groupOf.get(id) ?? 0;
    const out = excluded.find(({ client }) => client === id);
    if (out !== undefined) {
      const { phase, code } = out;
      return { id, group, outcome: { type: 'excluded', phase, code, offence: ERRORS[code].blame === 'remote' } };
    }
    const left = dropped.find(({ client }) => client === id);
    return { id, group, outcome: left === undefined ? { type: 'survived' } : { type: 'dropped', phase: left.phase } };
  });
}

/** Inputs are the groups that were not void, in the order of the groups. */
function groupsOf(
  { groups, voidedGroups, rule }: Unwatched,
  measures: Measures,
  gains: Gains = new Map(),
): GroupObservation[] {
  const summed = groups.filter(({ id }) => !voidedGroups.some(({ group }) => group === id));
  if (summed.length !== measures.norms.length) return [];
  const order = rule.find((stage): stage is OrderReport => stage.stage === 'median' || stage.stage === 'trimmed-mean');
  // Behind NNM or buckets an input of the rule is a mixture of groups, and its share is nobody's own.
  const own =
    order !== undefined && rule.every(({ stage }) => stage === order.stage || stage === 'clip' || stage === 'arc');
  return summed.map(({ id }, i): GroupObservation => {
    const cosineToLast = measures.cosinesToLast?.[i];
    const trimmed = own ? (order.low[i] ?? 0) + (order.high[i] ?? 0) : undefined;
    return {
      id,
      norm: measures.norms[i] ?? 0,
      ...(cosineToLast !== undefined && { cosineToLast }),
      ...(trimmed !== undefined && order?.effective !== 0 && { trimmed }),
      ...gains.get(id),
    };
  });
}
