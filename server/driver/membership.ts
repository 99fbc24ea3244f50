// Who is left out of a round before its sum is opened: the filters of the signed task first, then the monitor, on one budget for each
// group, and for everybody who is out one reason in plain words. Pure. Not here: the filters (aggregate/selection), the monitor's
// tests (monitor/screening.ts), the protocol's own checks, which come before (protocol/round/phases/sketch.ts).
//
// Discussion. The filters are part of the task that every client has signed for; the monitor is the coordinator's own. Both look at
// the same sketches, so they could punish one update twice. They do not: a client that a filter leaves out gets no exclusion of the
// monitor's, and only the monitor's calibrated findings count for a quarantine, whoever acted on them.

import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { Candidate } from '../../protocol/round/types.js';
import type { SelectionSpec } from '../../protocol/selection.js';
import { createSelection, type Exclusion, type Selection, sketch } from '../aggregate/index.js';
import type { Screening, ScreeningObservation } from '../monitor/index.js';

export interface Membership {
  /** What the filters found, with those that a group's budget did not hold out for among the spared. */
  readonly selection: Selection;
  readonly screening: Screening;
  /** The filters' first, then the monitor's; each worst first. Never more of a group than its budget. */
  readonly out: readonly ClientId[];
  /** For each of `out`. */
  readonly why: ReadonlyMap<ClientId, string>;
}

/** @param screen asks the monitor @throws what the filters throw: AGGREGATE_PRECONDITION, AGGREGATE_* of unusable sketches */
export function decideMembership(
  candidates: readonly Candidate[],
  filters: SelectionSpec,
  screen: (observation: Pick<ScreeningObservation, 'sketches' | 'out' | 'budgets'>) => Screening,
): Membership {
  const groupOf = new Map(candidates.map(({ client, group }) => [client, group]));
  const budgets = new Map(candidates.map(({ group, budget }) => [group, budget]));
  const budget = [...budgets.values()].reduce((sum, one) => sum + one, 0);
  const sketches = candidates.map(({ client, sketch: v }) => sketch(client, Float64Array.from(v)));
  const selection = perGroup(createSelection(filters).select(sketches, budget), groupOf, budgets);
  const byFilters = selection.excluded.map(({ id }) => id);
  const screening = screen({
    sketches: candidates.map(({ client, group, sketch: v }) => ({ id: client, group, sketch: Float64Array.from(v) })),
    out: new Set(byFilters),
    budgets,
  });
  const byMonitor = screening.events.filter((event) => event.type === 'exclude');
  return {
    selection,
    screening,
    out: [...byFilters, ...byMonitor.map(({ client }) => client)],
    why: new Map([
      ...selection.excluded.map((one) => [one.id, whyFiltered(one, selection, filters)] as const),
      ...byMonitor.map(({ client, evidence }) => [client, evidence.map(({ says }) => says).join('; ')] as const),
    ]),
  };
}

/** The filters know one budget for all groups; here each group spends its own. Takes what is spent off `budgets`. */
function perGroup(
  selection: Selection,
  groupOf: ReadonlyMap<ClientId, GroupId>,
  budgets: Map<GroupId, number>,
): Selection {
  const excluded: Exclusion[] = [];
  const spared = [...selection.spared];
  for (const one of selection.excluded) {
    const group = groupOf.get(one.id) ?? 0;
    const left = budgets.get(group) ?? 0;
    if (left > 0) {
      budgets.set(group, left - 1);
      excluded.push(one);
    } else spared.push(one);
  }
  const out = new Set(excluded.map(({ id }) => id));
  return { ...selection, accepted: [...groupOf.keys()].filter((id) => !out.has(id)), excluded, spared };
}

/** Reports stand in the order of the filters; a name may be there twice, so the one that measured this score is meant. */
function whyFiltered({ score, reason }: Exclusion, { reports }: Selection, filters: SelectionSpec): string {
  const at = reports.findIndex((report) => report.filter === reason && report.scores.includes(score));
  const filter = filters[at];
  const limit = reports[at]?.limit ?? Number.NaN;
  switch (filter?.name) {
    case 'distance': {
      const times = (filter.factor * score) / limit;
      return `its update is ${times.toFixed(1)} times as far from the centre of all as usual (at most ${filter.factor})`;
    }
    case 'cosine':
      return `its update points away from the centre of all: cosine ${(1 - score).toFixed(2)} (at least ${filter.least})`;
    case 'multi-krum':
      return `its update is among the ${filter.faulty} with the least company`;
    default:
      return `its update is ${(score / limit).toPrecision(3)} times as long as the longest that is allowed`;
  }
}
