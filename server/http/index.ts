// The coordinator's HTTP side: make it, hand its `fetch` to startCoordinator (or to a server of your own), attach the coordinator.
// Not here: routes (app.ts), sockets (driver/listener.ts).

import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { attachBoard, type BoardSetup } from '../board/attach.js';
import { Feed } from '../board/feed.js';
import { type Clock, realClock } from '../driver/clock.js';
import type { Coordinator } from '../driver/options.js';
import { isLoopback } from '../driver/upgrade.js';
import { Access } from './access.js';
import { createApp } from './app.js';
import { AuditPages } from './audit-pages.js';
import type { HttpSettings, Running } from './context.js';
import { metricsOf } from './metrics.js';

export { type AdminToken, hashToken, newToken } from './access.js';
export { type HttpSettings, LOG_LEVELS, type LogLevel } from './context.js';

export interface Http {
  /** A Web-standard handler for everything that is plain HTTP. Before `attach` only /healthz answers with 200. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** What the routes show and act on from now on. */
  attach(coordinator: Coordinator, setup: Omit<BoardSetup, 'wallClock'>): Running;
  /**
   * A one-time code by which whoever started the coordinator signs in as admin `local`. `undefined` beyond loopback: there, only
   * configured administrators come in.
   */
  startCode(): string | undefined;
  /** Ends the live feeds, so that the server can close. */
  close(): void;
}

/** For tests and simulations. */
export interface HttpParts {
  readonly clock?: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock?: () => number;
}

export function createHttp(settings: HttpSettings, parts: HttpParts = {}): Http {
  const { clock = realClock, wallClock = Date.now } = parts;
  const access = new Access({ tokens: settings.tokens, random: nativeRng, now: () => clock.now() });
  let running: Running | undefined;
  const app = createApp({
    settings,
    access,
    running() {
      if (running === undefined) throw new SottoError('ADMIN_NOT_READY', 'the coordinator has not started yet');
      return running;
    },
  });
  return {
    fetch: (request) => app.fetch(request),
    attach(coordinator, setup) {
      const attached = attachBoard(coordinator, { ...setup, wallClock });
      const epoch = Buffer.from(nativeRng(6)).toString('hex');
      const feed = new Feed({ table: attached.board.table, clock, epoch, refresh: () => attached.refresh() });
      const { log } = coordinator.admin;
      running = {
        coordinator,
        attached,
        feed,
        metrics: metricsOf(attached.board, () => feed.watchers),
        audit: log && new AuditPages(log, nativePrimitives, coordinator.id),
      };
      return running;
    },
    startCode: () => (isLoopback(settings.listenHost) ? access.startCode() : undefined),
    close() {
      running?.feed.close();
      running?.attached.detach();
    },
  };
}
