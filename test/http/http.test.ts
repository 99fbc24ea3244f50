// The HTTP side of a coordinator: who gets in, what viewers see of real rounds, what operators do to them and how it is recorded.
// Handlers are asked without sockets, a few over one. Not here: the live feed (feed.test.ts), the page in a browser (test/browser).

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type AuditEvent, eventHash } from '../../protocol/audit/event.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { ACTIONS, READS } from '../../server/http/authority.js';
import { taskOf } from '../protocol/world.js';
import { ADMIN, type DeskOptions, type HttpDesk, OPERATOR, openDesk, VIEWER } from './desk.js';

const open: HttpDesk[] = [];
async function desk(options?: DeskOptions): Promise<HttpDesk> {
  const one = await openDesk(options);
  open.push(one);
  return one;
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.end();
});
/** For a busy machine; what is waited for comes at once on an idle one. */
const PATIENCE = { timeout: 20_000 };
const REASON = 'because the test says so';

describe('without credentials', () => {
  const PATHS = [
    'status',
    'rounds',
    'clients',
    'groups',
    'models',
    'alerts',
    'stops',
    'privacy',
    'audit',
    'feed',
    'me',
  ];
  it('health says that the process lives and that it can work, and nothing else', async () => {
    const { ask } = await desk();
    expect(await (await ask('/healthz')).json()).toEqual({ status: 'ok' });
    expect(await (await ask('/readyz')).json()).toEqual({ ready: true });
  });
  it.each(PATHS)('GET /api/%s is refused and shows nothing', async (path) => {
    const { json } = await desk();
    const { status, body } = await json(`/api/${path}`);
    expect(status).toBe(401);
    expect(Object.keys(body)).toEqual(['error']);
  });
  it.each(Object.keys(ACTIONS))('POST /api/actions/%s is refused', async (path) => {
    const { json, setting } = await desk();
    expect((await json(`/api/actions/${path}`, { body: { reason: REASON } })).status).toBe(401);
    expect(setting.coordinator.admin.status()).toMatchObject({ phase: 'waiting', hold: { type: 'none' } });
  });
  it('I guess tokens: a wrong one, an empty one, one that is nearly right', async () => {
    const { json } = await desk();
    for (const token of ['x', VIEWER.slice(0, -1), `${OPERATOR}x`, VIEWER.toUpperCase()])
      expect((await json('/api/status', { token })).status).toBe(401);
  });
  it('metrics are for everybody on loopback while nobody is configured, and for token holders otherwise', async () => {
    const free = await desk({ tokens: [] });
    expect((await free.ask('/metrics')).status).toBe(200);
    const guarded = await desk();
    expect((await guarded.ask('/metrics')).status).toBe(401);
    expect((await guarded.ask('/metrics', { token: VIEWER })).status).toBe(200);
  });
  it('beyond loopback, with nobody configured, nobody gets in: no start code, no metrics, and the remedy is named', async () => {
    const { http, json } = await desk({ tokens: [], listenHost: '0.0.0.0' });
    expect(http.startCode()).toBeUndefined();
    expect((await json('/metrics')).status).toBe(401);
    const { body } = await json('/api/status');
    expect(JSON.stringify(body)).toContain('sotto keys token');
  });
  it('a name that points to loopback is not loopback (DNS rebinding)', async () => {
    const { ask } = await desk({ tokens: [] });
    expect((await ask('/metrics', { headers: { host: 'evil.example:8970' } })).status).toBe(403);
  });
});

describe('signing in', () => {
  const signIn = (one: HttpDesk, secret: string, headers = {}) =>
    one.ask('/api/sign-in', { body: { secret }, headers });
  const cookieOf = (answer: Response): string => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

  it('the code of the start is good once, and its session is an administrator whose cookie no script reads', async () => {
    const one = await desk({ tokens: [] });
    const code = one.http.startCode() ?? '';
    const answer = await signIn(one, code);
    expect(answer.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/);
    expect(await (await one.ask('/api/me', { cookie: cookieOf(answer) })).json()).toEqual({
      name: 'local',
      role: 'admin',
    });
    expect((await signIn(one, code)).status).toBe(401);
  });
  it('a code is taken however it is typed, and expires', async () => {
    const one = await desk();
    const fresh = async () =>
      ((await one.json('/api/codes', { token: VIEWER, body: {} })).body as { code: string }).code;
    expect((await signIn(one, ` ${(await fresh()).toLowerCase().replace('-', ' ')} `)).status).toBe(200);
    const late = await fresh();
    one.clock.advance(600_000);
    expect((await signIn(one, late)).status).toBe(401);
  });
  it('a code gives no more than its maker has', async () => {
    const one = await desk();
    const { code } = (await one.json('/api/codes', { token: VIEWER, body: {} })).body as { code: string };
    const cookie = cookieOf(await signIn(one, code));
    expect((await one.json('/api/actions/pause', { cookie, body: { reason: REASON } })).status).toBe(403);
  });
  it('a session ends with the sign-out, and after twelve hours', async () => {
    const one = await desk();
    const cookie = cookieOf(await signIn(one, VIEWER));
    expect((await one.ask('/api/me', { cookie })).status).toBe(200);
    await one.ask('/api/sign-out', { cookie, body: {} });
    expect((await one.ask('/api/me', { cookie })).status).toBe(401);
    const other = cookieOf(await signIn(one, VIEWER));
    one.clock.advance(12 * 3_600_000);
    expect((await one.ask('/api/me', { cookie: other })).status).toBe(401);
  });
  it('I try codes one after the other: after ten wrong ones I must wait, also with the right one', async () => {
    const one = await desk();
    for (let i = 0; i < 10; i++) expect((await signIn(one, `AAAA-000${i}`)).status).toBe(401);
    const busy = await signIn(one, VIEWER);
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '6']);
    one.clock.advance(6_000);
    expect((await signIn(one, VIEWER)).status).toBe(200);
  });
  it.each([
    ['a page of another site', { origin: 'https://evil.example' }, 403],
    ['a page on another port of this host', { origin: 'http://127.0.0.1:9999' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['a browser that says cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a form without questions asked', { 'content-type': 'text/plain' }, 400],
    ['our own page', { origin: 'http://127.0.0.1:8970', 'sec-fetch-site': 'same-origin' }, 200],
  ])('with my cookie, %s posts an action: %#', async (_, headers, status) => {
    const one = await desk();
    const cookie = cookieOf(await signIn(one, OPERATOR));
    expect((await one.json('/api/actions/pause', { cookie, body: { reason: REASON }, headers })).status).toBe(status);
    expect(one.setting.coordinator.admin.status().hold.type).toBe(status === 200 ? 'paused' : 'none');
  });
});

describe('what a viewer sees', () => {
  it('a whole round: who took part, who dropped where, the curve, the model and its bytes', async () => {
    const one = await desk({
      config: taskOf({ size: 8 }),
      client: (i) => (i === 3 ? { deed: ({ kind }) => (kind === 'masked' ? 'cut' : undefined) } : {}),
    });
    const result = await one.setting.run();
    const get = async <T>(path: string) => (await one.json(`/api/${path}`, { token: VIEWER })).body as T;
    const { rounds } = await get<{ rounds: Record<string, unknown>[] }>('rounds');
    expect(rounds).toMatchObject([
      { round: 1, committed: true, cohort: 8, survivors: 7, dropped: 1, excluded: 0, accuracy: 0.75, loss: 0.5 },
    ]);
    const { clients } = await get<{ clients: { id: string; history: string; online: boolean }[] }>('clients');
    expect(clients.map(({ id, history }) => [id, history]).sort()).toEqual(
      one.setting.clients.map((_, i) => [one.setting.idOf(i), i === 3 ? 'x' : '+']).sort(),
    );
    const { live, cohort } = await get<{
      live: { at: string; phase: string }[];
      cohort: { groups: { members: number[] }[] };
    }>('status');
    expect(live.map(({ phase }) => phase)).toEqual(['done']);
    expect([...(live[0]?.at ?? '')].sort().join('')).toBe('+++++++x');
    expect(cohort.groups[0]?.members).toHaveLength(8);
    const { models } = await get<{ models: { model: string; round: number; kept: boolean }[] }>('models');
    expect(models.map(({ round, kept }) => [round, kept])).toEqual([
      [0, true],
      [1, true],
    ]);
    const bytes = await (await one.ask(`/api/models/${result.modelHash}`, { token: VIEWER })).arrayBuffer();
    expect([...new Float32Array(bytes)]).toEqual([...one.setting.coordinator.model()]);
    const text = await (await one.ask('/metrics', { token: VIEWER })).text();
    expect(text).toContain('sotto_member_paths_total{path="ksmcu+"} 7');
    expect(text).toContain('sotto_member_paths_total{path="ksx"} 1');
    expect(text).toContain('sotto_rounds_total{outcome="committed"} 1');
    for (let i = 0; i < 8; i++) expect(text).not.toContain(one.setting.idOf(i).slice(0, 16));
  });
  it('I ask for an aggregate or an optimiser state by its hash and get nothing', async () => {
    // At rate 1 from zero the aggregate would be the model.
    const one = await desk({ config: taskOf({ size: 4, optimizer: { name: 'fedavg', learningRate: 0.5 } }) });
    await one.setting.run();
    const link = one.setting.coordinator.admin.links().at(1);
    const hash = Buffer.from(link?.record.aggregate ?? []).toString('hex');
    expect(one.setting.coordinator.admin.hasBlob(hash as never)).toBe(true);
    expect((await one.json(`/api/models/${hash}`, { token: VIEWER })).status).toBe(404);
  });
  it('a viewer who acts is told which role it takes, and nothing happens', async () => {
    const one = await desk();
    const { status, body } = await one.json('/api/actions/stop', { token: VIEWER, body: { reason: REASON } });
    expect([status, JSON.stringify(body)]).toEqual([403, expect.stringContaining('role operator')]);
    expect(one.setting.coordinator.admin.status().phase).toBe('waiting');
  });
  it('without a data directory there is no audit log, and the answer says how to get one', async () => {
    const one = await desk();
    const { status, body } = await one.json('/api/audit', { token: VIEWER });
    expect([status, JSON.stringify(body)]).toEqual([404, expect.stringContaining('data directory')]);
  });
});

describe('what an operator does', () => {
  const act = (one: HttpDesk, action: string, body: object) =>
    one.json(`/api/actions/${action}`, { token: OPERATOR, body: { reason: REASON, ...body } });

  it('a revoked client is shown as that, also once it has been in a round, and as before when it is readmitted', async () => {
    const one = await desk();
    await one.setting.run();
    const client = one.setting.idOf(1);
    const asAdmin = (action: string) =>
      one.json(`/api/actions/${action}`, { token: ADMIN, body: { client, reason: REASON } });
    const revoked = async () => {
      const { body } = await one.json('/api/clients?status=revoked', { token: VIEWER });
      return (body as { clients: { id: string }[] }).clients.map(({ id }) => id);
    };
    expect(await revoked()).toEqual([]);
    expect((await asAdmin('revoke')).status).toBe(200);
    expect(await revoked()).toEqual([client]);
    expect((await asAdmin('readmit')).status).toBe(200);
    expect(await revoked()).toEqual([]);
    const { body } = await one.json('/api/clients', { token: VIEWER });
    expect((body as { clients: { status: string }[] }).clients.map(({ status }) => status)).toEqual(
      Array(4).fill('active'),
    );
  });
  it.each([0, 1, 2, 3])(
    'client %i, readmitted, sits out what it sat out before: the revocation alone is taken back',
    async (i) => {
      const one = await desk({ config: taskOf({ size: 3 }), count: 4 });
      const { coordinator, clients } = one.setting;
      const client = one.setting.idOf(i);
      await clients[i]?.join();
      await clients[i]?.next('accepted');
      coordinator.admin.exclude(client, { by: 'anna', reason: REASON });
      await coordinator.access.revoke(client, 'anna', REASON);
      await clients[i]?.closed;
      await coordinator.access.readmit(client, 'anna', REASON);
      const { rounds } = await one.setting.run();
      expect(rounds[0]?.survivors).toHaveLength(3);
      expect(rounds[0]?.survivors).not.toContain(client);
      const { body } = await one.json('/api/clients?status=quarantined', { token: VIEWER });
      expect((body as { clients: { id: string }[] }).clients.map(({ id }) => id)).toEqual([client]);
    },
  );
  it('a model that somebody went back to has the accuracy that it had', async () => {
    const one = await desk({ campaign: { rounds: 4 } });
    const { coordinator } = one.setting;
    coordinator.on('round', ({ round }) => {
      if (round === 2) coordinator.admin.rollBack(1, { by: 'anna', reason: REASON });
    });
    await one.setting.run();
    const { body } = await one.json('/api/models', { token: VIEWER });
    const models = (body as { models: { type: string; accuracy: number | null }[] }).models;
    expect(models.filter(({ type }) => type === 'rollback')).toMatchObject([{ accuracy: 0.75 }]);
    expect(models.filter(({ type }) => type === 'genesis')).toMatchObject([{ accuracy: null }]);
  });
  it('paused before it starts, no round starts although everybody is there; resumed, it runs', async () => {
    const one = await desk();
    expect((await act(one, 'pause', {})).status).toBe(200);
    await Promise.all(one.setting.clients.map((client) => client.join()));
    await vi.waitFor(() => expect(one.setting.coordinator.admin.status().checkedIn).toBe(4), PATIENCE);
    one.setting.clock.advance(21_000);
    expect(one.setting.coordinator.admin.status()).toMatchObject({ phase: 'waiting', checkedIn: 4, round: 1 });
    await act(one, 'resume', {});
    expect((await one.setting.coordinator.done).outcome).toEqual({ type: 'rounds', round: 1 });
  });
  it('drained in the middle of a round, that round is finished and no other starts', async () => {
    const one = await desk({ campaign: { rounds: 5 } });
    one.setting.coordinator.on('attempt', () => void act(one, 'drain', {}));
    const { outcome, rounds } = await one.setting.run();
    expect(outcome).toMatchObject({ type: 'stopped', round: 1, reason: expect.stringContaining('otto') });
    expect(rounds.map((round) => round.outcome.type)).toEqual(['committed']);
  });
  it('a quarantine keeps a client out of the next round, and an appeal lets it in again', async () => {
    const one = await desk({
      config: taskOf({ size: 4 }),
      count: 5,
      campaign: { rounds: 1, clients: { min: 4, waitMs: 1 } },
    });
    const [first] = one.setting.clients;
    await act(one, 'pause', {});
    await Promise.all(one.setting.clients.map((client) => client.join()));
    const client = first?.identity.id ?? '';
    expect((await act(one, 'quarantine', { client, rounds: 3 })).body).toMatchObject({ type: 'quarantine', until: 4 });
    const shown = (await one.json('/api/clients?status=quarantined', { token: VIEWER })).body as { clients: object[] };
    expect(shown.clients).toMatchObject([{ id: client, status: 'quarantined', until: 4 }]);
    await act(one, 'resume', {});
    const { rounds } = await one.setting.coordinator.done;
    expect(rounds[0]?.cohort).not.toContain(client);
    expect((await act(one, 'appeal', { client, granted: true })).body).toMatchObject({ type: 'appeal', granted: true });
    expect(one.setting.coordinator.monitor().clients.get(client as never)?.quarantinedUntil).toBe(0);
  });
  it('nobody is banned on suspicion: without signed proof the answer offers a quarantine', async () => {
    const one = await desk();
    await Promise.all(one.setting.clients.slice(0, 1).map((client) => client.join()));
    const { status, body } = await act(one, 'ban', { client: one.setting.idOf(0) });
    expect([status, JSON.stringify(body)]).toEqual([409, expect.stringContaining('quarantine')]);
  });
  it.each([
    ['no reason', 'pause', { reason: '' }],
    ['a field nobody knows', 'pause', { reason: REASON, force: true }],
    ['a client that is no id', 'quarantine', { reason: REASON, client: '../x', rounds: 1 }],
    ['no round at all', 'quarantine', { reason: REASON, client: 'ab'.repeat(32), rounds: 0 }],
    ['half a round', 'quarantine', { reason: REASON, client: 'ab'.repeat(32), rounds: 1.5 }],
    ['a level that is none', 'log-level', { reason: REASON, level: 'loud' }],
    ['a body of 20 KB', 'pause', { reason: 'x'.repeat(20_000) }],
    ['no JSON', 'pause', 'reason'],
  ])('%s is refused with the field, and nothing happens', async (_, action, body) => {
    const one = await desk();
    expect((await one.json(`/api/actions/${action}`, { token: OPERATOR, body })).status).toBe(400);
    expect(one.setting.coordinator.admin.status().hold.type).toBe('none');
    expect(one.levels).toEqual([]);
  });
  it('a client that was never here is unknown, not quarantined in advance', async () => {
    const one = await desk();
    expect((await act(one, 'quarantine', { client: 'ab'.repeat(32), rounds: 1 })).status).toBe(404);
  });
  it('changes the log level of the running process', async () => {
    const one = await desk();
    await act(one, 'log-level', { level: 'debug' });
    expect(one.levels).toEqual(['debug']);
  });
});

describe('the record', () => {
  it('every action stands in the audit log with who did it and why; the pages are verified; the export is the log', async () => {
    const one = await desk({ durable: true });
    for (const [action, body] of [
      ['pause', {}],
      ['resume', {}],
      ['log-level', { level: 'warn' }],
    ] as const)
      await one.json(`/api/actions/${action}`, { token: OPERATOR, body: { reason: REASON, ...body } });
    await Promise.all(one.setting.clients.map((client) => client.join()));
    await one.setting.coordinator.done;
    const log = readLog(await (await one.ask('/api/audit/export', { token: VIEWER })).text());
    const done = log.filter(({ type }) => ['paused', 'resumed', 'admin'].includes(type));
    expect(done.map(({ type, body }) => [type, body.by])).toEqual([
      ['paused', 'otto'],
      ['resumed', 'otto'],
      ['admin', 'otto'],
    ]);
    expect(JSON.stringify(done)).toContain(REASON);
  });
  it('pages go back in time without gap or overlap, and a type can be picked', async () => {
    const one = await desk({ durable: true });
    for (let i = 0; i < 7; i++)
      await one.json('/api/actions/log-level', { token: OPERATOR, body: { reason: `${REASON} ${i}`, level: 'info' } });
    await vi.waitFor(() => expect(one.setting.coordinator.admin.log?.head()?.seq).toBeGreaterThan(8), PATIENCE);
    type Page = {
      events: { seq: number; hash: string; type: string }[];
      check: { state: string };
      head: { seq: number };
    };
    const page = async (query: string) => (await one.json(`/api/audit?${query}`, { token: VIEWER })).body as Page;
    const newest = await page('limit=3');
    expect(newest.check.state).toBe('sound');
    expect(newest.events.map(({ seq }) => newest.head.seq - seq)).toEqual([0, 1, 2]);
    const older = await page(`limit=3&before=${newest.events[2]?.seq}`);
    expect(older.events[0]?.seq).toBe((newest.events[2]?.seq ?? 0) - 1);
    expect((await page('type=task-created')).events.map(({ type }) => type)).toEqual(['task-created']);
    const [event] = [...(one.setting.coordinator.admin.log?.events(newest.head.seq) ?? [])];
    expect(newest.events[0]?.hash).toBe(eventHash(nativePrimitives, event as AuditEvent));
  });
  it('a pause outlives a restart', async () => {
    const { project } = await import('../../server/audit/project.js');
    const { resumedOf } = await import('../../server/audit/resume.js');
    const rows = new Map(project(new Map(), { type: 'paused', seq: 1, body: { by: 'otto', reason: REASON } }) as never);
    expect(resumedOf(rows as never).hold).toEqual({ type: 'paused', by: 'otto', reason: REASON });
    expect(project(rows as never, { type: 'resumed', seq: 2, body: { by: 'otto', reason: REASON } })).toEqual([
      ['hold', undefined],
    ]);
  });
});

describe('over a socket', () => {
  const BOARD = {
    task: taskOf({ size: 4 }),
    campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 1, waitMs: 1 }, overSelection: 1, pauseMs: 0 },
    evaluates: false,
    version: 'test',
  };
  it('answers on the port of the websockets, with headers that let no page of others in', async () => {
    const { setting } = await desk();
    const url = setting.coordinator.url.replace('ws:', 'http:');
    const answer = await fetch(`${url}/healthz`);
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toContain("frame-ancestors 'none'");
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await fetch(`${url}/no/such/thing`)).status).toBe(404);
  });
  it('a scrape with ten thousand clients on the board stays below 200 KB and names none', async () => {
    const { ask, http, setting } = await desk({ tokens: [] });
    const { board } = http.attach(setting.coordinator, BOARD).attached;
    for (let i = 0; i < 10_000; i++)
      board.notice({ type: 'connected', client: i.toString(16).padStart(64, '0') as never, agent: 'a' }, 0);
    const text = await (await ask('/metrics')).text();
    expect(text.length).toBeLessThan(200_000);
    expect(text).not.toContain('0'.repeat(60));
  });
  it('a scrape lists no files, sockets or timers: that stops everything for as long as there are some to list', async () => {
    const { ask, http, setting } = await desk({ tokens: [] });
    http.attach(setting.coordinator, BOARD);
    // safe: Node has it in no types, and prom-client asks for it
    const internals = process as unknown as Record<'_getActiveHandles' | '_getActiveRequests', () => unknown[]>;
    const listings = [
      vi.spyOn(internals, '_getActiveHandles'),
      vi.spyOn(internals, '_getActiveRequests'),
      vi.spyOn(process, 'getActiveResourcesInfo'),
    ];
    const text = await (await ask('/metrics')).text();
    for (const listing of listings) {
      expect(listing).not.toHaveBeenCalled();
      listing.mockRestore();
    }
    expect(text).not.toContain('open_fds');
    expect(text).toContain('sotto_nodejs_eventloop_lag_seconds');
    expect(text).toContain('sotto_process_resident_memory_bytes');
  });
});

const readLog = (text: string): AuditEvent[] =>
  text
    .trim()
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line) as AuditEvent);

describe('documents', () => {
  it('every route of the code is in docs/operations.md', () => {
    const page = readFileSync('docs/operations.md', 'utf8');
    const sources = ['read-routes', 'action-routes', 'sign-in', 'app'].map((name) =>
      readFileSync(`server/http/${name}.ts`, 'utf8'),
    );
    const routes = sources.flatMap((text) =>
      [...text.matchAll(/(?:routes|app)\.(?:get|post)\(\s*'(\/[^'*]+)'/g)].map(([, path]) => path ?? ''),
    );
    routes.push(...Object.keys(READS).map((name) => `/api/${name}`), ...Object.keys(ACTIONS).map((name) => `/${name}`));
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter((path) => !page.includes(path.replace(/:(\w+)/, '<$1>')))).toEqual([]);
  });
});
