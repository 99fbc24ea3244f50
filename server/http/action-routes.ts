// Everything that operators and administrators may do. Each action stands in the table of authority.ts, is recorded with who did it and
// why, then carried out; the answer says what came of it. A ban is only confirmed, never made: it rests on signed messages.
// Not here: who may (authority.ts), carrying out (driver/administration.ts, driver/gate.ts).

import { Hono } from 'hono';
import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { MAX_TEXT, MAX_TOKEN_DAYS, MAX_TOKEN_USES } from '../../protocol/limits.js';
import type { Act, Administration } from '../driver/administration.js';
import type { AccessControl } from '../driver/options.js';
import { type ActionName, authorise } from './authority.js';
import { bodyOf } from './body.js';
import { type Desk, type Env, LOG_LEVELS, type RouteContext } from './context.js';
import { needs, ownPageOnly } from './guard.js';

/** A reason is what somebody else reads a year later. */
const reason = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(3, 'say why, in at least 3 characters'),
  v.maxLength(400, 'at most 400 characters'),
);
/** This one goes to every client. */
const publicReason = v.pipe(
  reason,
  v.maxLength(MAX_TEXT, `at most ${MAX_TEXT} characters`),
  v.regex(/^\P{Cc}*$/u, 'one line, without control characters'),
);
const hex32 = (what: string) => v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, `${what}: 64 lower-case hex digits`));
const whole = (least: number, most: number) => {
  const range = `a whole number from ${least} to ${most.toLocaleString('en')}`;
  return v.pipe(v.number(range), v.integer(range), v.minValue(least, range), v.maxValue(most, range));
};
const client = hex32('the id of a client');

/** Bodies by action, `reason` in each: a field too many is refused. */
const BODIES = {
  pause: v.strictObject({ reason }),
  resume: v.strictObject({ reason }),
  drain: v.strictObject({ reason }),
  stop: v.strictObject({ reason }),
  quarantine: v.strictObject({ client, rounds: whole(1, 100_000), reason }),
  exclude: v.strictObject({ client, reason }),
  appeal: v.strictObject({ client, granted: v.boolean(), reason }),
  ban: v.strictObject({ client, reason }),
  revoke: v.strictObject({ client, reason }),
  readmit: v.strictObject({ client, reason }),
  'new-token': v.strictObject({ uses: whole(1, MAX_TOKEN_USES), days: whole(1, MAX_TOKEN_DAYS), reason }),
  'revoke-token': v.strictObject({ token: hex32('the hash of a token'), reason }),
  pin: v.strictObject({ round: whole(0, 2 ** 32 - 1), reason }),
  'roll-back': v.strictObject({ to: whole(0, 2 ** 32 - 1), reason: publicReason }),
  'log-level': v.strictObject({ level: v.picklist(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`), reason }),
} satisfies Readonly<Record<ActionName, v.GenericSchema>>;

type Body<N extends ActionName> = v.InferOutput<(typeof BODIES)[N]>;
interface Hands {
  readonly desk: Desk;
  readonly admin: Administration;
  readonly access: AccessControl;
  readonly act: Act;
}
/** What is answered, as JSON. */
type Deeds = { readonly [N in ActionName]: (body: Body<N>, hands: Hands) => object | Promise<object> };

const DEEDS: Deeds = {
  pause: (_, { admin, act }) => {
    admin.pause(act);
    return admin.status();
  },
  resume: (_, { admin, act }) => {
    admin.resume(act);
    return admin.status();
  },
  drain: (_, { admin, act }) => {
    admin.drain(act);
    return admin.status();
  },
  stop: (_, { desk, admin, act }) => {
    admin.record(act, 'stop', {});
    // The answer leaves before the listener closes.
    void desk.running().coordinator.stop(`stopped by ${act.by}: ${act.reason}`);
    return { stopping: true };
  },
  quarantine: (body, { admin, act }) => admin.quarantine(body.client as ClientId, body.rounds, act),
  exclude: (body, { admin, act }) => admin.exclude(body.client as ClientId, act),
  appeal: (body, { admin, act }) => admin.appeal(body.client as ClientId, body.granted, act),
  ban(body, { desk, admin, act }) {
    const clients = desk.running().attached.board.table.all('client');
    const row = clients.find(({ id }) => id === body.client);
    if (row === undefined) throw new SottoError('ADMIN_UNKNOWN_CLIENT', 'no client with that id has been here');
    if (row.status !== 'banned') {
      const text =
        'nothing that this client signed proves anything against it; quarantine it for as long as you need, or exclude it';
      throw new SottoError('ADMIN_NO_EVIDENCE', text);
    }
    admin.record(act, 'ban', { client: body.client });
    return { client: body.client, banned: true };
  },
  async revoke(body, { access, act }) {
    await access.revoke(body.client as ClientId, act.by, act.reason);
    return { client: body.client, revoked: true };
  },
  async readmit(body, { access, act }) {
    await access.readmit(body.client as ClientId, act.by, act.reason);
    return { client: body.client, revoked: false };
  },
  'new-token'({ uses, days }, { access, act }) {
    const { text, hash, expires } = access.newToken({ uses, days }, act.by, act.reason);
    return { token: text, hash, uses, expires: new Date(expires).toISOString() };
  },
  async 'revoke-token'(body, { access, act }) {
    await access.revokeToken(body.token as Hash, act.by, act.reason);
    return { token: body.token, revoked: true };
  },
  pin({ round }, { admin, act }) {
    admin.pin(round, act);
    return { round, pinned: true };
  },
  'roll-back'(body, { admin, act }) {
    admin.rollBack(body.to, act);
    return admin.status();
  },
  'log-level'({ level }, { desk, admin, act }) {
    const { setLogLevel } = desk.settings;
    if (setLogLevel === undefined) throw new SottoError('ADMIN_UNKNOWN', 'this coordinator writes no log');
    setLogLevel(level);
    admin.record(act, 'log-level', { level });
    return { level };
  },
};

export function actionRoutes(desk: Desk): Hono<Env> {
  const routes = new Hono<Env>();
  routes.use('*', ownPageOnly, needs(desk, 'viewer'));
  for (const name of Object.keys(DEEDS) as ActionName[]) routes.post(`/${name}`, (c) => carryOut(desk, c, name));
  return routes;
}

async function carryOut<N extends ActionName>(desk: Desk, c: RouteContext, name: N): Promise<Response> {
  const { coordinator } = desk.running();
  const { admin, access } = coordinator;
  const me = c.get('me');
  authorise(name, me, admin.status().phase);
  // safe: bodyOf has checked it against this action's schema
  const body = (await bodyOf(c, BODIES[name])) as Body<N>;
  const answer = await DEEDS[name](body, { desk, admin, access, act: { by: me.name, reason: body.reason } });
  return c.json(answer, name === 'stop' ? 202 : 200);
}
