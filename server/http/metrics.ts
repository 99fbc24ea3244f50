// What Prometheus scrapes. No label names a client: a scrape stays small whatever the fleet. Stories of members (board/view.ts STEPS) are
// counted as strings, which shows at a glance where rounds lose them. Not here: the route (app.ts), the board (board/).

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { MAX_METRIC_PATHS } from '../../protocol/limits.js';
import type { Board, BoardListener } from '../board/board.js';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

const SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];

/**
 * Of prom-client's own, those that list every file, socket or timer of the process to count them, and stop everything meanwhile: 30 of a
 * scrape's 37 ms with 10,000 clients, 40 more for /proc/self/fd. `sotto_clients{state="connected"}` says as much.
 */
const PER_HANDLE = [
  'process_open_fds',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
] as const;

/** @param watchers dashboards that watch now */
export function metricsOf(board: Board, watchers: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `sotto_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `sotto_${name}`, help, labelNames, registers });
  collectDefaultMetrics({ register: registry, prefix: 'sotto_' });
  for (const name of PER_HANDLE) registry.removeSingleMetric(`sotto_${name}`);

  const rounds = counter('rounds_total', 'Rounds that ended, by outcome: committed or void.', ['outcome']);
  const attempts = counter('attempts_total', 'Attempts of the rounds that ended.');
  const members = counter('members_total', 'Members of rounds that ended, by how they ended.', ['end']);
  const stories = counter(
    'member_paths_total',
    'Members by their story: k s m v c u for keys, shares, masked input, sketch, consistency, unmasking; then + counted, x dropped, ! excluded, # void.',
    ['path'],
  );
  const excluded = counter('excluded_total', 'Members left out by the coordinator, by reason.', ['code']);
  const bytes = counter('bytes_total', 'Bytes of frames, by direction as the coordinator sees it.', ['direction']);
  const alerts = counter('alerts_total', 'Alerts, by level and kind.', ['level', 'kind']);
  const offences = counter('offences_total', 'Breaches of the protocol outside rounds, by code.', ['code']);
  const roundSeconds = new Histogram({
    name: 'sotto_round_seconds',
    help: 'From the first announcement of a round to its end.',
    buckets: SECONDS,
    registers,
  });
  const phaseSeconds = new Histogram({
    name: 'sotto_phase_seconds',
    help: 'Time of a group in a phase.',
    labelNames: ['phase'],
    buckets: SECONDS,
    registers,
  });
  const accuracy = gauge('accuracy', 'Of the newest model, where the coordinator measures; NaN elsewhere.');
  const loss = gauge('loss', 'Of the newest model, where the coordinator measures; NaN elsewhere.');
  accuracy.set(Number.NaN);
  loss.set(Number.NaN);
  const clients = gauge('clients', 'Clients, by state.', ['state']);
  const round = gauge('round', 'The running or next round.');
  const held = gauge('held', '1 where an operator has paused or is draining the campaign.');
  const setbacks = gauge(
    'setbacks',
    'Void rounds, and waits that ended with too few clients, since the last good round.',
  );
  const ready = gauge('writable', '1 where durable state can be written.');
  const watching = gauge('watchers', 'Dashboards that watch.');

  const paths = new Set<string>();
  const listener: BoardListener = {
    phaseOver: (phase, ms) => phaseSeconds.observe({ phase }, ms / 1_000),
    roundOver(report, told) {
      rounds.inc({ outcome: report.outcome.type });
      attempts.inc(report.attempts);
      roundSeconds.observe(report.seconds);
      bytes.inc({ direction: 'in' }, report.bytesUp);
      bytes.inc({ direction: 'out' }, report.bytesDown);
      for (const { code } of report.excluded) excluded.inc({ code });
      for (const [story, count] of told) {
        if (paths.size < MAX_METRIC_PATHS) paths.add(story);
        stories.inc({ path: paths.has(story) ? story : 'other' }, count);
        members.inc({ end: endOfStory(story) }, count);
      }
      if (report.accuracy !== undefined) accuracy.set(report.accuracy);
      if (report.loss !== undefined) loss.set(report.loss);
    },
    alert: ({ level, kind }) => alerts.inc({ level, kind }),
    notice: (notice) => {
      if (notice.type === 'offence') offences.inc({ code: notice.code });
    },
  };
  board.listen(listener);

  return {
    contentType: registry.contentType,
    text() {
      const status = board.table.get('status');
      if (status !== undefined) {
        clients.set({ state: 'connected' }, status.connected);
        clients.set({ state: 'checked-in' }, status.checkedIn);
        clients.set({ state: 'quarantined' }, status.quarantined);
        clients.set({ state: 'banned' }, status.banned);
        round.set(status.round);
        held.set(status.hold === 'none' ? 0 : 1);
        setbacks.set(status.setbacks);
        ready.set(status.writable ? 1 : 0);
      }
      watching.set(watchers());
      return registry.metrics();
    },
  };
}

function endOfStory(story: string): string {
  switch (story.at(-1)) {
    case '+':
      return 'counted';
    case 'x':
      return 'dropped';
    case '!':
      return 'excluded';
    default:
      return 'void';
  }
}
