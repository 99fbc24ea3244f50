// How commands show the dashboard: its address, the one-time code, and a simulation that can be watched. What must not stand in logs.
// Not here: the HTTP side (server/http), the page (server/dashboard).

import type { Watching } from '../../simulations/report.js';
import { type Coordinator, createHttp, type Http } from '../index.js';
import { sottoVersion } from './version.js';

/**
 * Names under which something secret could ever be logged. Nothing logs them on purpose (driver/options.ts, Logger): this is the
 * second line.
 */
export const REDACTED: readonly string[] = [
  'token',
  'secret',
  'privateKey',
  'secretKey',
  'seed',
  'share',
  'shares',
  'mask',
  'update',
  'authorization',
  'cookie',
  'password',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export const dashboardUrl = ({ url }: Pick<Coordinator, 'url'>): string => `${url.replace(/^ws/, 'http')}/`;

export function dashboardText(coordinator: Pick<Coordinator, 'url'>, http: Http): string {
  const code = http.startCode();
  const how = code === undefined ? 'sign in with a token of `sotto keys token`' : `one-time code ${code}`;
  return `dashboard ${dashboardUrl(coordinator)} (${how})`;
}

export interface WatchedRun {
  readonly watch: Watching;
  close(): void;
}

/** A dashboard for one simulation, on loopback. @param say gets the address and the code once it can be opened */
export function watching(port: number, say: (text: string) => void): WatchedRun {
  const http = createHttp({ tokens: [], listenHost: '127.0.0.1' });
  return {
    watch: {
      port,
      fetch: http.fetch,
      attach(coordinator, { task, campaign }) {
        http.attach(coordinator, { task, campaign, evaluates: true, version: sottoVersion() });
        say(dashboardText(coordinator, http));
      },
    },
    close: () => http.close(),
  };
}
