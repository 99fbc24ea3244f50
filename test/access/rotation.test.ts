// A client goes on under another key: who may say so, and that nothing it has done stays behind. Pure, then at a running coordinator.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { type ClientId, fromHex } from '../../protocol/ids.js';
import { MAX_TEXT } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { Access, type RosterPolicy } from '../../server/access/access.js';
import { makeRotation, readRotation } from '../../server/access/rotation.js';
import type { Fact } from '../../server/audit/events.js';
import { KeyMoves } from '../../server/audit/key-moves.js';
import { type Rows, replay } from '../../server/audit/project.js';
import { resumedOf } from '../../server/audit/resume.js';
import { CLOSE } from '../../server/index.js';
import { taskOf } from '../protocol/tasks.js';
import { RawClient } from '../server/raw-client.js';
import { arrange } from '../server/setting.js';
import { begin } from '../store/life.js';

const fresh = (): Identity => generateIdentity(nativePrimitives, nativeRng);
const coordinator = fresh();
const move = (old: Identity, next: Identity, to = coordinator): string =>
  makeRotation(nativePrimitives, to.publicKey, old, next.publicKey);
/** Its last letter is another one. */
const changed = (text: string): string => text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A');
const read = (client: ClientId, text: string) => readRotation(nativePrimitives, [coordinator.publicKey], client, text);
const doors = (policy: RosterPolicy, rows?: Rows): Access =>
  new Access({ policy, readToken: () => undefined, readRotation: read, wallClock: () => 0, ...(rows && { rows }) });
/** As the gate does it, between rounds. */
const come = (access: Access, who: Identity, text?: string): string => {
  const admission = access.admit(who.id, text);
  if (!admission.ok) return admission.code;
  if (admission.rotation) expect(access.rotate(admission.rotation)).toHaveLength(1);
  access.enrol(who.id, undefined);
  return 'in';
};

describe('who may move an identity to another key', () => {
  const [old, next, third] = [fresh(), fresh(), fresh()];
  const listed: RosterPolicy = { kind: 'allowlist', clients: [old.id] };

  it('whoever has the old key: the new one is let in, the old one no more, and the same text again is nothing new', () => {
    const access = doors(listed);
    const text = move(old, next);
    expect(text.length).toBeLessThanOrEqual(MAX_TEXT);
    expect(come(access, next)).toBe('AUTH_NOT_ENROLLED');
    expect([come(access, next, text), come(access, next), come(access, next, text)]).toEqual(['in', 'in', 'in']);
    expect(come(access, old)).toBe('AUTH_REVOKED');
    expect(access.current(old.id)).toBe(next.id);
  });

  it.each<[string, (access: Access) => string, string]>([
    ['I show another’s rotation', (access) => come(access, third, move(old, next)), 'AUTH_ROTATION'],
    ['I sign it with a key of my own', (access) => come(access, next, move(third, next)), 'AUTH_ROTATION'],
    ['it was made for another coordinator', (access) => come(access, next, move(old, next, third)), 'AUTH_ROTATION'],
    ['a letter of it is changed', (access) => come(access, next, changed(move(old, next))), 'AUTH_ROTATION'],
    ['the name alone', (access) => come(access, next, 'sotto-rotation-'), 'AUTH_ROTATION'],
    [
      'the old key has moved already: to two keys at once',
      (access) => come(access, next, move(old, next)) + come(access, third, move(old, third)),
      'inAUTH_ROTATION',
    ],
    [
      'the old key is revoked',
      (access) => {
        access.revoke(old.id, 'ops', 'a lost laptop');
        return come(access, next, move(old, next));
      },
      'AUTH_REVOKED',
    ],
  ])('%s: no', (_, attempt, answer) => {
    expect(attempt(doors(listed))).toBe(answer);
  });

  it('not to a key that is in the roster, nor to one that was given up: two clients never become one', () => {
    const both = doors({ kind: 'allowlist', clients: [old.id, third.id] });
    expect(come(both, third, move(old, third))).toBe('AUTH_ROTATION');
    const open = doors({ kind: 'open' });
    expect([come(open, old), come(open, third)]).toEqual(['in', 'in']);
    expect(come(open, third, move(old, third))).toBe('AUTH_ROTATION');
    expect(come(open, next, move(old, next))).toBe('in');
    expect(come(open, old, move(next, old))).toBe('AUTH_REVOKED');
  });

  it('from key to key to key, and after a restart: the last one is on the list, the others are not', () => {
    const facts: Fact[] = [];
    const access = doors(listed);
    for (const [from, to] of [
      [old, next],
      [next, third],
    ] as const) {
      const admission = access.admit(to.id, move(from, to));
      if (!admission.ok || admission.rotation === undefined) throw new Error('not admitted');
      facts.push(...access.rotate(admission.rotation));
    }
    const rows = replay(facts.map((fact, at) => ({ ...fact, seq: at + 1 })));
    const again = doors(listed, rows);
    expect([old, next, third].map((who) => come(again, who))).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED', 'in']);
    expect(again.current(old.id)).toBe(third.id);
  });

  it('not to a key that was shut out while the change waited for the end of its round', () => {
    const access = doors(listed);
    const admission = access.admit(next.id, move(old, next));
    if (!admission.ok || admission.rotation === undefined) throw new Error('not admitted');
    access.revoke(next.id, 'ops', 'a stolen laptop');
    expect(access.rotate(admission.rotation)).toEqual([]);
    expect([next, old].map((who) => come(access, who))).toEqual(['AUTH_REVOKED', 'in']);
  });

  it('to a key that was shut out by mistake before it came, once it is let in again, and after a restart as before it', () => {
    const access = doors({ kind: 'open' });
    const facts = [
      { type: 'client-enrolled', body: { client: old.id } } as const,
      ...access.revoke(next.id, 'ops', 'the wrong key'),
      ...access.readmit(next.id, 'ops', 'the wrong key'),
    ];
    const again = doors({ kind: 'open' }, replay(facts.map((fact, at) => ({ ...fact, seq: at + 1 }))));
    expect(come(access, old)).toBe('in');
    expect([access, again].map((one) => come(one, next, move(old, next)))).toEqual(['in', 'in']);
  });
});

describe('what moves with a client', () => {
  const names = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
  const [from = '', to = ''] = ['b'.repeat(64), 'e'.repeat(64)];
  const client = fc.constantFrom(...names);
  const round = fc.nat({ max: 9 });
  const fact = fc.oneof(
    fc
      .record({ client, round, until: round, says: fc.constant('x') })
      .map((body) => ({ type: 'client-quarantined', body })),
    fc
      .record({ client, code: fc.constant('ROUND_BAD_SHARES'), round })
      .map((body) => ({ type: 'client-blamed', body })),
    fc.record({ client, round, says: fc.constant('x') }).map((body) => ({ type: 'client-banned', body })),
    fc.record({ client }).map((body) => ({ type: 'client-enrolled', body })),
    fc.record({ client, suspicion: fc.nat() }).map((one) => ({
      type: 'monitor-judged',
      body: { round: 1, ledgers: { [one.client]: { suspicion: one.suspicion } }, rest: {} },
    })),
    fc
      .record({ id: fc.constantFrom('r1', 'r2'), members: fc.uniqueArray(client, { minLength: 1 }) })
      .map(({ id, members }) => ({
        type: 'privacy-reserved',
        body: { id, events: [id], members: { 0: members.sort() } },
      })),
    fc.constant({ type: 'groups-dealt', body: { groups: [{ id: 0, members: names }] } }),
  );
  const rename = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(from, to)) as T;
  const rowsOf = (facts: readonly { readonly type: string; readonly body: unknown }[]) =>
    replay(facts.map((one, at) => ({ ...one, seq: at + 1 })));

  it('everything: the rows are those of a client that had the new key from the beginning', () => {
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 12 }), (facts) => {
        const signature = '0'.repeat(128);
        const moved = rowsOf([...facts, { type: 'client-rotated', body: { from, to, signature } }]);
        const always = rowsOf(rename(facts).map((one) => JSON.parse(JSON.stringify(one))));
        expect(moved.get(`client/${from}`)).toEqual({ rotatedTo: to, revoked: true });
        moved.delete(`client/${from}`);
        const { rotatedFrom, ...row } = moved.get(`client/${to}`) as Record<string, unknown>;
        expect(rotatedFrom).toBe(from);
        expect(row).toEqual(always.get(`client/${to}`) ?? {});
        for (const rows of [moved, always]) rows.delete(`client/${to}`);
        // A list of members is in the order of the ids, whoever was renamed.
        const sorted = (rows: Rows) =>
          JSON.parse(
            JSON.stringify(
              [...rows].sort(([a], [b]) => (a < b ? -1 : 1)),
              (key, one) => (key === 'members' && Array.isArray(one) ? [...one].sort() : one),
            ),
            (key, one) => (key === '0' && Array.isArray(one) ? [...one].sort() : one),
          );
        expect(sorted(moved)).toEqual(sorted(always));
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('a quarantine goes on, and nobody waits for the old key', () => {
    const says = 'x';
    const rows = rowsOf([
      { type: 'client-quarantined', body: { client: from, round: 1, until: 7, says } },
      { type: 'client-rotated', body: { from, to, signature: '' } },
    ]);
    const { quarantined } = resumedOf(rows);
    expect(quarantined.get(to as ClientId)).toBe(7);
    expect(quarantined.get(from as ClientId)).toBeGreaterThan(7);
  });
});

describe('what a third party finds', () => {
  const [old, next] = [fresh(), fresh()];
  const enrolled = (client: string): Fact => ({ type: 'client-enrolled', body: { client } });
  const rotated = (text: string, to: Identity): Fact => {
    const rotation = read(to.id, text);
    if (rotation === undefined || rotation === 'forged') throw new Error('no rotation');
    return { type: 'client-rotated', body: { ...rotation } };
  };
  const invited = (client: string): Fact => ({
    type: 'attempt-started',
    body: { round: 1, attempt: 1, model: '', head: '', groups: [{ id: 0, members: [client] }] },
  });
  const problems = (...facts: Fact[]): string[] => {
    const found: string[] = [];
    const moves = new KeyMoves({ all: [coordinator.publicKey] }, (text) => found.push(text));
    for (const [at, fact] of facts.entries()) moves.take(fact, at + 1);
    return found;
  };
  const good = rotated(move(old, next), next);

  it('nothing, where the old key signed and was heard of no more', () => {
    expect(problems(enrolled(old.id), good, invited(next.id))).toEqual([]);
  });

  it.each<[string, Fact[], RegExp]>([
    [
      'a signature by nobody',
      [enrolled(old.id), { type: 'client-rotated', body: { from: old.id, to: next.id, signature: '00'.repeat(64) } }],
      /has not signed/,
    ],
    ['a new key that was a client before', [enrolled(old.id), enrolled(next.id), good], /was a client already/],
    ['two moves of one key', [enrolled(old.id), good, rotated(move(old, coordinator), coordinator)], /given up/],
    ['a round with the key that was given up', [enrolled(old.id), good, invited(old.id)], /invites/],
    [
      'a move of a revoked key',
      [enrolled(old.id), { type: 'client-revoked', body: { client: old.id, by: 'ops', reason: 'lost' } }, good],
      /revoked before/,
    ],
  ])('%s', (_, facts, says) => {
    expect(problems(...facts)).toEqual([expect.stringMatching(says)]);
  });
});

describe('at a running coordinator', () => {
  it('in the middle of a round the new key is told to come back; after it, it takes the seat, and the old one is shut out', async () => {
    const next = fresh();
    const later: RawClient[] = [];
    const setting = await arrange({
      config: taskOf({ size: 3 }),
      campaign: { rounds: 2 },
      client: (i) => ({
        deed: (message) => {
          if (i !== 0 || message.kind !== 'masked' || later.length > 0) return undefined;
          knock();
          return undefined;
        },
      }),
    });
    const [old] = setting.clients;
    const knock = (): void => {
      const text = makeRotation(
        nativePrimitives,
        fromHex(setting.coordinator.id),
        old?.identity ?? next,
        next.publicKey,
      );
      const client = new RawClient({
        url: setting.coordinator.url,
        identity: next,
        coordinator: fromHex(setting.coordinator.id),
        token: text,
        comeBack: 0,
      });
      later.push(client);
      void client.join();
      void client.closed.then((code) => code === CLOSE.busy && setTimeout(knock, 5));
    };
    const result = await setting.run();
    for (const one of later) one.bye();
    expect(later[0]?.received).toContainEqual(expect.objectContaining({ kind: 'fault', code: 'SESSION_BUSY' }));
    expect(result.rounds.map(({ outcome }) => outcome.type)).toEqual(['committed', 'committed']);
    expect(result.rounds[0]?.survivors).toContain(old?.identity.id);
    expect(result.rounds[1]?.survivors).toContain(next.id);
    expect(result.rounds[1]?.cohort).not.toContain(old?.identity.id);
    expect(old?.closes.at(-1)?.code).toBe(CLOSE.forbidden);
  });

  it('with a store: after a restart the new key comes in without a word, and to revoke the old name keeps the new key out', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sotto-rotation-'));
    const [old, next] = [fresh(), fresh()];
    const config = taskOf({ size: 3 });
    const start = () =>
      begin({
        directory: join(directory, 'data'),
        identity: coordinator,
        config,
        rounds: 1,
        more: { roster: { kind: 'allowlist', clients: [old.id] } },
      });
    const knock = async (url: string, who: Identity, token?: string): Promise<string | number> => {
      const client = new RawClient({ url, identity: who, coordinator: coordinator.publicKey, ...(token && { token }) });
      await client.open();
      client.hello();
      const answer = await Promise.race([client.next('welcome').then(() => 'welcome'), client.closed]);
      client.bye();
      return answer;
    };
    try {
      const first = await start();
      expect(await knock(first.url, old)).toBe('welcome');
      expect(await knock(first.url, next, move(old, next))).toBe('welcome');
      expect(await knock(first.url, old)).toBe(CLOSE.forbidden);
      await first.stop('restart');
      const second = await start();
      expect(await knock(second.url, next)).toBe('welcome');
      expect(await knock(second.url, old)).toBe(CLOSE.forbidden);
      await second.access.readmit(old.id, 'ops', 'by its old name');
      expect(await knock(second.url, old)).toBe(CLOSE.forbidden);
      await second.access.revoke(old.id, 'ops', 'a lost laptop');
      expect(await knock(second.url, next)).toBe(CLOSE.forbidden);
      await second.stop('over');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 30_000);
});
