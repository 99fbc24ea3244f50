// Puts a running coordinator in front of a board: every event of it becomes rows, with the time by the wall clock.
// Not here: what the rows say (board.ts).

import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { CampaignSettings } from '../campaign/types.js';
import type { Coordinator } from '../driver/options.js';
import { Board } from './board.js';
import type { TaskView } from './view.js';

/** What a board says about the task beside what happens. */
export interface BoardSetup {
  readonly task: TaskConfig;
  readonly campaign: CampaignSettings;
  /** A model is measured after each round. */
  readonly evaluates: boolean;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

export interface AttachedBoard {
  readonly board: Board;
  /** Looks again at what no event tells: who is checked in, which weights are kept. */
  refresh(): void;
  detach(): void;
}

export function attachBoard(coordinator: Coordinator, setup: BoardSetup): AttachedBoard {
  const { wallClock: now } = setup;
  const { admin } = coordinator;
  const board = new Board(taskView(coordinator, setup), setup.task);
  board.models(admin.links());
  let keptAt = -1;
  const refresh = (): void => {
    board.status(admin.status(), admin.monitor(), coordinator.access.revoked, admin.writable);
    const { length } = admin.links();
    if (length === keptAt) return;
    keptAt = length;
    board.models(admin.links());
    board.kept(admin.hasBlob);
  };
  const offs = [
    coordinator.on('attempt', ({ round, attempt, groups }) => board.attempt(round, attempt, groups, now())),
    coordinator.on('fact', ({ fact }) => board.fact(fact, now())),
    coordinator.on('contribution', ({ client, part }) => board.contribution(client, part)),
    coordinator.on('client', (notice) => board.notice(notice, now())),
    coordinator.on('monitor', (event) => board.monitor(event, now())),
    coordinator.on('round', (report) => board.round(report, admin.monitor(), admin.links(), now())),
    coordinator.on('setback', (setback) => board.setback(setback, now())),
    coordinator.on('rolledBack', (back) => {
      board.rolledBack(back, admin.links(), now());
      refresh();
    }),
    coordinator.on('finished', (result) => board.finished(result, now())),
  ];
  refresh();
  return {
    board,
    refresh,
    detach: () => {
      for (const off of offs) off();
    },
  };
}

function taskView({ id, url, admin }: Coordinator, setup: BoardSetup): TaskView {
  const { task, campaign, evaluates, version, wallClock } = setup;
  return {
    task: task.task,
    profile: task.profile,
    rule: task.rule.name,
    optimizer: task.optimizer.name,
    dimension: task.dimension,
    groups: task.group.count,
    groupSize: task.group.size,
    threshold: deriveTask(task).threshold,
    sketches: task.integrity !== 'none',
    clipNorm: task.encoding.clipNorm,
    rounds: campaign.rounds,
    needs: campaign.clients.min,
    evaluates,
    coordinator: id,
    url,
    version,
    logged: admin.log !== undefined,
    startedAt: wallClock(),
  };
}
