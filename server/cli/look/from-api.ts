// A look at a running coordinator through its admin API. Not here: the requests (api.ts), the rows' meaning (server/board/view.ts).

import type { ClientView, ModelView, RoundView, StatusView, TaskView } from '../../board/view.js';
import type { AdminApi } from './api.js';
import type { ClientTold, Look, RoundTold } from './told.js';

const PAGE = 1_000;

export async function lookAtCoordinator(api: AdminApi): Promise<Look> {
  const { task, status } = (await api.get('/status')) as { task: TaskView; status: StatusView };
  const { models } = (await api.get('/models')) as { models: readonly ModelView[] };
  const rounds = await allRounds(api);
  const clients = await allClients(api);
  const last = rounds.at(-1);
  return {
    status: {
      source: 'coordinator',
      task: task.task,
      profile: task.profile,
      rule: task.rule,
      dimension: task.dimension,
      coordinator: task.coordinator,
      phase: status.hold === 'none' ? status.phase : `${status.phase}, ${status.hold}`,
      says: status.writable ? status.says : `durable state cannot be written; ${status.says}`,
      // Rounds are those since the start; the chain knows how far it had come before.
      round: Math.max(last?.round ?? 0, models.at(-1)?.round ?? 0),
      rounds: task.rounds,
      committed: rounds.filter(({ outcome }) => outcome === 'committed').length,
      connected: status.connected,
      clients: clients.length,
      quarantined: status.quarantined,
      banned: status.banned,
      leftOut: status.stopped,
      accuracy: last?.accuracy ?? null,
      loss: last?.loss ?? null,
      model: models.at(-1)?.model ?? last?.model ?? null,
      bytesUp: status.bytesUp,
      bytesDown: status.bytesDown,
    },
    rounds,
    clients,
  };
}

async function allRounds(api: AdminApi): Promise<readonly RoundTold[]> {
  const out: RoundView[] = [];
  for (let from = 0; ; ) {
    const { rounds } = (await api.get(`/rounds?from=${from}&limit=${PAGE}`)) as { rounds: readonly RoundView[] };
    out.push(...rounds);
    if (rounds.length < PAGE) break;
    from = (rounds.at(-1)?.round ?? from) + 1;
  }
  return out
    .sort((a, b) => a.round - b.round)
    .map((one) => ({
      round: one.round,
      outcome: one.committed ? 'committed' : 'void',
      says: one.says,
      attempts: one.attempts,
      invited: one.cohort,
      counted: one.survivors,
      dropped: one.dropped,
      excluded: one.excluded,
      accuracy: one.accuracy,
      loss: one.loss,
      seconds: one.seconds,
      bytesUp: one.bytesUp,
      bytesDown: one.bytesDown,
      model: one.model,
    }));
}

async function allClients(api: AdminApi): Promise<readonly ClientTold[]> {
  const out: ClientView[] = [];
  for (let from = 0, more = true; more; ) {
    const page = (await api.get(`/clients?from=${from}&limit=${PAGE}`)) as {
      readonly clients: readonly ClientView[];
      readonly more: boolean;
    };
    out.push(...page.clients);
    more = page.more && page.clients.length > 0;
    from = (page.clients.at(-1)?.n ?? from) + 1;
  }
  return out.map((one) => ({
    id: one.id,
    status: one.status,
    until: one.status === 'quarantined' ? one.until : null,
    online: one.online,
    invited: one.invited,
    counted: one.counted,
    dropped: one.dropped,
    excluded: one.excluded,
    suspicion: one.scores.at(-1) ?? 0,
  }));
}
