// The dashboard's files, read once from beside the compiled code, with their hashes as ETags. They hold no data: everybody may load
// them, and sees nothing without signing in. Not here: building them (tools/build-dashboard.mjs).

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { Env } from './context.js';

const FOLDER = new URL('../dashboard/public/', import.meta.url);
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

/** Nothing of others, nothing inline, no frames. */
export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const MISSING =
  'The dashboard is not built: run `npm run build` in the sources. The admin API under /api works without it.\n';

export function assetRoutes(): Hono<Env> {
  const routes = new Hono<Env>();
  for (const [path, [name, type]] of Object.entries(FILES)) {
    const file = new URL(name, FOLDER);
    let loaded: { readonly bytes: Uint8Array<ArrayBuffer>; readonly etag: string } | undefined;
    routes.get(path, (c) => {
      if (loaded === undefined && existsSync(file)) {
        const bytes = Uint8Array.from(readFileSync(file));
        loaded = { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` };
      }
      if (loaded === undefined) return c.text(MISSING, 503);
      const headers = { 'content-type': type, etag: loaded.etag, 'cache-control': 'no-cache' };
      if (c.req.header('if-none-match') === loaded.etag) return c.body(null, 304, headers);
      return c.body(loaded.bytes, 200, headers);
    });
  }
  return routes;
}
