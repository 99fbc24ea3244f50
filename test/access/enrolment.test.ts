// Enrolment and revocation at a running coordinator with a real store and real clients, over restarts. Not here: the decisions alone
// (access.test.ts).

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { fromHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { makeToken } from '../../server/access/token.js';
import { CLOSE, type Coordinator } from '../../server/index.js';
import { taskOf } from '../protocol/tasks.js';
import { RawClient } from '../server/raw-client.js';
import { arrange } from '../server/setting.js';
import { begin } from '../store/life.js';

const identity = generateIdentity(nativePrimitives, nativeRng);
const config = taskOf({ size: 3 });
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sotto-access-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const start = (): Promise<Coordinator> =>
  begin({ directory: join(directory, 'data'), identity, config, rounds: 1, more: { roster: { kind: 'token' } } });
const token = () =>
  makeToken(nativePrimitives, identity, nativeRng, { task: 'test', uses: 1, days: 1, now: 1_700_000_000_000 });
const fresh = () => generateIdentity(nativePrimitives, nativeRng);
/** `welcome`, or the code of the refusal with the code of the close. */
async function knock(coordinator: Coordinator, who: ReturnType<typeof fresh>, text?: string): Promise<unknown> {
  const client = new RawClient({
    url: coordinator.url,
    identity: who,
    coordinator: fromHex(coordinator.id),
    ...(text !== undefined && { token: text }),
  });
  await client.open();
  client.hello();
  const code = await Promise.race([client.next('welcome').then(() => 'welcome' as const), client.closed]);
  if (code === 'welcome') client.bye();
  return code === 'welcome' ? code : [client.received.find(({ kind }) => kind === 'fault'), code];
}
const refused = (code: string, close: number) => [expect.objectContaining({ kind: 'fault', code }), close];

describe('a coordinator that asks for tokens', () => {
  it('lets a client in by its token, knows it after a restart, and takes the same token from nobody else', async () => {
    const [client, thief] = [fresh(), fresh()];
    const { text } = token();
    const first = await start();
    expect(await knock(first, client)).toEqual(refused('AUTH_NOT_ENROLLED', CLOSE.forbidden));
    expect(await knock(first, client, text)).toBe('welcome');
    expect(await knock(first, thief, text)).toEqual(refused('AUTH_TOKEN', CLOSE.unauthenticated));
    await first.stop('restart');
    const second = await start();
    expect(await knock(second, client)).toBe('welcome');
    expect(await knock(second, thief, text)).toEqual(refused('AUTH_TOKEN', CLOSE.unauthenticated));
    await second.access.revoke(client.id, 'ops', 'a lost laptop');
    expect(await knock(second, client, text)).toEqual(refused('AUTH_REVOKED', CLOSE.forbidden));
    await second.stop('restart');
    const third = await start();
    expect(await knock(third, client)).toEqual(refused('AUTH_REVOKED', CLOSE.forbidden));
    await third.access.readmit(client.id, 'ops', 'found again');
    expect(await knock(third, client)).toBe('welcome');
    await third.stop('over');
    // Tokens are never stored: only the hash of a used one.
    const files = (readdirSync(directory, { recursive: true }) as string[]).map((name) => join(directory, name));
    const stored = Buffer.concat(files.filter((name) => statSync(name).isFile()).map((name) => readFileSync(name)));
    expect(stored.includes(token().token.hash.slice(0, 16))).toBe(false);
    expect(stored.includes(text.slice(20, 60))).toBe(false);
    expect(stored.includes(client.id)).toBe(true);
  }, 30_000);

  it('is refused without a data directory: a used token would be new again after a restart', async () => {
    const asked = arrange({ config, coordinator: { roster: { kind: 'token' } } });
    await expect(asked).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { field: 'roster.kind' } });
  });
});

describe('revoked in the middle of a round', () => {
  it('its connection is closed at once, it counts as a dropout, and the others finish exactly without it', async () => {
    const setting = await arrange({
      config: taskOf({ size: 8 }),
      campaign: { rounds: 2, clients: { min: 8, waitMs: 20_000 } },
      client: (i) => ({
        comeBack: i === 5 ? 1 : 0,
        deed: (message) => {
          if (i !== 5 || message.kind !== 'inputChunk') return undefined;
          void setting.coordinator.access.revoke(setting.idOf(5), 'ops', 'a lost laptop');
          return [];
        },
      }),
    });
    const { rounds } = await setting.run();
    expect(rounds.map(({ outcome }) => outcome.type)).toEqual(['committed', 'committed']);
    expect(rounds[0]?.dropped).toEqual([{ client: setting.idOf(5), phase: 'masked' }]);
    expect(rounds[0]?.survivors).toHaveLength(7);
    expect(rounds[1]?.cohort).not.toContain(setting.idOf(5));
    expect(setting.clients[5]?.closes.map(({ code }) => code)).toEqual([CLOSE.forbidden, CLOSE.forbidden]);
  });
});
