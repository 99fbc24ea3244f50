// A look at a simulation through its report. Not here: reading the file (report/read.ts).

import type { SimulationReport } from '../../../simulations/report.js';
import { ruleName } from '../table.js';
import type { ClientTold, Look } from './told.js';

export function lookAtRun(report: SimulationReport): Look {
  const { rounds, roster, config } = report;
  const events = rounds.flatMap(({ monitor }) => monitor);
  const last = rounds.at(-1);
  const clients = roster.map(({ name }): ClientTold => {
    const count = (pick: (entry: (typeof rounds)[number]) => boolean): number => rounds.filter(pick).length;
    const until = Math.max(
      0,
      ...events.flatMap((event) => (event.type === 'quarantine' && event.client === name ? [event.until] : [])),
    );
    const banned = events.some((event) => event.type === 'ban' && event.client === name);
    const quarantined = until > (last?.round ?? 0);
    return {
      id: name,
      status: banned ? 'banned' : quarantined ? 'quarantined' : 'active',
      until: quarantined && !banned ? until : null,
      online: null,
      invited: count(({ cohort }) => cohort.includes(name)),
      counted: count((entry) => !entry.void && entry.survivors.includes(name)),
      dropped: count(({ dropped }) => dropped.some(({ client }) => client === name)),
      excluded: count(({ excluded }) => excluded.some(({ client }) => client === name)),
      suspicion: null,
    };
  });
  return {
    status: {
      source: 'run',
      task: report.task,
      profile: report.profile,
      rule: ruleName(report.rule),
      dimension: report.dimension,
      coordinator: null,
      phase: report.outcome,
      says: report.stamp,
      round: last?.round ?? 0,
      rounds: config.campaign.rounds,
      committed: rounds.filter((entry) => !entry.void).length,
      connected: null,
      clients: report.clients,
      quarantined: clients.filter(({ status }) => status === 'quarantined').length,
      banned: clients.filter(({ status }) => status === 'banned').length,
      leftOut: rounds.reduce((sum, { excluded }) => sum + excluded.length, 0),
      accuracy: report.finalAccuracy,
      loss: last?.loss ?? null,
      model: report.modelHash,
      bytesUp: rounds.reduce((sum, { bytesUp }) => sum + bytesUp, 0),
      bytesDown: rounds.reduce((sum, { bytesDown }) => sum + bytesDown, 0),
    },
    rounds: rounds.map((entry) => ({
      round: entry.round,
      outcome: entry.void ? 'void' : 'committed',
      says: '',
      attempts: entry.attempts,
      invited: entry.cohort.length,
      counted: entry.void ? 0 : entry.survivors.length,
      dropped: entry.dropped.length,
      excluded: entry.excluded.length,
      accuracy: entry.accuracy,
      loss: entry.loss,
      seconds: entry.seconds,
      bytesUp: entry.bytesUp,
      bytesDown: entry.bytesDown,
      model: entry.modelHash,
    })),
    clients,
  };
}
