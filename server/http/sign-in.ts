// Signing in and out, and codes for another device. Secrets travel in bodies and cookies, never in an address.
// Not here: what a secret is worth (access.ts).

import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import { ADMIN_SESSION_MS } from '../../protocol/limits.js';
import { bodyOf } from './body.js';
import type { Desk, Env } from './context.js';
import { COOKIE, checkHost, needs, ownPageOnly } from './guard.js';

const signInBody = v.strictObject({ secret: v.pipe(v.string(), v.minLength(1), v.maxLength(256)) });

export function signInRoutes(desk: Desk): Hono<Env> {
  const routes = new Hono<Env>();
  routes.post('/sign-in', ownPageOnly, async (c) => {
    checkHost(desk, c);
    const { secret } = await bodyOf(c, signInBody);
    const signed = desk.access.signIn(secret);
    if (signed === 'busy') throw new SottoError('ADMIN_BUSY', 'too many wrong codes lately; wait some seconds');
    if (signed === 'wrong')
      throw new SottoError('ADMIN_UNAUTHENTICATED', 'that is no token, and no code that is still good');
    setCookie(c, COOKIE, signed.session, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: ADMIN_SESSION_MS / 1_000,
      secure: new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https',
    });
    return c.json(signed.me);
  });
  routes.post('/sign-out', ownPageOnly, (c) => {
    desk.access.signOut(getCookie(c, COOKIE) ?? '');
    deleteCookie(c, COOKIE, { path: '/' });
    return c.json({});
  });
  routes.get('/me', needs(desk, 'viewer'), (c) => c.json(c.get('me')));
  routes.post('/codes', ownPageOnly, needs(desk, 'viewer'), (c) => c.json({ code: desk.access.newCode(c.get('me')) }));
  return routes;
}
