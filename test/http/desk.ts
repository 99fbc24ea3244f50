// A coordinator with its HTTP side, asked without sockets: real rounds by real clients, one administrator of each role. Not a test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeRng } from '../../protocol/native/index.js';
import type { TaskConfig } from '../../protocol/task.js';
import { type AdminToken, createHttp, type Http, hashToken, type Logger, newToken } from '../../server/index.js';
import { taskOf } from '../protocol/world.js';
import { ManualClock } from '../server/manual-clock.js';
import { arrange, type Setting, type SettingOptions } from '../server/setting.js';

export const VIEWER = newToken(nativeRng);
export const OPERATOR = newToken(nativeRng);
export const ADMIN = newToken(nativeRng);
export const TOKENS: readonly AdminToken[] = [
  { name: 'vera', role: 'viewer', sha256: hashToken(VIEWER) },
  { name: 'otto', role: 'operator', sha256: hashToken(OPERATOR) },
  { name: 'anna', role: 'admin', sha256: hashToken(ADMIN) },
];
const ORIGIN = 'http://127.0.0.1:8970';

export interface Ask {
  readonly token?: string;
  readonly cookie?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface HttpDesk {
  readonly http: Http;
  readonly setting: Setting;
  readonly clock: ManualClock;
  readonly levels: string[];
  ask(path: string, ask?: Ask): Promise<Response>;
  /** The same with the JSON of the answer. */
  json(path: string, ask?: Ask): Promise<{ status: number; body: never }>;
  /** Files of the coordinator; absent where it has none. */
  readonly directory: string;
  end(): Promise<void>;
}

export interface DeskOptions {
  readonly config?: TaskConfig;
  readonly tokens?: readonly AdminToken[];
  readonly listenHost?: string;
  readonly durable?: boolean;
  readonly campaign?: SettingOptions['campaign'];
  readonly client?: SettingOptions['client'];
  readonly count?: number;
  readonly log?: Logger;
}

export async function openDesk(options: DeskOptions = {}): Promise<HttpDesk> {
  const { tokens = TOKENS, listenHost = '127.0.0.1', durable = false, config = taskOf({ size: 4 }) } = options;
  const clock = new ManualClock();
  const levels: string[] = [];
  const http = createHttp(
    { tokens, listenHost, setLogLevel: (level) => void levels.push(level) },
    { clock, wallClock: () => 1_700_000_000_000 + clock.now() },
  );
  const directory = mkdtempSync(join(tmpdir(), 'sotto-http-'));
  const setting = await arrange({
    config,
    ...(options.count !== undefined && { count: options.count }),
    ...(options.campaign && { campaign: options.campaign }),
    ...(options.client && { client: options.client }),
    coordinator: {
      fetch: http.fetch,
      ...(options.log && { log: options.log }),
      ...(durable && { data: { directory: join(directory, 'data'), backupRounds: 0 } }),
      evaluate: async () => ({ examples: 10, loss: 0.5, accuracy: 0.75 }),
    },
  });
  const campaign = { rounds: 1, attemptsPerRound: 3, clients: { min: 4, waitMs: 1 }, overSelection: 1, pauseMs: 0 };
  http.attach(setting.coordinator, { task: config, campaign, evaluates: true, version: 'test' });
  const ask = (path: string, { token, cookie, body, headers }: Ask = {}): Promise<Response> =>
    Promise.resolve(
      http.fetch(
        new Request(`${ORIGIN}${path}`, {
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            host: '127.0.0.1:8970',
            ...(token && { authorization: `Bearer ${token}` }),
            ...(cookie && { cookie }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        }),
      ),
    );
  return {
    http,
    setting,
    clock,
    levels,
    directory,
    ask,
    async json(path, options) {
      const answer = await ask(path, options);
      return { status: answer.status, body: (await answer.json()) as never };
    },
    async end() {
      http.close();
      await setting.coordinator.stop('the test is over');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Events of a live feed as they come; `undefined` once it has ended. */
export async function* framesOf(answer: Response): AsyncGenerator<{ id: string; event: string; data: never }> {
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    text += decoder.decode(piece.value, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (field('event') !== '')
        yield { id: field('id'), event: field('event'), data: JSON.parse(field('data')) as never };
    }
  }
}
