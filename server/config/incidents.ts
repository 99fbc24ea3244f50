// The settings of playbooks and their webhook in a file. Not here: when a playbook fires and what follows (server/playbooks).

import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { isLoopback } from '../driver/upgrade.js';
import type { Playbook } from '../playbooks/playbooks.js';
import type { WebhookSettings } from '../playbooks/webhook.js';
import { settingError } from './problem.js';
import { between, choice, listOf, maybe, oneOf, says, settings, text, whole } from './values.js';

const MAX_PLAYBOOKS = 64;
const rounds = says('Rounds that it looks back.', whole(1, 1_000));
const literal = <const T extends string>(name: T) => v.literal(name, `${name}`);

const condition = choice('when', [
  settings({
    when: says('Rounds came to nothing.', literal('void-rounds')),
    inARow: says('So many in a row.', whole(1, 1_000)),
  }),
  settings({
    when: says('Accuracy is below the best of the last rounds.', literal('accuracy-drop')),
    by: says('At least so far, as a share: 0.05 is five points.', between(0.001, 1)),
    rounds,
  }),
  settings({
    when: says('Clients drop out.', literal('dropouts')),
    share: says('At least this share of the cohort, on average.', between(0.001, 1)),
    rounds,
  }),
  settings({
    when: says('Clients are left out of sums.', literal('exclusions')),
    clients: says('At least so many different ones.', whole(1, 100_000)),
    rounds,
  }),
  settings({
    when: says('One client is left out again and again.', literal('client-excluded')),
    times: says('At least so many times.', whole(1, 1_000)),
    rounds,
  }),
  settings({
    when: says('The monitor acts or raises an alarm.', literal('monitor')),
    kind: says('Which one.', oneOf(['quarantine', 'ban', 'group', 'disagreement'])),
  }),
]);

const action = choice('do', [
  settings({ do: says('Tells the webhook.', literal('notify')) }),
  settings({ do: says('Pauses the campaign until somebody resumes it.', literal('pause')) }),
  settings({
    do: says('Goes back to an earlier model, by a signed record.', literal('roll-back')),
    models: says('The one that was the newest so many models ago.', whole(1, 1_000)),
  }),
  settings({
    do: says('Quarantines the clients that it is about.', literal('quarantine')),
    rounds: says('For so many rounds.', whole(1, 100_000)),
  }),
  settings({
    do: says('Leaves the clients that it is about out of all further rounds.', literal('exclude')),
  }),
]);

export const incidentSettings = settings({
  webhook: maybe(
    'incidents are told in the log and on the dashboard alone',
    says(
      'Where `notify` sends incidents: JSON by POST, retried three times.',
      settings({
        url: says('https, or http to this machine.', text(/^https?:\/\/\S{1,2000}$/, 'an address with https://')),
        authorizationFile: maybe(
          'no such header',
          says(
            'File with the value of the header `authorization`. Relative to this file.',
            text(/^[^\0]{1,4096}$/, 'a path'),
          ),
        ),
      }),
    ),
  ),
  playbooks: maybe(
    'none',
    says(
      'What follows from what, without waiting for a person.',
      listOf(
        settings({
          name: says(
            'Stands in the audit log behind what it did.',
            text(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a-z, 0-9 and dash'),
          ),
          condition: says('When it fires: looked at after each round.', condition),
          actions: says('What it does.', listOf(action, 1, 8)),
          quietRounds: maybe('10', says('Rounds of silence after it fired.', whole(0, 1_000_000))),
        }),
        1,
        MAX_PLAYBOOKS,
      ),
    ),
  ),
});

export interface IncidentSettings {
  readonly webhook: 'none' | WebhookSettings;
  readonly playbooks: readonly Playbook[];
}

/** Conditions that name clients. */
const ABOUT_CLIENTS = new Set(['exclusions', 'client-excluded']);

/** @param resolved makes a path in the file absolute @throws CONFIG_INVALID naming the playbook and a way out; CONFIG_UNREADABLE */
export function fillIncidents(
  file: v.InferOutput<typeof incidentSettings> | undefined,
  resolved: (path: string) => string,
): IncidentSettings {
  const webhook = file?.webhook === undefined ? 'none' : fillWebhook(file.webhook, resolved);
  const playbooks = (file?.playbooks ?? []).map(
    ({ quietRounds = 10, ...playbook }): Playbook => ({ ...playbook, quietRounds }),
  );
  if (new Set(playbooks.map(({ name }) => name)).size < playbooks.length)
    throw settingError('incidents.playbooks', 'has a name twice; rename one');
  for (const { name, condition: when, actions } of playbooks) {
    const kinds = actions.map((one) => one.do);
    if (kinds.includes('notify') && webhook === 'none')
      throw settingError('incidents.playbooks', `${name} notifies, and there is no webhook; set incidents.webhook`);
    const against = kinds.find((kind) => kind === 'quarantine' || kind === 'exclude');
    if (against !== undefined && !ABOUT_CLIENTS.has(when.when))
      throw settingError(
        'incidents.playbooks',
        `${name} has the action ${against}, but condition ${when.when} is about no client; use exclusions or client-excluded`,
      );
  }
  return { webhook, playbooks };
}

function fillWebhook(
  { url, authorizationFile }: NonNullable<v.InferOutput<typeof incidentSettings>['webhook']>,
  resolved: (path: string) => string,
): WebhookSettings {
  const field = 'incidents.webhook';
  if (!URL.canParse(url)) throw settingError(`${field}.url`, 'is no address');
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !isLoopback(hostname))
    throw settingError(`${field}.url`, 'is http to another machine: anybody between could read it; use https');
  if (authorizationFile === undefined) return { url };
  try {
    return { url, authorization: readFileSync(resolved(authorizationFile), 'utf8').trim() };
  } catch {
    throw settingError(`${field}.authorizationFile`, `cannot be read: ${authorizationFile}`, 'CONFIG_UNREADABLE');
  }
}
