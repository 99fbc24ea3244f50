// Shows the monitor what a round was, and keeps its memory: who took part and how it ended, what the rule measured of the groups,
// which proofs there are. Not here: judging (monitor/). Sketches of single clients join the observation with profile `sketch`.

import { ERRORS, type ErrorCode } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { faultyOf } from '../../protocol/rule.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { Measures, OrderReport } from '../aggregate/index.js';
import {
  type ClientObservation,
  type GroupObservation,
  MONITOR_DEFAULTS,
  type MonitorEvent,
  type MonitorSettings,
  type MonitorState,
  openMonitor,
  type Proof,
  stepMonitor,
} from '../monitor/index.js';
import type { RoundReport } from './options.js';

/** A report before the monitor has seen it. */
export type Unwatched = Omit<RoundReport, 'monitor'>;

export class Watch {
  readonly #faulty: number;
  readonly #normBound: number | undefined;
  #state: MonitorState;
  #proofs: Proof[] = [];

  constructor(task: TaskConfig, settings: MonitorSettings = MONITOR_DEFAULTS) {
    this.#faulty = faultyOf(task.rule);
    // In profile `open` the coordinator clips the rows itself.
    this.#normBound = task.profile === 'open' ? undefined : normBoundOf(deriveTask(task).encoding);
    this.#state = openMonitor(settings);
  }

  /** Proven, with evidence that a third party can check; seen in the round whose report is next. */
  proven(client: ClientId, code: ErrorCode): void {
    this.#proofs.push({ client, code });
  }

  /** @param measures of the groups that were summed, absent in a void round. In profile `open` inputs are clients, no groups. */
  round(report: Unwatched, measures: Measures | undefined): RoundReport {
    const proofs = this.#proofs;
    this.#proofs = [];
    const faulty = this.#faulty;
    const { state, events } = stepMonitor(this.#state, {
      round: report.round,
      clients: clientsOf(report),
      groups: measures === undefined ? [] : groupsOf(report, measures),
      ...(faulty > 0 && { faulty }),
      ...(this.#normBound !== undefined && { normBound: this.#normBound }),
      ...(measures?.disagreement && { disagreement: measures.disagreement.value }),
      proofs,
    });
    this.#state = state;
    return { ...report, monitor: events satisfies readonly MonitorEvent[] };
  }
}

/** Rounding moves each coordinate by less than one level of the grid, of everybody alike. */
const normBoundOf = ({ clipNorm, range, levels, dimension }: Encoding): number =>
  clipNorm + Math.sqrt(dimension) * (range / levels);

function clientsOf({ cohort, dropped, excluded }: Unwatched): ClientObservation[] {
  return cohort.map((id): ClientObservation => {
    const out = excluded.find(({ client }) => client === id);
    if (out !== undefined) {
      const { phase, code } = out;
      return { id, outcome: { type: 'excluded', phase, code, offence: ERRORS[code].blame === 'remote' } };
    }
    const left = dropped.find(({ client }) => client === id);
    return { id, outcome: left === undefined ? { type: 'survived' } : { type: 'dropped', phase: left.phase } };
  });
}

/** Inputs are the groups that were not void, in the order of the groups. */
function groupsOf({ groups, voidedGroups, rule }: Unwatched, measures: Measures): GroupObservation[] {
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
    };
  });
}
