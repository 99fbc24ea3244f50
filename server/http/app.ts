// All routes of the coordinator's HTTP side, as one fetch handler: health, metrics, the admin API and the dashboard's files. Tested
// without sockets. Not here: listening (driver/listener.ts), what routes do (the other files of this folder).

import { Hono } from 'hono';
import { SottoError } from '../../protocol/errors.js';
import { isLoopback } from '../driver/upgrade.js';
import { actionRoutes } from './action-routes.js';
import { assetRoutes, CSP } from './assets.js';
import { answerError, type Desk, type Env } from './context.js';
import { checkHost, whoIs } from './guard.js';
import { readRoutes } from './read-routes.js';
import { signInRoutes } from './sign-in.js';

export function createApp(desk: Desk): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, c) => answerError(c, error));
  app.notFound((c) => answerError(c, new SottoError('ADMIN_UNKNOWN', 'there is nothing at this address')));
  app.use('*', async (c, next) => {
    await next();
    c.header('content-security-policy', CSP);
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'no-referrer');
    c.header('cross-origin-opener-policy', 'same-origin');
    c.header('cross-origin-resource-policy', 'same-origin');
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store');
  });

  /** The process answers. */
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  /** It can do its work. */
  app.get('/readyz', (c) => {
    const problem = problemOf(desk);
    return problem === '' ? c.json({ ready: true }) : c.json({ ready: false, problem }, 503);
  });
  app.get('/metrics', async (c) => {
    checkHost(desk, c);
    const free = !desk.access.configured && isLoopback(desk.settings.listenHost);
    if (!free && whoIs(desk, c) === undefined)
      throw new SottoError('ADMIN_UNAUTHENTICATED', 'metrics need a token of a viewer: authorization: Bearer <token>');
    const { metrics, attached } = desk.running();
    attached.refresh();
    return c.body(await metrics.text(), 200, { 'content-type': metrics.contentType });
  });

  app.route('/api', signInRoutes(desk));
  app.route('/api/actions', actionRoutes(desk));
  app.route('/api', readRoutes(desk));
  app.route('/', assetRoutes());
  return app;
}

function problemOf(desk: Desk): string {
  try {
    const { admin } = desk.running().coordinator;
    if (!admin.writable) return 'durable state cannot be written; free space and restart';
    const { phase } = admin.status();
    return phase === 'ended' || phase === 'stopping' ? 'the campaign is over' : '';
  } catch (error) {
    return error instanceof SottoError ? error.message : 'not started';
  }
}
