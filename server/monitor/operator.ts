// What a person does to the monitor's memory, as pure functions: a quarantine that somebody responsible orders. A ban is not here:
// it rests on a proof alone (monitor.ts). Not here: appeals (monitor.ts), who may do it (http/).

import type { ClientId } from '../../protocol/ids.js';
import { MAX_COUNTER } from '../../protocol/limits.js';
import { FRESH, type MonitorStep } from './monitor.js';
import type { MonitorState } from './types.js';

/**
 * Bars a client for `rounds` rounds behind `round`; a longer quarantine that it has stays. What a person decides does not count as
 * evidence: the suspicion and the length of the next quarantine are as before.
 */
export function quarantineBy(
  state: MonitorState,
  client: ClientId,
  round: number,
  rounds: number,
  reason: string,
): MonitorStep {
  const ledger = state.clients.get(client) ?? FRESH;
  const until = Math.max(ledger.quarantinedUntil, round + rounds);
  const clients = new Map(state.clients).set(client, { ...ledger, quarantinedUntil: until, pardonedUntil: 0 });
  const says =
    until >= MAX_COUNTER ? `left out of all further rounds ${reason}` : `quarantined up to round ${until} ${reason}`;
  const { suspicion, findings: evidence } = ledger;
  return {
    state: { ...state, clients },
    events: [{ type: 'quarantine', round, client, until, suspicion, evidence, says }],
  };
}
