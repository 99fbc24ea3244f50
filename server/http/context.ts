// What the routes share: the settings, the coordinator once it is there, and errors as answers. Not here: the routes (app.ts).

import type { Context } from 'hono';
import { type ErrorCode, SottoError } from '../../protocol/errors.js';
import type { AttachedBoard } from '../board/attach.js';
import type { Feed } from '../board/feed.js';
import type { Me } from '../board/view.js';
import type { Coordinator } from '../driver/options.js';
import type { Access, AdminToken } from './access.js';
import type { AuditPages } from './audit-pages.js';
import type { Metrics } from './metrics.js';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface HttpSettings {
  /** Empty: nobody but the holder of the start code, and that only where `listenHost` is a loopback address. */
  readonly tokens: readonly AdminToken[];
  /** What the port listens on; decides what is open without credentials. */
  readonly listenHost: string;
  /** Told when the log level changes at run time. Absent: it cannot. */
  readonly setLogLevel?: (level: LogLevel) => void;
}

/** Everything behind the routes once a coordinator runs. */
export interface Running {
  readonly coordinator: Coordinator;
  readonly attached: AttachedBoard;
  readonly feed: Feed;
  readonly metrics: Metrics;
  /** Absent: no log is kept. */
  readonly audit: AuditPages | undefined;
}

export interface Desk {
  readonly settings: HttpSettings;
  readonly access: Access;
  /** @throws ADMIN_NOT_READY */
  running(): Running;
}

export interface Env {
  Variables: { readonly me: Me };
}
export type RouteContext = Context<Env>;

const STATUS: Readonly<Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 409 | 429 | 503>>> = {
  ADMIN_INVALID: 400,
  ADMIN_UNAUTHENTICATED: 401,
  ADMIN_FORBIDDEN: 403,
  ADMIN_UNKNOWN: 404,
  ADMIN_UNKNOWN_CLIENT: 404,
  ADMIN_NO_EVIDENCE: 409,
  ADMIN_CONFLICT: 409,
  // What a roll-back is asked for and cannot be.
  CONFIG_INVALID: 400,
  STORE_BLOB: 409,
  ADMIN_BUSY: 429,
  ADMIN_NOT_READY: 503,
  STORE_LATCHED: 503,
  STORE_CORRUPT: 503,
};

/** Codes and their texts go to whoever asks; of a bug only that there was one. */
export function answerError(c: Context, error: unknown): Response {
  if (!(error instanceof SottoError)) {
    return c.json({ error: { code: 'INTERNAL', text: 'the coordinator broke on this request; see its log' } }, 500);
  }
  const { code, message } = error;
  if (code === 'ADMIN_BUSY') c.header('retry-after', '6');
  return c.json({ error: { code, text: message.slice(code.length + 2) } }, STATUS[code] ?? 500);
}
