// What outlives a coordinator: going on from its data directory, roll-backs, exports that strangers verify. Real clients and real lmdb.
// Not here: damage and the doctor (damage.test.ts), kills (kill.test.ts), the store alone (store.test.ts).
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryModels } from '../../client/chain/model-store.js';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { exportAudit, openExport } from '../../server/audit/export.js';
import { verifyAudit } from '../../server/audit/verify.js';
import { openData } from '../../server/data/open.js';
import type { AuditEvent } from '../../server/store/types.js';
import { config, copied, fresh, identity, members, newMembers, original, read, root } from './history.js';
import { begin, join, live, reached } from './life.js';

const membersOf = (events: readonly AuditEvent[]) => events.map(({ type }) => type);

describe('a coordinator that starts again on its data', () => {
  it('goes on with the next round from the same model, and its clients go on along the same chain', async () => {
    const directory = copied();
    const { result, model, chain } = await live({ directory, identity, config, rounds: 6 }, members);
    expect(result.rounds.map(({ round }) => round)).toEqual([5, 6]);
    expect([...model]).toEqual(Array(4).fill(reached(6)));
    expect(chain.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(chain.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('ends at once where all rounds are over', async () => {
    const coordinator = await begin({ directory: copied(), identity, config, rounds: 4 });
    await expect(coordinator.done).resolves.toMatchObject({ outcome: { type: 'rounds', round: 4 } });
    await coordinator.stop('over');
  });

  it('stopped in a round it hands it back: the next start makes another attempt of the same round', async () => {
    const directory = copied();
    // The others remember rounds of another copy: they would refuse these, and rightly so.
    const members = newMembers();
    const first = await begin({ directory, identity, config, rounds: 5 });
    const stopped = new Promise<void>((resolve) => {
      first.on('fact', ({ fact }) => {
        if (fact.type === 'phase' && fact.phase === 'shares') resolve(first.stop('maintenance'));
      });
    });
    const clients = join(first, config.task, members);
    const ends = clients.map((client) => client.run());
    await stopped;
    await Promise.all(clients.map((client) => client.stop()));
    await Promise.all(ends);
    const { result } = await live({ directory, identity, config, rounds: 5 }, members);
    expect(result.rounds).toMatchObject([{ round: 5, attempts: 2, outcome: { type: 'committed' } }]);
    const started = await read(directory, (store) =>
      [...store.events(1)].flatMap(({ type, body }) =>
        type === 'attempt-started' ? [`${body.round}.${body.attempt}`] : [],
      ),
    );
    expect(started.slice(-2)).toEqual(['5.1', '5.2']);
  });

  it('refuses other settings of the task, naming what differs, and another identity', async () => {
    const directory = copied();
    const other = { ...config, encoding: { ...config.encoding, clipNorm: 2 } };
    await expect(begin({ directory, identity, config: other, rounds: 5 })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
      details: { fields: ['encoding'] },
    });
    const stranger = generateIdentity(nativePrimitives, nativeRng);
    await expect(begin({ directory, identity: stranger, config, rounds: 5 })).rejects.toThrow('belongs to coordinator');
    // Neither left a lock behind.
    expect(existsSync(path(directory, 'lock'))).toBe(false);
  });

  it('keeps genesis and the newest models, and every aggregate', async () => {
    const { blobs, records } = await read(original, (store) => ({
      blobs: new Set<string>(store.blobs()),
      records: [...store.events(1)].flatMap(({ type, body }) =>
        type === 'model-recorded' ? [body.record as Record<string, string>] : [],
      ),
    }));
    const has = (field: string) => records.map((record) => blobs.has(record[field] ?? ''));
    // The first model from zero is its own aggregate: one blob, two reasons to stay.
    expect(has('modelAfter')).toEqual([true, true, false, true, true]);
    expect(has('aggregate')).toEqual([false, true, true, true, true]);
  });
});

describe('what the log says', () => {
  it('U3 and U4 stand before the unmasking is asked for, and the model in one transaction with its round', async () => {
    const events = await read(original, (store) => [...store.events(1)]);
    const types = membersOf(events);
    const round = types.slice(types.indexOf('attempt-started'), types.indexOf('round-committed') + 1);
    expect(round).toEqual([
      'attempt-started',
      'survivors-fixed',
      'unmasking-asked',
      'model-recorded',
      'round-committed',
    ]);
    expect(types.slice(0, 2)).toEqual(['task-created', 'coordinator-started']);
    expect(types.slice(-2)).toEqual(['coordinator-stopped', 'checkpoint']);
    expect(types.filter((type) => type === 'client-enrolled')).toHaveLength(4);
  });

  it('I read the whole data directory and find no secret: not one seed, key of a round, share or update', async () => {
    const directory = fresh();
    const secrets: Uint8Array[] = [];
    const watched = newMembers();
    // What clients draw are keys, b, shares and salts of their rounds: none of it may be on disk, nor may their updates.
    const coordinator = await begin({ directory, identity, config, rounds: 1 });
    const clients = join(coordinator, config.task, watched).map((client, i) => ({ client, member: watched[i] }));
    const { FederatedClient } = await import('../../client/node/index.js');
    const own = clients.map(
      ({ member }, i) =>
        new FederatedClient({
          url: coordinator.url,
          // safe: as many members as clients
          identity: member!.identity,
          coordinator: coordinator.id,
          task: config.task,
          policy: {
            profiles: ['cohort'],
            minGroup: 2,
            minThreshold: 1,
            minColluders: 0,
            maxClipNorm: 1e9,
            maxRounds: 9,
            privacy: 'any',
            catchUp: 'chain',
          },
          rng: (length) => {
            const drawn = nativeRng(length);
            if (length >= 16) secrets.push(drawn.slice());
            return drawn;
          },
          trainer: {
            init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
            train: async (weights) => {
              const update = weights.map((_, k) => (i + 1) * 0.0625 + k * 0.015625);
              secrets.push(new Uint8Array(update.slice().buffer));
              return { update, examples: 1, metrics: {} };
            },
          },
          guards: memoryGuards(),
        }),
    );
    const ends = own.map((client) => client.run());
    await coordinator.done;
    await Promise.all(ends);
    await coordinator.stop('over');
    secrets.push(identity.secret.exposeSecret(), ...watched.map(({ identity: one }) => one.secret.exposeSecret()));
    expect(secrets.length).toBeGreaterThan(20);
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    for (const { parentPath, name } of files) {
      const bytes = readFileSync(path(parentPath, name));
      for (const secret of secrets) {
        expect(bytes.includes(Buffer.from(secret)), `${name} holds a secret`).toBe(false);
        expect(bytes.includes(Buffer.from(secret).toString('hex')), `${name} holds a secret in hex`).toBe(false);
      }
    }
    // The aggregate is there: looking for bytes finds what is there.
    expect(files.some(({ parentPath, name }) => readFileSync(path(parentPath, name)).includes('unmasking-asked'))).toBe(
      true,
    );
  });
});

describe('going back to an earlier model', () => {
  const kept = () => newMembers().map((one) => ({ ...one, models: memoryModels() }));
  const rollBack = { round: 1, reason: 'round 2 learned from a poisoned data set' };

  it('is a signed record with its reason: clients whose policy accepts it follow, one that does not takes no part, and no counter goes back', async () => {
    const directory = fresh();
    const own = kept();
    const data = { directory, keptModels: 5, backupRounds: 0 };
    const more = { data };
    await live({ directory, identity, config, rounds: 3, more }, own);
    const mixed = own.map((one, i) => ({ ...one, ...(i > 0 && { policy: { rollBack: 'signed' as const } }) }));
    const coordinator = await begin({ directory, identity, config, rounds: 6, more: { data, rollBack } });
    const reasons: string[] = [];
    const guards: string[] = [];
    const clients = join(coordinator, config.task, mixed);
    clients.forEach((client, i) => {
      client.on('rolledBack', ({ reason }) => reasons.push(reason));
      client.on('guard', ({ code, text }) => guards.push(`${i} ${code} ${text}`));
    });
    const ends = clients.map((client) => client.run());
    await coordinator.done;
    await Promise.all(ends);
    await coordinator.stop('over');
    const chain = coordinator.chain();
    expect(chain.map(({ type, round, step }) => [type, round, step]).slice(3)).toEqual([
      ['update', 3, 3],
      ['rollback', 4, 1],
      ['update', 5, 2],
      ['update', 6, 3],
    ]);
    expect([...coordinator.model()]).toEqual(Array(4).fill(reached(3)));
    expect(reasons).toEqual([rollBack.reason, rollBack.reason, rollBack.reason]);
    expect(guards.length).toBeGreaterThan(0);
    for (const text of guards)
      expect(text).toMatch(/^0 GUARD_MODEL_CHAIN .*policy.rollBack: 'signed' would accept it$/);
    const events = await read(directory, (store) => {
      exportAudit(store, identity.id, path(directory, 'export'));
      return [...store.events(1)];
    });
    const survivors = events.filter(({ type }) => type === 'round-committed').at(-1)?.body.groups;
    expect(JSON.stringify(survivors)).not.toContain(own[0]?.identity.id);
    const verdict = await verifyAudit(await openExport(path(directory, 'export')));
    expect(verdict.problems).toEqual([]);
    expect(verdict.models).toMatchObject({ records: 7, recomputed: 6, rollBacks: 1 });
    expect(verdict.transcripts).toEqual({ recomputed: 5, notRecomputed: 0 });
  }, 60_000);

  it('at run time: an administrator asks, the next round is built on the old model, and the record says who and why', async () => {
    const directory = fresh();
    const data = { directory, keptModels: 5, backupRounds: 0 };
    const own = kept().map((one) => ({ ...one, policy: { rollBack: 'signed' as const } }));
    const coordinator = await begin({ directory, identity, config, rounds: 6, more: { data } });
    const told: object[] = [];
    coordinator.on('rolledBack', (event) => told.push(event));
    coordinator.on('round', ({ round }) => {
      if (round === 3) coordinator.admin.rollBack(1, { by: 'anna', reason: rollBack.reason });
    });
    const ends = join(coordinator, config.task, own).map((client) => client.run());
    const { rounds } = await coordinator.done;
    await Promise.all(ends);
    await coordinator.stop('over');
    const chain = coordinator.chain();
    const at = chain.findIndex(({ type }) => type === 'rollback');
    const [back, ancestor] = [chain[at], chain[1]];
    expect(back?.modelAfter).toEqual(ancestor?.modelAfter);
    expect(told).toMatchObject([{ to: 1, by: 'anna', reason: rollBack.reason, round: back?.round }]);
    // Numbers only grow, and nobody's round has the number of the roll-back.
    expect(chain.map(({ round }) => round)).toEqual(
      [...new Set(chain.map(({ round }) => round))].sort((a, b) => a - b),
    );
    expect(rounds.map(({ round }) => round)).not.toContain(back?.round);
    const after = chain.length - 1 - at;
    expect(after).toBeGreaterThan(0);
    expect([...coordinator.model()]).toEqual(Array(4).fill(reached(1 + after)));
    const events = await read(directory, (store) => {
      exportAudit(store, identity.id, path(directory, 'export'));
      return [...store.events(1)];
    });
    expect(events.filter(({ type }) => type === 'admin').map(({ body }) => body)).toEqual([
      { by: 'anna', action: 'roll-back', detail: { to: 1, reason: rollBack.reason } },
    ]);
    expect((await verifyAudit(await openExport(path(directory, 'export')))).problems).toEqual([]);
  }, 60_000);

  it('a model that an administrator pinned is kept and gone back to, long after its neighbours made way, also after a restart', async () => {
    const directory = fresh();
    const data = { directory, keptModels: 2, backupRounds: 0 };
    const own = kept().map((one) => ({ ...one, policy: { rollBack: 'signed' as const } }));
    const act = { by: 'anna', reason: 'the last one before the new wards' };
    const coordinator = await begin({ directory, identity, config, rounds: 6, more: { data } });
    coordinator.on('round', ({ round }) => {
      if (round === 2) coordinator.admin.pin(2, act);
    });
    const ends = join(coordinator, config.task, own).map((client) => client.run());
    await coordinator.done;
    await Promise.all(ends);
    expect(() => coordinator.admin.pin(3, act)).toThrow(expect.objectContaining({ code: 'STORE_BLOB' }));
    expect(() => coordinator.admin.pin(9, act)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    await coordinator.stop('over');
    const back = { round: 2, reason: 'the new wards are wrong' };
    const again = await begin({ directory, identity, config, rounds: 9, more: { data, rollBack: back } });
    expect([...again.model()]).toEqual(Array(4).fill(reached(2)));
    await again.stop('over');
    const pins = await read(directory, (store) => [...store.events(1)].filter(({ type }) => type === 'model-pinned'));
    expect(pins.map(({ body }) => body)).toEqual([{ ...act, round: 2 }]);
  }, 60_000);

  it.each([
    [{ round: 2, reason: 'x' }, 'STORE_BLOB'],
    [{ round: 4, reason: 'x' }, 'CONFIG_INVALID'],
    [{ round: 9, reason: 'x' }, 'CONFIG_INVALID'],
    [{ round: 3, reason: '' }, 'CONFIG_INVALID'],
    [{ round: 3, reason: 'two\nlines' }, 'CONFIG_INVALID'],
  ])('%j is refused with %s', async (wanted, code) => {
    // The newest two models and the first are kept here.
    const started = begin({ directory: copied(), identity, config, rounds: 9, more: { rollBack: wanted } });
    await expect(started).rejects.toMatchObject({ code });
  });
});

describe('an exported log', () => {
  const folder = path(root, 'export');
  beforeAll(() => read(original, (store) => exportAudit(store, identity.id, folder)));
  const verdictOf = async (change: (folder: string) => void, expected = {}) => {
    const copy = fresh();
    cpSync(folder, copy, { recursive: true });
    change(copy);
    return verifyAudit(await openExport(copy), expected);
  };
  const log = (where: string): string => path(where, 'log.jsonl');
  const lines = (where: string): string[] => readFileSync(log(where), 'utf8').trimEnd().split('\n');
  const rewrite = (where: string, change: (lines: string[]) => string[]): void =>
    writeFileSync(log(where), `${change(lines(where)).join('\n')}\n`);

  it('holds: a stranger recomputes every model from genesis on, though old ones are no longer kept', async () => {
    const verdict = await verdictOf(() => {}, { coordinator: identity.id });
    expect(verdict).toMatchObject({
      ok: true,
      problems: [],
      task: 'test',
      rounds: { committed: 4, void: 0 },
      starts: 1,
      crashes: 0,
      models: { records: 5, recomputed: 5, notRecomputed: 0 },
      privacy: { spent: [], unsettled: 0 },
    });
    expect(verdict.checkpoints).toBeGreaterThan(0);
  });

  it('I change one word of any event and am found out', async () => {
    const all = lines(folder);
    const copy = fresh();
    cpSync(folder, copy, { recursive: true });
    for (let i = 1; i < all.length - 1; i++) {
      const changed = all.map((line, k) => (k === i ? line.replace('"time":1700000000000', '"time":1') : line));
      writeFileSync(log(copy), `${changed.join('\n')}\n`);
      expect((await verifyAudit(await openExport(copy))).ok, `event ${i}`).toBe(false);
    }
  });

  it.each([
    ['leave an event out', (old: string[]) => old.filter((_, i) => i !== 5)],
    ['swap two events', (old: string[]) => old.map((line, i) => (i === 4 ? old[5] : i === 5 ? old[4] : line) ?? '')],
    ['put an event in twice', (old: string[]) => [...old.slice(0, 6), old[5] ?? '', ...old.slice(6)]],
    ['cut the tail off with the head', (old: string[]) => old.slice(0, -3)],
    ['cut a line in the middle', (old: string[]) => [...old.slice(0, -2), (old.at(-2) ?? '').slice(0, 40)]],
    ['write behind the head', (old: string[]) => [...old, old[3] ?? '']],
    [
      'take the head of nobody',
      (old: string[]) => [...old.slice(0, -1), (old.at(-1) ?? '').replace(/[0-9a-f]{4}"}}$/, '0000"}}')],
    ],
  ])('I %s and am found out', async (_what, change) => {
    expect((await verdictOf((copy) => rewrite(copy, change))).ok).toBe(false);
  });

  it.each(['aggregate', 'model'] as const)('I change one bit of an %s and its round is named', async (what) => {
    const events = await read(original, (store) => [...store.events(1)]);
    const record = events.filter(({ type }) => type === 'model-recorded').at(-1)?.body.record as Record<string, string>;
    const name = record[what === 'model' ? 'modelAfter' : 'aggregate'] ?? '';
    const verdict = await verdictOf((copy) => {
      const bytes = readFileSync(path(copy, 'blobs', name));
      // A model is only read where it cannot be recomputed, so its aggregate goes too.
      if (what === 'model') rmSync(path(copy, 'blobs', record.aggregate ?? ''));
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(path(copy, 'blobs', name), bytes);
    });
    expect(verdict.ok).toBe(false);
    expect(verdict.problems[0]).toContain('model of round 4');
  });

  it('an aggregate that is not in the export is said, and does not make the log wrong', async () => {
    const verdict = await verdictOf((copy) => {
      for (const name of readdirSync(path(copy, 'blobs'))) rmSync(path(copy, 'blobs', name));
    });
    expect(verdict).toMatchObject({ ok: true, models: { records: 5, recomputed: 0, notRecomputed: 5 } });
  });

  it('I show another log to somebody who knows the key, or an earlier head, and am found out', async () => {
    const other = generateIdentity(nativePrimitives, nativeRng);
    expect((await verdictOf(() => {}, { coordinator: other.id })).problems[0]).toContain('expected was');
    const head = { seq: 3, hash: 'ab'.repeat(32) };
    expect((await verdictOf(() => {}, { head })).problems[0]).toContain('another log, or one that was cut short');
  });

  it('a coordinator that signs a broken rule is found out: a second attempt after the sums were asked for', async () => {
    const directory = copied();
    const data = await openData({ directory, identity, limitBytes: 1e9 });
    const admin = (type: string, body: object) => ({ type, time: 1, body: body as AuditEvent['body'] });
    const groups = [{ id: 0, members: members.map((one) => one.identity.id) }];
    const run = { round: 5, attempt: 1 };
    await data.store.commit({
      events: [
        admin('attempt-started', { ...run, model: '', head: '', groups }),
        admin('survivors-fixed', { ...run, group: 0, u3: [0, 1, 2, 3], u4: [0, 1, 2], excluded: [] }),
        admin('unmasking-asked', { ...run, group: 0 }),
        admin('attempt-started', { round: 5, attempt: 2, model: '', head: '', groups }),
      ],
      put: [],
      del: [],
      blobs: [],
      dropBlobs: [],
    });
    const out = fresh();
    exportAudit(data.store, identity.id, out);
    await data.close();
    const verdict = await verifyAudit(await openExport(out));
    expect(verdict.problems).toEqual([expect.stringContaining('round 5 was asked to be opened')]);
  });

  it('a folder that is no export is refused with what to do', async () => {
    await expect(openExport(root)).rejects.toMatchObject({ code: 'AUDIT_INVALID' });
    const empty = fresh();
    mkdirSync(empty);
    writeFileSync(log(empty), '{"format":"other"}\n');
    await expect(openExport(empty)).rejects.toThrow('does not start as');
  });
});
