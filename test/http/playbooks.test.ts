// Playbooks: each condition on both sides of its bar, told once for an incident, carried out on a running coordinator; webhooks that are
// slow, away or refuse; and no secret in any log. Not here: what a pause or a quarantine means (http.test.ts).

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex, type Hash, toHex } from '../../protocol/ids.js';
import { MAX_COUNTER } from '../../protocol/limits.js';
import type { Board } from '../../server/board/board.js';
import { modelsBack } from '../../server/chain/lineage.js';
import type { Link } from '../../server/chain/store.js';
import { REDACTED } from '../../server/cli/dashboard.js';
import { coordinatorSchema } from '../../server/config/fields.js';
import { fillIncidents } from '../../server/config/incidents.js';
import type { Coordinator, RoundReport } from '../../server/index.js';
import type { MonitorEvent } from '../../server/monitor/index.js';
import { type Condition, openPlaybooks, type Playbook, stepPlaybooks } from '../../server/playbooks/playbooks.js';
import { runPlaybooks } from '../../server/playbooks/run.js';
import { createWebhook, type Notice } from '../../server/playbooks/webhook.js';
import { taskOf } from '../protocol/world.js';
import { type HttpDesk, OPERATOR, openDesk, VIEWER } from './desk.js';

/** For a busy machine; what is waited for comes at once on an idle one. */
const PATIENCE = { timeout: 20_000 };
const id = (n: number): ClientId => String(n).padStart(64, '0') as ClientId;
interface Story {
  readonly lost?: boolean;
  /** By somebody who wants another model. */
  readonly givenUp?: boolean;
  readonly accuracy?: number;
  readonly dropped?: readonly number[];
  readonly excluded?: readonly number[];
  readonly said?: MonitorEvent;
}
const reportOf = (round: number, { lost, givenUp, accuracy, dropped = [], excluded = [] }: Story): RoundReport =>
  ({
    round,
    outcome:
      lost || givenUp
        ? { type: 'void', code: givenUp ? 'ROUND_CANCELLED' : 'ROUND_QUORUM', text: '' }
        : { type: 'committed' },
    cohort: Array.from({ length: 10 }, (_, i) => id(i)),
    dropped: dropped.map((n) => ({ client: id(n), phase: 'masked' })),
    excluded: excluded.map((n) => ({ client: id(n), phase: 'sketch', code: 'SKETCH_OUTLIER' })),
    ...(accuracy !== undefined && { accuracy }),
  }) as unknown as RoundReport;

/** Rounds in which it fires. */
function fires(condition: Condition, stories: readonly Story[], quietRounds = 0): number[] {
  let state = openPlaybooks([{ name: 'one', condition, actions: [{ do: 'notify' }], quietRounds }]);
  return stories.flatMap((story, i) => {
    if (story.said) state = stepPlaybooks(state, { type: 'monitor', event: story.said }).state;
    const next = stepPlaybooks(state, { type: 'round', report: reportOf(i + 1, story) });
    state = next.state;
    return next.effects.map(({ incident }) => incident.round);
  });
}
const group: MonitorEvent = { type: 'group', round: 1, group: 0, signal: 'norm', value: 2, threshold: 1, says: 'loud' };

describe('a condition', () => {
  it.each<[string, Condition, readonly Story[], readonly number[]]>([
    [
      'two void rounds in a row, not two apart',
      { when: 'void-rounds', inARow: 2 },
      [{ lost: true }, {}, { lost: true }, { lost: true }],
      [4],
    ],
    [
      'a round that somebody gave up is none that came to nothing, and ends no row of them',
      { when: 'void-rounds', inARow: 2 },
      [{ givenUp: true }, { givenUp: true }, { lost: true }, { givenUp: true }, { lost: true }, { givenUp: true }],
      [5],
    ],
    [
      'nobody drops out of a round that somebody gave up',
      { when: 'dropouts', share: 0.2, rounds: 1 },
      [{ givenUp: true, dropped: [1, 2, 3] }, { dropped: [1, 2] }],
      [2],
    ],
    [
      'what the monitor says in a round that somebody gave up is heard',
      { when: 'monitor', kind: 'group' },
      [{ givenUp: true, said: group }],
      [1],
    ],
    [
      'a fall by five points, not by four',
      { when: 'accuracy-drop', by: 0.05, rounds: 2 },
      [{ accuracy: 0.8 }, { accuracy: 0.76 }, { accuracy: 0.7 }],
      [3],
    ],
    [
      'a best that is too long ago does not count',
      { when: 'accuracy-drop', by: 0.05, rounds: 1 },
      [{ accuracy: 0.8 }, { accuracy: 0.76 }, { accuracy: 0.74 }],
      [],
    ],
    [
      'a void round has no accuracy to fall to',
      { when: 'accuracy-drop', by: 0.05, rounds: 2 },
      [{ accuracy: 0.8 }, { lost: true }],
      [],
    ],
    [
      'a fifth that drops out over two rounds, not in one',
      { when: 'dropouts', share: 0.2, rounds: 2 },
      [{ dropped: [1, 2, 3] }, { dropped: [] }, { dropped: [1, 2, 3, 4] }],
      [3],
    ],
    [
      'three different clients left out, not one three times',
      { when: 'exclusions', clients: 3, rounds: 3 },
      [{ excluded: [1] }, { excluded: [1] }, { excluded: [1, 2] }, { excluded: [3] }],
      [4],
    ],
    [
      'one client left out twice',
      { when: 'client-excluded', times: 2, rounds: 3 },
      [{ excluded: [1] }, { excluded: [2] }, { excluded: [1] }],
      [3],
    ],
    ['an alarm of the monitor in that round, once', { when: 'monitor', kind: 'group' }, [{}, { said: group }, {}], [2]],
    ['another kind of alarm says nothing', { when: 'monitor', kind: 'disagreement' }, [{ said: group }], []],
  ])('%s', (_, condition, stories, rounds) => expect(fires(condition, stories)).toEqual(rounds));

  it('an incident is told once, and again after the silence', () => {
    expect(
      fires(
        { when: 'void-rounds', inARow: 1 },
        Array.from({ length: 7 }, () => ({ lost: true })),
        2,
      ),
    ).toEqual([1, 4, 7]);
  });
});

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of open.splice(0)) await end();
});
const NOTICE: Notice = { playbook: 'one', round: 3, says: 'it fell', clients: [], task: 'test' };
/** Answers with these codes in turn. */
async function hook(...codes: number[]) {
  const got: { body: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      got.push({ body, authorization: request.headers.authorization });
      response
        .writeHead(codes[Math.min(got.length, codes.length) - 1] ?? 200, { location: 'https://evil.example/' })
        .end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(() => new Promise((done) => server.close(done)));
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/very-secret-path` };
}
const waits: number[] = [];
const wait = async (ms: number): Promise<void> => void waits.push(ms);

describe('a webhook', () => {
  it('gets the incident as JSON with its credentials', async () => {
    const { got, url } = await hook(204);
    expect(await createWebhook({ url, authorization: 'Bearer s3cret' }, { wait }).send(NOTICE)).toEqual({
      ok: true,
      tries: 1,
    });
    expect(got[0]?.authorization).toBe('Bearer s3cret');
    expect(JSON.parse(got[0]?.body ?? '')).toEqual({ type: 'sotto-incident', ...NOTICE });
  });
  it('that is down for a while is tried again, later each time', async () => {
    waits.length = 0;
    const { url } = await hook(503, 500, 200);
    expect(await createWebhook({ url }, { wait }).send(NOTICE)).toEqual({ ok: true, tries: 3 });
    expect(waits).toEqual([1_000, 5_000]);
  });
  it.each([
    ['refuses', 403, 1],
    ['stays down', 500, 4],
    ['redirects to somewhere else', 302, 4],
  ])('that %s is given up, and what is said of it holds no path', async (_, code, tries) => {
    const { got, url } = await hook(code);
    const sent = await createWebhook({ url, authorization: 'Bearer s3cret' }, { wait }).send(NOTICE);
    expect(sent).toMatchObject({ ok: false, tries });
    expect(got).toHaveLength(tries);
    expect(JSON.stringify(sent)).not.toMatch(/secret|s3cret/);
  });
  it('that never answers collects at most so many incidents', async () => {
    const never = (() => new Promise(() => undefined)) as unknown as typeof fetch;
    const webhook = createWebhook({ url: 'http://127.0.0.1:1/' }, { fetch: never });
    for (let i = 0; i < 64; i++) void webhook.send(NOTICE);
    expect(await webhook.send(NOTICE)).toMatchObject({ ok: false, tries: 0 });
  });
});

describe('on a running coordinator', () => {
  const playbook = (condition: Condition, ...actions: Playbook['actions']): Playbook => ({
    name: 'guard',
    condition,
    actions,
    quietRounds: 10,
  });
  it('pauses after a round in which too many left, and tells the webhook and the board', async () => {
    const { got, url } = await hook(200);
    const lines: string[] = [];
    const log = pino({ redact: [...REDACTED] }, { write: (line: string) => void lines.push(line) });
    const desk = await openDesk({
      config: taskOf({ size: 8 }),
      campaign: { rounds: 3, pauseMs: 5 },
      client: (i) => (i === 2 ? { deed: ({ kind }) => (kind === 'masked' ? 'cut' : undefined) } : {}),
    });
    open.push(() => desk.end());
    const running = desk.http.attach(desk.setting.coordinator, {
      task: taskOf({ size: 8 }),
      campaign: { rounds: 3, attemptsPerRound: 3, clients: { min: 8, waitMs: 1 }, overSelection: 1, pauseMs: 5 },
      evaluates: true,
      version: 'test',
    });
    open.push(
      runPlaybooks({
        coordinator: desk.setting.coordinator,
        playbooks: [playbook({ when: 'dropouts', share: 0.1, rounds: 1 }, { do: 'notify' }, { do: 'pause' })],
        webhook: createWebhook({ url, authorization: 'Bearer s3cret' }),
        log,
        board: running.attached.board,
        wallClock: () => 0,
      }),
    );
    await Promise.all(desk.setting.clients.map((client) => client.join()));
    await vi.waitFor(
      () => expect(desk.setting.coordinator.admin.status().hold).toMatchObject({ by: 'playbook guard' }),
      PATIENCE,
    );
    await vi.waitFor(() => expect(got).toHaveLength(1), PATIENCE);
    expect(running.attached.board.table.all('alert').map(({ kind }) => kind)).toContain('playbook');
    expect(lines.join('')).toContain('playbook fired');
    expect(lines.join('')).not.toMatch(/s3cret|very-secret-path/);
  });
});

describe('a playbook that goes back or leaves out', () => {
  it('goes back one model after the round that broke the rule, and keeps whoever it is about out for good', async () => {
    const desk = await openDesk({
      config: taskOf({ size: 8 }),
      campaign: { rounds: 3, clients: { min: 7, waitMs: 1 } },
      client: (i) => (i === 2 ? { deed: ({ kind }) => (kind === 'masked' ? [new Uint8Array(3)] : undefined) } : {}),
    });
    open.push(() => desk.end());
    const { coordinator } = desk.setting;
    const warnings: string[] = [];
    open.push(
      runPlaybooks({
        coordinator,
        playbooks: [
          {
            name: 'guard',
            condition: { when: 'exclusions', clients: 1, rounds: 1 },
            actions: [{ do: 'exclude' }, { do: 'roll-back', models: 1 }],
            quietRounds: 10,
          },
        ],
        webhook: undefined,
        log: { warn: (_, text) => void warnings.push(text), error: () => {} },
        wallClock: () => 0,
      }),
    );
    const backs: object[] = [];
    coordinator.on('rolledBack', (event) => backs.push(event));
    await Promise.all(desk.setting.clients.map((client) => client.join()));
    const { rounds } = await coordinator.done;
    expect(rounds.map(({ cohort }) => cohort.includes(desk.setting.idOf(2)))).toEqual([true, false]);
    expect(coordinator.monitor().clients.get(desk.setting.idOf(2))?.quarantinedUntil).toBe(MAX_COUNTER);
    expect(backs).toMatchObject([
      { to: 0, round: 2, by: 'playbook guard', reason: expect.stringMatching(/^playbook guard: .* left out/) },
    ]);
    const chain = coordinator.chain();
    expect(chain[2]?.modelAfter).toEqual(chain[0]?.modelAfter);
    expect(warnings.filter((text) => text.includes('could not'))).toEqual([]);
  });
});

describe('a playbook that cannot do what it should', () => {
  it('says so on the board and in the log, and does the rest: a pause is not lost behind a model that is gone', () => {
    const paused: object[] = [];
    let heard: (report: RoundReport) => void = () => {};
    const coordinator = {
      on: (event: string, listener: typeof heard) => {
        if (event === 'round') heard = listener;
        return () => {};
      },
      admin: {
        links: () => [{ hash: '', record: { round: 0, type: 'genesis' } }],
        rollBack: () => {
          throw new SottoError('STORE_BLOB', 'the model of round 0 is no longer kept');
        },
        status: () => ({ hold: { type: 'none' } }),
        pause: (act: object) => void paused.push(act),
      },
    } as unknown as Coordinator; // safe: what a playbook uses of it
    const alerts: string[] = [];
    const warnings: string[] = [];
    runPlaybooks({
      coordinator,
      playbooks: [
        {
          name: 'guard',
          condition: { when: 'void-rounds', inARow: 1 },
          actions: [{ do: 'roll-back', models: 1 }, { do: 'pause' }],
          quietRounds: 0,
        },
      ],
      webhook: undefined,
      log: { warn: (_, text) => void warnings.push(text ?? ''), error: () => {} },
      board: { alert: (_: string, __: string, says: string) => void alerts.push(says) } as unknown as Board,
      wallClock: () => 0,
    });
    heard(reportOf(1, { lost: true }));
    expect(alerts).toEqual([
      'playbook guard: a round came to nothing',
      'playbook guard could not go back to the model of round 0: STORE_BLOB: the model of round 0 is no longer kept',
    ]);
    expect(paused).toEqual([{ by: 'playbook guard', reason: 'a round came to nothing' }]);
    expect(warnings).toContain('a playbook could not go back to the model of round 0');
  });
});

describe('so many models back', () => {
  const hash = (n: number): Hash => toHex(new Uint8Array(32).fill(n)) as Hash;
  /** Rounds; `[4, 1]`: round 4 went back to the model of round 1. */
  const chainOf = (rounds: readonly (number | readonly [number, number])[]): Link[] =>
    rounds.map((one) => {
      const [round, to] = typeof one === 'number' ? [one, undefined] : one;
      const record = { round, type: to === undefined ? 'update' : 'rollback', transcript: fromHex(hash(to ?? 0)) };
      return { hash: hash(round), record } as unknown as Link; // safe: what is looked at
    });
  const back = (links: readonly Link[], models: number): number => {
    const index = new Map(links.map((link, i) => [link.hash, i]));
    const chain = { length: links.length, at: (i: number) => links[i], indexOf: (one: Hash) => index.get(one) };
    return modelsBack(chain, models).record.round;
  };

  it('are counted along the chain, and end at the first', () => {
    const links = chainOf([0, 1, 2, 3]);
    expect([1, 2, 3, 9].map((n) => back(links, n))).toEqual([2, 1, 0, 0]);
  });
  it('never lead to a model that a roll-back has left behind', () => {
    // 2 and 3 were thrown away in round 4; 6 and 7 in round 8, which went back to round 4.
    expect([1, 2, 3].map((n) => back(chainOf([0, 1, 2, 3, [4, 1], 5]), n))).toEqual([1, 0, 0]);
    expect([1, 2].map((n) => back(chainOf([0, 1, 2, 3, [4, 2], 6, 7, [8, 4]]), n))).toEqual([1, 0]);
  });
});

describe('settings', () => {
  const fill = (incidents: unknown) => fillIncidents(incidents as never, (path) => path);
  it('are read from a file', () => expect(Object.keys(coordinatorSchema.entries)).toContain('incidents'));
  it.each([
    [
      'notify without a webhook',
      { playbooks: [{ name: 'a', condition: { when: 'void-rounds', inARow: 1 }, actions: [{ do: 'notify' }] }] },
      'set incidents.webhook',
    ],
    [
      'quarantine of nobody',
      {
        playbooks: [
          { name: 'a', condition: { when: 'void-rounds', inARow: 1 }, actions: [{ do: 'quarantine', rounds: 1 }] },
        ],
      },
      'about no client',
    ],
    [
      'exclusion of nobody',
      { playbooks: [{ name: 'a', condition: { when: 'void-rounds', inARow: 1 }, actions: [{ do: 'exclude' }] }] },
      'about no client',
    ],
    ['http to another machine', { webhook: { url: 'http://hooks.example/x' } }, 'use https'],
    [
      'a secret that cannot be read',
      { webhook: { url: 'https://hooks.example/x', authorizationFile: 'no/such/file' } },
      'cannot be read',
    ],
  ])('%s is refused with the way out', (_, incidents, says) => expect(() => fill(incidents)).toThrow(says));
});

describe('logs', () => {
  /** Everything a coordinator logs at the most talkative level, over rounds, sign-ins and actions. */
  async function talk(): Promise<{ desk: HttpDesk; lines: string[] }> {
    const lines: string[] = [];
    const log = pino({ level: 'trace', redact: [...REDACTED] }, { write: (line: string) => void lines.push(line) });
    const desk = await openDesk({ config: taskOf({ size: 4 }), log });
    open.push(() => desk.end());
    await desk.json('/api/sign-in', { body: { secret: OPERATOR } });
    await desk.json('/api/sign-in', { body: { secret: 'WRONG-SECRET' } });
    await desk.json('/api/status', { token: VIEWER });
    await desk.setting.run();
    return { desk, lines };
  }
  it('hold no token, no code, no key and no update', async () => {
    const { desk, lines } = await talk();
    const text = lines.join('');
    expect(lines.length).toBeGreaterThan(3);
    const secrets = [
      OPERATOR,
      VIEWER,
      'WRONG-SECRET',
      desk.http.startCode() ?? '',
      ...desk.setting.clients.map(({ identity }) => toHex(identity.secret.exposeSecret())),
    ];
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  });
  it('what should never be logged is redacted if it is', () => {
    const lines: string[] = [];
    const log = pino({ redact: [...REDACTED] }, { write: (line: string) => void lines.push(line) });
    log.info({ token: OPERATOR, request: { headers: { authorization: OPERATOR, cookie: OPERATOR } } }, 'a mistake');
    expect(lines.join('')).not.toContain(OPERATOR);
  });
});
