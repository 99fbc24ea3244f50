// Lets requests in: who asks, whether the role allows it, whether the request comes from our own page. Default deny.
// Not here: credentials (access.ts), routes (app.ts).

import type { Context, MiddlewareHandler, Next } from 'hono';
import { getCookie } from 'hono/cookie';
import { SottoError } from '../../protocol/errors.js';
import type { Me, Role } from '../board/view.js';
import { isLoopback } from '../driver/upgrade.js';
import { atLeast } from './authority.js';
import type { Desk, Env } from './context.js';

export const COOKIE = 'sotto_session';

/**
 * What every route beyond health needs.
 * @throws (as answers) ADMIN_UNAUTHENTICATED, ADMIN_FORBIDDEN
 */
export const needs =
  (desk: Desk, role: Role): MiddlewareHandler<Env> =>
  async (c, next) => {
    checkHost(desk, c);
    const me = whoIs(desk, c);
    if (me === undefined) {
      const way = desk.access.configured
        ? 'sign in with a token, or a one-time code of somebody who is signed in'
        : isLoopback(desk.settings.listenHost)
          ? 'sign in with the code that the coordinator printed when it started'
          : 'no administrators are configured: make one with `sotto keys token` and put it under `admin.tokens`';
      throw new SottoError('ADMIN_UNAUTHENTICATED', way);
    }
    if (!atLeast(me.role, role))
      throw new SottoError('ADMIN_FORBIDDEN', `${me.name} has the role ${me.role}; this needs the role ${role}`);
    c.set('me', me);
    await next();
  };

/**
 * For everything that changes something. The cookie is SameSite=Strict already; this also holds for a browser that ignores that, and
 * for a page on another port of the same host, which is the same site.
 */
export async function ownPageOnly(c: Context, next: Next): Promise<void> {
  const origin = c.req.header('origin');
  const fetchSite = c.req.header('sec-fetch-site');
  const foreign =
    (origin !== undefined && hostOf(origin) !== hostHeader(c)) ||
    (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none');
  if (foreign) throw new SottoError('ADMIN_FORBIDDEN', 'the request came from a page of another origin');
  const type = c.req.header('content-type') ?? '';
  // A form of another site cannot send this type without asking first.
  if (!/^application\/json\b/i.test(type))
    throw new SottoError('ADMIN_INVALID', 'send a JSON body with content-type application/json');
  await next();
}

/**
 * Without configured tokens everything rests on the loopback address, so a name that somebody's DNS points there does not count as it
 * (DNS rebinding).
 */
export function checkHost(desk: Desk, c: Context): void {
  if (desk.access.configured || !isLoopback(desk.settings.listenHost)) return;
  const name = hostHeader(c).replace(/:\d+$/, '').replaceAll(/[[\]]/g, '').toLowerCase();
  if (!isLoopback(name))
    throw new SottoError('ADMIN_FORBIDDEN', `the coordinator listens on loopback and is not called ${name}`);
}

export function whoIs(desk: Desk, c: Context): Me | undefined {
  const bearer = /^Bearer (\S{1,256})$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined) return desk.access.bearer(bearer);
  const session = getCookie(c, COOKIE);
  return session === undefined ? undefined : desk.access.session(session);
}

const hostHeader = (c: Context): string => c.req.header('host') ?? new URL(c.req.url).host;
const hostOf = (origin: string): string => (URL.canParse(origin) ? new URL(origin).host : '');
