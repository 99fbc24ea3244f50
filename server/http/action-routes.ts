// Everything that operators may do. Each action is recorded with who did it and why, then carried out; the answer says what came of it.
// A ban is only confirmed, never made: it rests on signed messages. Not here: carrying out (driver/administration.ts).

import { Hono } from 'hono';
import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { bodyOf } from './body.js';
import { type Desk, type Env, LOG_LEVELS } from './context.js';
import { needs, ownPageOnly } from './guard.js';

/** A reason is what somebody else reads a year later. */
const reason = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(3, 'say why, in at least 3 characters'),
  v.maxLength(400, 'at most 400 characters'),
);
const client = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'the id of a client: 64 lower-case hex digits'));
const why = v.strictObject({ reason });
const quarantine = v.strictObject({
  client,
  rounds: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000, 'a whole number from 1 to 100,000')),
  reason,
});
const appeal = v.strictObject({ client, granted: v.boolean(), reason });
const ban = v.strictObject({ client, reason });
const level = v.strictObject({ level: v.picklist(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`), reason });

export function actionRoutes(desk: Desk): Hono<Env> {
  const routes = new Hono<Env>();
  routes.use('*', ownPageOnly, needs(desk, 'operator'));
  const admin = () => desk.running().coordinator.admin;

  routes.post('/pause', async (c) => {
    const { reason } = await bodyOf(c, why);
    admin().pause({ by: c.get('me').name, reason });
    return c.json(admin().status());
  });
  routes.post('/resume', async (c) => {
    const { reason } = await bodyOf(c, why);
    admin().resume({ by: c.get('me').name, reason });
    return c.json(admin().status());
  });
  routes.post('/drain', async (c) => {
    const { reason } = await bodyOf(c, why);
    admin().drain({ by: c.get('me').name, reason });
    return c.json(admin().status());
  });
  routes.post('/stop', async (c) => {
    const { reason } = await bodyOf(c, why);
    const by = c.get('me').name;
    admin().record({ by, reason }, 'stop', {});
    // The answer leaves before the listener closes.
    void desk.running().coordinator.stop(`stopped by ${by}: ${reason}`);
    return c.json({ stopping: true }, 202);
  });
  routes.post('/quarantine', async (c) => {
    const body = await bodyOf(c, quarantine);
    const act = { by: c.get('me').name, reason: body.reason };
    return c.json(admin().quarantine(body.client as ClientId, body.rounds, act));
  });
  routes.post('/appeal', async (c) => {
    const body = await bodyOf(c, appeal);
    const act = { by: c.get('me').name, reason: body.reason };
    return c.json(admin().appeal(body.client as ClientId, body.granted, act));
  });
  routes.post('/ban', async (c) => {
    const body = await bodyOf(c, ban);
    const row = desk
      .running()
      .attached.board.table.all('client')
      .find(({ id }) => id === body.client);
    if (row === undefined) throw new SottoError('ADMIN_UNKNOWN_CLIENT', 'no client with that id has been here');
    if (row.status !== 'banned') {
      const text = 'nothing that this client signed proves anything against it; quarantine it for as long as you need';
      throw new SottoError('ADMIN_NO_EVIDENCE', text);
    }
    admin().record({ by: c.get('me').name, reason: body.reason }, 'ban', { client: body.client });
    return c.json({ client: body.client, banned: true });
  });
  routes.post('/log-level', async (c) => {
    const body = await bodyOf(c, level);
    const { setLogLevel } = desk.settings;
    if (setLogLevel === undefined) throw new SottoError('ADMIN_UNKNOWN', 'this coordinator writes no log');
    setLogLevel(body.level);
    admin().record({ by: c.get('me').name, reason: body.reason }, 'log-level', { level: body.level });
    return c.json({ level: body.level });
  });
  return routes;
}
