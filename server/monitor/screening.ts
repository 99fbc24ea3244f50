// Who should be left out of a round, asked before anything is opened: the calibrated tests on the sketches of one attempt. Pure.
// Not here: the filters of the signed task, which have had their say and part of the budget (aggregate/selection); what is
// remembered of it (monitor.ts); carrying it out (driver/membership.ts).

import type { ClientId, GroupId } from '../../protocol/ids.js';
import { judgeSketches } from './clients.js';
import type { ExcludeEvent, Finding, MonitorState, Screening, ScreeningObservation, SparedEvent } from './types.js';

/**
 * Judges every sketch; asks for the exclusion of those with a strong finding, the worst first and never more of a group than its
 * budget holds. Who is out already gets no event of the monitor's: one exclusion has one reason. Who has been pardoned is only
 * observed. Changes nothing: `stepMonitor` takes the screening of the round's last attempt into the ledger, once.
 */
export function screen(state: MonitorState, observation: ScreeningObservation): Screening {
  const { settings, clients } = state;
  const { round, sketches, out } = observation;
  const findings = judgeSketches(observation, settings.clientFalseAlarm);
  if (!settings.exclude) return { findings, events: [] };
  const groupOf = new Map(sketches.map(({ id, group }) => [id, group]));
  const left = new Map(observation.budgets);
  const may = (client: ClientId): boolean => !out.has(client) && (clients.get(client)?.pardonedUntil ?? 0) < round;
  const strong = findings.filter((finding) => finding.strong && may(finding.client));
  const events = ranked(strong).map((client): ExcludeEvent | SparedEvent => {
    const evidence = strong.filter((finding) => finding.client === client);
    const why = evidence.map(({ says }) => says).join('; ');
    // safe: findings are about sketches that were observed.
    const group: GroupId = groupOf.get(client)!;
    const budget = left.get(group) ?? 0;
    if (budget <= 0) {
      const says = `to be left out of this round, but its group can lose no more: ${why}`;
      return { type: 'spared', from: 'exclude', round, client, evidence, says };
    }
    left.set(group, budget - 1);
    return { type: 'exclude', round, client, evidence, says: `left out of this round: ${why}` };
  });
  return { findings, events };
}

/** By the largest value of a client's findings; silence harms nobody and comes last. */
function ranked(findings: readonly Finding[]): ClientId[] {
  const worst = new Map<ClientId, number>();
  for (const { client, signal, value } of findings) {
    worst.set(client, Math.max(worst.get(client) ?? 0, signal === 'silence' ? 0 : value));
  }
  return [...worst].sort(([, a], [, b]) => b - a).map(([client]) => client);
}
