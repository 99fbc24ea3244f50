// The board: what a coordinator has told so far, as rows for people (view.ts). Everything it learns comes in by its methods, time
// included, so a test can tell it any story. Not here: listening to a coordinator (attach.ts), sending rows (feed.ts), metrics.

import { ERRORS, type ErrorCode } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { MAX_BOARD_ALERTS, MAX_BOARD_CLIENTS, MAX_BOARD_ROUNDS, SETBACKS_BEFORE_PAUSE } from '../../protocol/limits.js';
import type { RoundFact } from '../../protocol/round/types.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { Team } from '../campaign/types.js';
import { indexOfRound } from '../chain/find.js';
import { originIn } from '../chain/lineage.js';
import type { ChainView } from '../chain/store.js';
import type { CoordinatorStatus } from '../driver/administration.js';
import type { CampaignResult, ClientNotice, CoordinatorEvents, Part, RoundReport } from '../driver/options.js';
import type { MonitorEvent, MonitorState } from '../monitor/index.js';
import { AttemptRows } from './attempt.js';
import { ClientRows } from './clients.js';
import { linkRow } from './models.js';
import { Table } from './table.js';
import type { AlertView, GroupView, PhaseName, Step, StopView, TaskView } from './view.js';

/** What metrics and playbooks hear of beside the rows. */
export interface BoardListener {
  phaseOver?(phase: PhaseName, ms: number): void;
  roundOver?(report: RoundReport, stories: ReadonlyMap<string, number>): void;
  alert?(alert: AlertView): void;
  notice?(notice: ClientNotice): void;
}

export class Board {
  readonly table = new Table({
    round: MAX_BOARD_ROUNDS,
    client: MAX_BOARD_CLIENTS,
    alert: MAX_BOARD_ALERTS,
    stop: MAX_BOARD_ALERTS,
    model: MAX_BOARD_ROUNDS,
  });
  readonly #clients: ClientRows;
  readonly #attempt: AttemptRows;
  readonly #claim: string;
  readonly #listeners = new Set<BoardListener>();
  /** Alerts that count up instead of becoming more: key → number. */
  readonly #repeated = new Map<string, number>();
  #round = 0;
  /** Records of the chain that it has rows of, dropped ones included. */
  #models = 0;
  #alerts = 0;
  #stops = 0;
  #bytes = { up: 0, down: 0 };

  constructor(task: TaskView, config: TaskConfig) {
    this.#clients = new ClientRows(this.table);
    this.#attempt = new AttemptRows(this.table, config);
    this.#claim = claimOf(config);
    this.table.set('task', task);
  }

  listen(listener: BoardListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  client(n: number) {
    return this.table.get('client', n);
  }

  attempt(round: number, attempt: number, groups: readonly Team[], now: number): void {
    if (round !== this.#round) this.#repeated.clear();
    this.#round = round;
    this.#attempt.start(round, attempt, groups, this.#clients, now);
  }

  fact(fact: RoundFact, now: number): void {
    const over = this.#attempt.fact(fact, now);
    if (over !== undefined) for (const one of this.#listeners) one.phaseOver?.(over.phase, over.ms);
  }

  contribution(client: ClientId, part: Part): void {
    this.#attempt.heard(client, part);
  }

  notice(notice: ClientNotice, now: number): void {
    for (const one of this.#listeners) one.notice?.(notice);
    switch (notice.type) {
      case 'connected':
        this.#clients.change(notice.client, { online: true, agent: notice.agent.slice(0, 80) });
        return;
      case 'left':
        this.#clients.change(notice.client, { online: false });
        return;
      case 'offence':
      case 'complaint': {
        const { type, client, code, text } = notice;
        const who = client === undefined ? 'somebody who had not proven who it is' : `client ${client.slice(0, 8)}`;
        const did =
          type === 'offence' ? `${who} broke the protocol: ${ERRORS[code].says}` : `${who} complains: ${text}`;
        this.#repeat(`${type} ${code} ${client ?? ''}`, 'info', type, did, now, client);
        return;
      }
      case 'blamed': {
        const { client, code } = notice;
        this.#clients.change(client, { status: 'banned' });
        this.#stop({ client, what: 'banned', phase: '', code, says: proven(code) }, now);
        this.alert('critical', 'ban', `client ${client.slice(0, 8)} is out for good: ${proven(code)}`, now, client);
        return;
      }
      case 'checkedIn':
      case 'replaced':
      case 'rejected':
        return;
      default:
        notice satisfies never;
    }
  }

  monitor(event: MonitorEvent, now: number): void {
    switch (event.type) {
      case 'quarantine':
      case 'spared':
      case 'ban': {
        const what = ({ quarantine: 'quarantined', spared: 'spared', ban: 'banned' } as const)[event.type];
        const why =
          'evidence' in event ? [...new Set(event.evidence.map(({ says }) => says))].slice(-3).join('; ') : '';
        const says = why === '' ? event.says : `${event.says} (${why})`;
        this.#stop({ client: event.client, what, phase: '', code: event.type === 'ban' ? event.code : '', says }, now);
        if (event.type === 'spared') return;
        this.alert(event.type === 'ban' ? 'critical' : 'warning', event.type, says, now, event.client);
        return;
      }
      case 'group': {
        const row = this.table.get('group', event.group);
        if (row !== undefined)
          this.table.set('group', { ...row, alarms: row.alarms + 1, lastAlarm: event.says }, event.group);
        this.alert('warning', 'group', `group ${event.group}: ${event.says}`, now);
        return;
      }
      case 'disagreement':
        this.alert('warning', 'disagreement', event.says, now);
        return;
      case 'appeal':
      case 'release':
        this.alert('info', event.type, `client ${event.client.slice(0, 8)}: ${event.says}`, now, event.client);
        return;
      case 'observe':
      case 'exclude':
        return;
      default:
        event satisfies never;
    }
  }

  round(report: RoundReport, monitor: MonitorState, chain: ChainView, now: number): void {
    const { outcome, survivors, dropped, excluded, cohort } = report;
    const ends = new Map<ClientId, Step>(cohort.map((client) => [client, 'void']));
    for (const client of survivors) ends.set(client, 'counted');
    for (const { client } of dropped) if (ends.get(client) !== 'counted') ends.set(client, 'dropped');
    for (const { client } of excluded) ends.set(client, 'excluded');
    const stories = this.#attempt.over(ends);
    this.#bytes = { up: this.#bytes.up + report.bytesUp, down: this.#bytes.down + report.bytesDown };
    this.table.set(
      'round',
      {
        round: report.round,
        attempts: report.attempts,
        endedAt: now,
        committed: outcome.type === 'committed',
        says: outcome.type === 'void' ? outcome.text : '',
        accuracy: report.accuracy ?? null,
        loss: report.loss ?? null,
        cohort: cohort.length,
        survivors: survivors.length,
        dropped: dropped.length,
        excluded: excluded.length,
        voidedGroups: report.voidedGroups.map(({ group }) => group),
        seconds: report.seconds,
        bytesUp: report.bytesUp,
        bytesDown: report.bytesDown,
        model: report.modelHash,
        phases: this.#attempt.phases,
      },
      report.round,
    );
    for (const { client, phase, code, why } of excluded)
      this.#stop({ client, what: 'excluded', phase, code, says: why ?? ERRORS[code].says }, now, report.round);
    const groupOf = new Map(report.groups.flatMap(({ id, members }) => members.map((one) => [one, id] as const)));
    for (const [client, end] of ends) {
      if (end === 'counted' || end === 'dropped' || end === 'excluded' || end === 'void')
        this.#clients.ended(client, groupOf.get(client) ?? 0, end, monitor);
    }
    this.#groups(report, ends);
    this.#privacy(report);
    // A record may have been there before this report, which has its accuracy.
    const made = outcome.type === 'committed' ? indexOfRound(chain, report.round) : undefined;
    this.#modelsFrom(chain, Math.min(made ?? this.#models, this.#models));
    if (outcome.type === 'void')
      this.alert('warning', 'void', `round ${report.round} came to nothing: ${outcome.text}`, now);
    for (const one of this.#listeners) one.roundOver?.(report, stories);
  }

  /** Once a round, and once more when it is no longer chance: nights without a client must not push everything else off the board. */
  setback({ round, inARow, pauseMs, text }: CoordinatorEvents['setback'], now: number): void {
    const bad = inARow >= SETBACKS_BEFORE_PAUSE;
    const next = pauseMs > 0 ? `the next round in ${Math.round(pauseMs / 1_000)} s` : 'it goes on waiting for clients';
    const says = `nothing came of ${inARow} ${inARow === 1 ? 'try' : 'tries in a row'}, ${next}; ${text}`;
    this.#repeat(`setback ${round} ${bad}`, bad ? 'critical' : 'warning', 'setback', says, now);
  }

  rolledBack({ round, to, by, reason }: CoordinatorEvents['rolledBack'], chain: ChainView, now: number): void {
    this.models(chain);
    const says = `${by} went back to the model of round ${to}, which is number ${round} of the chain: ${reason}`;
    this.alert('warning', 'roll-back', says, now);
  }

  finished({ outcome }: CampaignResult, now: number): void {
    const says = endOf(outcome);
    this.alert(outcome.type === 'stalled' ? 'critical' : 'info', 'finished', says, now);
  }

  /** Takes over records that it does not know yet: a roll-back adds one without a round. */
  models(chain: ChainView): void {
    this.#modelsFrom(chain, this.#models);
  }

  #modelsFrom(chain: ChainView, first: number): void {
    for (let index = Math.max(first, chain.length - MAX_BOARD_ROUNDS); index < chain.length; index++) {
      const link = chain.at(index);
      if (link === undefined) continue;
      const { record } = originIn(chain, link);
      const round = record.type === 'update' ? this.table.get('round', record.round) : undefined;
      this.table.set('model', linkRow(index, link, round, this.table.get('model', index)?.kept ?? true), index);
    }
    this.#models = chain.length;
  }

  /** Which weights are still here; what is gone does not come back. @param has asks the store */
  kept(has: (model: Hash) => boolean): void {
    for (const row of this.table.all('model'))
      if (row.kept && !has(row.model)) this.table.set('model', { ...row, kept: false }, row.index);
  }

  /** @param monitor its memory now @param revoked who is kept out now @param writable of the durable state */
  status(status: CoordinatorStatus, monitor: MonitorState, revoked: ReadonlySet<ClientId>, writable: boolean): void {
    const counts = this.#clients.review(monitor, revoked);
    const { hold, setbacks, outcome } = status;
    const row = {
      phase: status.phase,
      round: status.round,
      attempt: status.attempt,
      connected: status.connected,
      checkedIn: status.checkedIn,
      hold: hold.type,
      setbacks,
      says: outcome ? endOf(outcome) : hold.type === 'paused' ? `${hold.by}: ${hold.reason}` : '',
      writable,
      ...counts,
      stopped: this.#stops,
      bytesUp: this.#bytes.up,
      bytesDown: this.#bytes.down,
    };
    if (JSON.stringify(row) !== JSON.stringify(this.table.get('status'))) this.table.set('status', row);
  }

  alert(level: AlertView['level'], kind: string, says: string, now: number, client?: ClientId): AlertView {
    const n = ++this.#alerts;
    const alert: AlertView = { n, at: now, level, kind, round: this.#round, client: this.#number(client), says };
    this.table.set('alert', alert, n);
    for (const one of this.#listeners) one.alert?.(alert);
    return alert;
  }

  #number(client: ClientId | undefined): number {
    return client === undefined ? 0 : this.#clients.number(client);
  }

  /** One alert a round for each cause: a flood must not push everything else off the board. */
  #repeat(key: string, level: AlertView['level'], kind: string, says: string, now: number, client?: ClientId): void {
    const times = (this.#repeated.get(key) ?? 0) + 1;
    this.#repeated.set(key, times);
    if (times === 1) this.alert(level, kind, says, now, client);
  }

  #stop(
    stop: Omit<StopView, 'n' | 'at' | 'round' | 'client'> & { readonly client: ClientId },
    now: number,
    round = this.#round,
  ): void {
    const n = ++this.#stops;
    this.table.set('stop', { ...stop, n, at: now, round, client: this.#clients.number(stop.client) }, n);
  }

  #privacy({ round, privacy }: RoundReport): void {
    if (privacy === 'none') return;
    const { spent, budget } = privacy;
    const before = this.table.get('privacy')?.spent ?? [];
    this.table.set('privacy', {
      claim: this.#claim,
      delta: budget.delta,
      budget: budget.epsilon,
      spent: [...before, { round, epsilon: spent }].slice(-MAX_BOARD_ROUNDS),
    });
  }

  #groups({ groups, voidedGroups, outcome }: RoundReport, ends: ReadonlyMap<ClientId, Step>): void {
    for (const { id, members } of groups) {
      const before = this.table.get('group', id) ?? emptyGroup(id);
      const counted = members.filter((one) => ends.get(one) === 'counted').length / members.length;
      const rounds = before.rounds + 1;
      const lost = outcome.type === 'void' || voidedGroups.some(({ group }) => group === id);
      const survival = before.survival + (counted - before.survival) / rounds;
      const voided = before.voided + Number(lost);
      this.table.set('group', { ...before, members: members.length, rounds, voided, survival }, id);
    }
  }
}

const emptyGroup = (group: number): GroupView => ({
  group,
  members: 0,
  rounds: 0,
  voided: 0,
  survival: 0,
  alarms: 0,
  lastAlarm: '',
});

/** What the task promises to every client, in words. */
function claimOf({ privacy }: TaskConfig): string {
  if (privacy === 'none') return '';
  const by =
    privacy.placement === 'distributed'
      ? 'noise that clients add under their masks'
      : 'noise that the coordinator adds';
  return `what a whole client reveals is bounded, by ${by} (z = ${privacy.noiseMultiplier})`;
}

const proven = (code: ErrorCode): string => `its own signed messages prove it: ${ERRORS[code].says}`;

export function endOf(outcome: CampaignResult['outcome']): string {
  switch (outcome.type) {
    case 'rounds':
      return `all ${outcome.round} rounds are over`;
    case 'accuracy':
      return `the accuracy that was asked for is reached: ${(100 * outcome.accuracy).toFixed(1)} % in round ${outcome.round}`;
    case 'stalled':
      return `stalled in round ${outcome.round}: ${outcome.text}`;
    case 'budget':
      return `the privacy budget is used up in round ${outcome.round}: ${outcome.text}`;
    case 'stopped':
      return `stopped after round ${outcome.round}: ${outcome.reason}`;
    default:
      return outcome satisfies never;
  }
}
