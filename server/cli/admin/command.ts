// `sotto admin …`: one action of the admin API, and what came of it in words or as JSON. Not here: the command lines (program.ts),
// exports (export.ts).

import type { ActionName } from '../../http/authority.js';
import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { type Credentials, connectAdmin } from '../look/api.js';

export interface ConnectionOptions extends Credentials {
  readonly url: string;
  readonly json: boolean;
}
export interface AdminOptions extends ConnectionOptions {
  readonly reason: string;
}

/** @throws ADMIN_*, CONFIG_*, STORE_BLOB as the coordinator refuses; TRANSPORT_* where it cannot be asked */
export async function adminAct(action: ActionName, body: object, options: AdminOptions, io: Io): Promise<ExitCode> {
  const api = await connectAdmin(options.url, options, io.env);
  const answer = (await api.post(`/actions/${action}`, { ...body, reason: options.reason })) as Answer;
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'admin', action, ...answer })}\n`);
  else if (action === 'new-token') {
    // The token alone on stdout, so that it can be piped to whoever gets it.
    io.stdout.write(`${answer.token}\n`);
    io.stderr.write(
      `lets in ${answer.uses} until ${answer.expires}; to end it: sotto admin tokens revoke ${answer.hash}\n`,
    );
  } else io.stdout.write(`${SAYS[action](answer)}\n`);
  return EXIT.ok;
}

/** What the coordinator answers, by action; the routes say what is in it. */
interface Answer {
  readonly [field: string]: unknown;
}
const short = (id: unknown): string => String(id).slice(0, 16);

const SAYS: Readonly<Record<Exclude<ActionName, 'new-token'>, (answer: Answer) => string>> = {
  pause: ({ phase }) => `paused${phase === 'running' ? ': the running attempt goes on, no other starts' : ''}`,
  resume: ({ phase }) => `resumed; the campaign is ${phase}`,
  drain: ({ phase }) => (phase === 'ended' ? 'ended' : 'draining: it ends after this round'),
  stop: () => 'stopping: the round is finished or handed back',
  'roll-back': ({ phase }) =>
    phase === 'rollingBack' || phase === 'pausing' || phase === 'waiting'
      ? 'going back; the next round starts from that model'
      : 'the running round is given up or finished first, then it goes back',
  pin: ({ round }) => `the model of round ${round} is kept from now on`,
  quarantine: ({ says }) => String(says),
  exclude: ({ says }) => String(says),
  appeal: ({ says }) => String(says),
  ban: ({ client }) => `the ban of ${short(client)} is confirmed`,
  revoke: ({ client }) => `${short(client)} is out and comes in no more`,
  readmit: ({ client }) => `${short(client)} may come in again`,
  'revoke-token': () => 'that token lets nobody else in; who came by it stays',
  'log-level': ({ level }) => `the log level is ${level}`,
};
