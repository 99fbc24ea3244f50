// Carries playbooks out on a running coordinator: notices by webhook, pause, quarantine, exclusion, roll-back, each recorded as done by `playbook <name>`.
// Not here: when a playbook fires (playbooks.ts).

import { SottoError } from '../../protocol/errors.js';
import { MAX_TEXT } from '../../protocol/limits.js';
import type { Board } from '../board/board.js';
import { modelsBack } from '../chain/lineage.js';
import type { Coordinator, Logger } from '../driver/options.js';
import {
  type Action,
  type Incident,
  openPlaybooks,
  type Playbook,
  type PlaybookEvent,
  stepPlaybooks,
} from './playbooks.js';
import type { Webhook } from './webhook.js';

export interface PlaybookDesk {
  readonly coordinator: Coordinator;
  readonly playbooks: readonly Playbook[];
  readonly webhook: Webhook | undefined;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** Where an incident becomes an alert; absent where nobody watches. */
  readonly board?: Board;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** @returns what ends it */
export function runPlaybooks(desk: PlaybookDesk): () => void {
  let state = openPlaybooks(desk.playbooks);
  const step = (event: PlaybookEvent): void => {
    const next = stepPlaybooks(state, event);
    state = next.state;
    let told = '';
    for (const { action, incident } of next.effects) {
      if (told !== incident.playbook) tell(desk, incident);
      told = incident.playbook;
      carryOut(desk, action, incident);
    }
  };
  const offs = [
    desk.coordinator.on('monitor', (event) => step({ type: 'monitor', event })),
    desk.coordinator.on('round', (report) => step({ type: 'round', report })),
  ];
  return () => {
    for (const off of offs) off();
  };
}

function tell({ log, board, wallClock }: PlaybookDesk, { playbook, round, says }: Incident): void {
  log.warn({ playbook, round }, `playbook fired: ${says}`);
  board?.alert('critical', 'playbook', `playbook ${playbook}: ${says}`, wallClock());
}

/** What cannot be done is told to whoever counts on it, and keeps nothing else from being done: a pause behind a roll-back above all. */
function attempt(
  { log, board, wallClock }: PlaybookDesk,
  { playbook }: Incident,
  what: string,
  fields: object,
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    const known = error instanceof SottoError;
    const why = known ? error.message : 'the coordinator broke; see its log';
    log[known ? 'warn' : 'error']({ ...fields, playbook, error: String(error) }, `a playbook could not ${what}`);
    board?.alert('critical', 'playbook', `playbook ${playbook} could not ${what}: ${why}`, wallClock());
  }
}

function carryOut(desk: PlaybookDesk, action: Action, incident: Incident): void {
  const { coordinator, webhook, log } = desk;
  const act = { by: `playbook ${incident.playbook}`, reason: incident.says };
  switch (action.do) {
    case 'notify':
      coordinator.admin.record(act, 'notify', { round: incident.round });
      void webhook?.send({ ...incident, task: coordinator.admin.links().at(0)?.record.task ?? '' }).then((sent) => {
        if (!sent.ok)
          log.error({ playbook: incident.playbook, tries: sent.tries }, `no webhook took the incident: ${sent.says}`);
      });
      return;
    case 'pause':
      if (coordinator.admin.status().hold.type === 'none') coordinator.admin.pause(act);
      return;
    case 'quarantine':
    case 'exclude':
      for (const client of incident.clients) {
        attempt(desk, incident, `${action.do} a client`, { client }, () =>
          action.do === 'quarantine'
            ? coordinator.admin.quarantine(client, action.rounds, act)
            : coordinator.admin.exclude(client, act),
        );
      }
      return;
    case 'roll-back': {
      const to = modelsBack(coordinator.admin.links(), action.models).record.round;
      // Every client reads the reason, which has to be one line.
      const reason = `${act.by}: ${act.reason}`.replaceAll(/\p{Cc}/gu, ' ').slice(0, MAX_TEXT);
      attempt(desk, incident, `go back to the model of round ${to}`, { to }, () =>
        coordinator.admin.rollBack(to, { by: act.by, reason }),
      );
      return;
    }
    default:
      action satisfies never;
  }
}
