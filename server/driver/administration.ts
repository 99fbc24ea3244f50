// What operators see and do beyond the rounds: where the campaign is, pause and drain, quarantine and appeal, blobs and the audit log.
// Every action is recorded with who did it. Not here: who may do it (server/http), what a pause means (campaign/campaign.ts).

import { SottoError } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { MAX_COUNTER } from '../../protocol/limits.js';
import type { Json } from '../../protocol/task.js';
import type { Fact } from '../audit/events.js';
import type { Journal } from '../audit/journal.js';
import { monitorFacts } from '../audit/monitor-facts.js';
import { canRollBack } from '../campaign/campaign.js';
import type {
  CampaignEffect,
  CampaignEvent,
  CampaignOutcome,
  CampaignPhase,
  CampaignState,
  Hold,
} from '../campaign/types.js';
import type { ChainView } from '../chain/store.js';
import { appeal, type MonitorEvent, type MonitorState, quarantineBy } from '../monitor/index.js';
import type { Store } from '../store/types.js';
import type { Connections } from './connections.js';
import type { Mailbox } from './mailbox.js';
import type { Parts } from './parts.js';
import { ancestorOf, keptLink } from './roll-back.js';
import type { Watch } from './watch.js';

export interface CoordinatorStatus {
  readonly phase: CampaignPhase;
  /** The running or next round; the last one where the campaign is over. */
  readonly round: number;
  /** 0 between rounds. */
  readonly attempt: number;
  /** Sockets, those that have not proven who they are included. */
  readonly connected: number;
  readonly checkedIn: number;
  readonly hold: Hold;
  /** Void rounds, and waits that ended with too few clients, since the last good round. */
  readonly setbacks: number;
  readonly outcome?: CampaignOutcome;
}

/** Who asks, and why: both go into the record. */
export interface Act {
  readonly by: string;
  readonly reason: string;
}

export interface Administration {
  status(): CoordinatorStatus;
  /** The running attempt goes on; no other starts before `resume`, also not after a restart. */
  pause(act: Act): void;
  resume(act: Act): void;
  /** Finishes the round, then ends: `Coordinator.done` resolves as `stopped`. */
  drain(act: Act): void;
  /** From the next round on, for `rounds` rounds. @throws ADMIN_UNKNOWN_CLIENT */
  quarantine(client: ClientId, rounds: number, act: Act): MonitorEvent;
  /** From the next round on, for the rest of the task, or until an appeal is granted. @throws ADMIN_UNKNOWN_CLIENT */
  exclude(client: ClientId, act: Act): MonitorEvent;
  /**
   * Makes the model after round `to` the newest one, as soon as no round runs; a round of which nothing is open yet is given up for it.
   * Resets no counter and no ledger. Clients follow where their policy says so.
   * @throws CONFIG_INVALID, STORE_BLOB (roll-back.ts); ADMIN_CONFLICT where one is under way or the campaign ends
   */
  rollBack(to: number, act: Act): void;
  /**
   * Keeps the model after this round for as long as there is a task, so that it stays one to go back to.
   * @throws CONFIG_INVALID, STORE_BLOB (roll-back.ts); ADMIN_CONFLICT without a data directory
   */
  pin(round: number, act: Act): void;
  /** `Coordinator.appeal`: somebody decided in code, without a name. */
  hear(client: ClientId, granted: boolean, reason: string): MonitorEvent;
  /** @throws ADMIN_UNKNOWN_CLIENT */
  appeal(client: ClientId, granted: boolean, act: Act): MonitorEvent;
  /** Any other action, for the record. */
  record(act: Act, action: string, detail: Json): void;
  /** The monitor's memory as it is: not to be changed. */
  monitor(): MonitorState;
  /** The model chain, newest last. */
  links(): ChainView;
  /** Bytes of a model, aggregate or optimiser state that is still kept. */
  blob(hash: Hash): Uint8Array | undefined;
  hasBlob(hash: Hash): boolean;
  /** Names of all that are stored; none without a data directory. */
  blobs(): readonly Hash[];
  /** Absent: the coordinator has no data directory, and so no log. */
  readonly log: Pick<Store, 'events' | 'head'> | undefined;
  /** Whether durable state can be written; `true` where there is none. */
  readonly writable: boolean;
}

export interface AdministrationParts {
  readonly parts: Pick<Parts, 'clock' | 'store' | 'durable' | 'log'>;
  readonly campaign: Mailbox<CampaignState, CampaignEvent, CampaignEffect>;
  readonly connections: Connections;
  readonly watch: Watch;
  readonly journal: Journal;
  readonly tell: (event: MonitorEvent) => void;
}

export function administration(desk: AdministrationParts): Administration {
  const { parts, campaign, connections, watch, journal } = desk;
  const now = () => parts.clock.now();
  /** In the structured log whether there is a data directory or not; in the audit log where there is one. */
  const note = ({ by, reason }: Act, action: string, fields: object, facts: readonly Fact[]): void => {
    parts.log.info({ by, action, reason, ...fields }, 'an administrator acts');
    journal.record(facts);
  };
  const act = (one: Act, action: string, fields: Readonly<Record<string, Json>> = {}, facts: readonly Fact[] = []) =>
    note(one, action, fields, [admin(one.by, action, { ...fields, reason: one.reason }), ...facts]);
  const bar = (client: ClientId, rounds: number, one: Act, action: string): MonitorEvent => {
    known(client);
    const { round } = statusOf(campaign.state, connections);
    const before = watch.state;
    const event = watch.operate((state) => quarantineBy(state, client, round, rounds, `by ${one.by}: ${one.reason}`));
    if (event.type === 'quarantine') {
      act(one, action, { client, rounds }, monitorFacts(before, watch.state, [event]));
      campaign.post({ type: 'quarantined', client, until: event.until, now: now() });
    }
    desk.tell(event);
    return event;
  };
  const known = (client: ClientId): void => {
    if (campaign.state.pool.has(client) || watch.state.clients.has(client)) return;
    throw new SottoError('ADMIN_UNKNOWN_CLIENT', `no client ${client.slice(0, 16)}… has been here`, { client });
  };
  const hear = (client: ClientId, granted: boolean, reason: string): MonitorEvent => {
    const before = watch.state;
    const event = watch.operate((state) => appeal(state, client, granted, reason));
    journal.record(monitorFacts(before, watch.state, [event]));
    desk.tell(event);
    if (event.type === 'appeal' && event.granted) campaign.post({ type: 'released', client, now: now() });
    return event;
  };
  return {
    hear,
    status: () => statusOf(campaign.state, connections),
    pause({ by, reason }) {
      note({ by, reason }, 'pause', {}, [{ type: 'paused', body: { by, reason } }]);
      campaign.post({ type: 'hold', hold: { type: 'paused', by, reason }, now: now() });
    },
    resume({ by, reason }) {
      note({ by, reason }, 'resume', {}, [{ type: 'resumed', body: { by, reason } }]);
      campaign.post({ type: 'hold', hold: { type: 'none' }, now: now() });
    },
    drain({ by, reason }) {
      act({ by, reason }, 'drain');
      campaign.post({ type: 'hold', hold: { type: 'draining', reason: `drained by ${by}: ${reason}` }, now: now() });
    },
    quarantine: (client, rounds, one) => bar(client, rounds, one, 'quarantine'),
    // A round number is a counter of the protocol: no task has a later one.
    exclude: (client, one) => bar(client, MAX_COUNTER - statusOf(campaign.state, connections).round, one, 'exclude'),
    rollBack(to, one) {
      ancestorOf(parts.store, { round: to, reason: one.reason });
      if (!canRollBack(campaign.state))
        throw new SottoError('ADMIN_CONFLICT', 'a roll-back is under way already, or the coordinator ends');
      act(one, 'roll-back', { to });
      campaign.post({ type: 'rollBack', wanted: { to, ...one }, now: now() });
    },
    pin(round, one) {
      if (parts.durable === undefined)
        throw new SottoError(
          'ADMIN_CONFLICT',
          'there is no data directory (dataDir): every model goes with the process',
        );
      keptLink(parts.store, round);
      note(one, 'pin', { round }, [{ type: 'model-pinned', body: { by: one.by, reason: one.reason, round } }]);
    },
    appeal(client, granted, one) {
      known(client);
      act(one, 'appeal', { client, granted });
      return hear(client, granted, `by ${one.by}: ${one.reason}`);
    },
    record: (one, action, detail) =>
      note(one, action, { detail }, [admin(one.by, action, { reason: one.reason, detail })]),
    monitor: () => watch.state,
    links: () => parts.store,
    blob: (hash) => parts.store.blob(hash)?.bytes,
    hasBlob: (hash) => parts.durable?.log.store.hasBlob(hash) ?? parts.store.blob(hash) !== undefined,
    blobs: () => parts.durable?.log.store.blobs() ?? [],
    log: parts.durable?.log.store,
    get writable() {
      return parts.durable === undefined || parts.durable.log.store.latched === undefined;
    },
  };
}

const admin = (by: string, action: string, detail: Json) => ({ type: 'admin', body: { by, action, detail } }) as const;

function statusOf(state: CampaignState, connections: Connections): CoordinatorStatus {
  const { phase, pool, hold, setbacks } = state;
  return {
    phase,
    round: state.phase === 'ended' ? state.outcome.round : state.phase === 'pausing' ? state.round + 1 : state.round,
    attempt: 'attempt' in state ? state.attempt : 0,
    connected: connections.size,
    checkedIn: pool.size,
    hold,
    setbacks,
    ...(state.phase === 'ended' && { outcome: state.outcome }),
  };
}
