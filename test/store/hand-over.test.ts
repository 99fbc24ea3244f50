// A coordinator on lmdb that is stopped, handed over to a new key and started again, with real clients over sockets that pinned the old key;
// and what a stranger finds in its exported log. Not here: the pure parts (test/protocol, test/client/hand-over.test.ts).
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryModels } from '../../client/chain/model-store.js';
import { type FederatedClient, fileGuards, memoryGuards } from '../../client/node/index.js';
import { type AuditEvent, eventHash, eventText, ORIGIN, signHead } from '../../protocol/audit/event.js';
import { recordFromJson, recordToJson } from '../../protocol/audit/record-json.js';
import { makeHandOver } from '../../protocol/chain/hand-over.js';
import { recordHash, signRecord } from '../../protocol/chain/record.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { type ClientId, fromHex, type Hash, hashOf, toHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { Access } from '../../server/access/access.js';
import { makeRotation, readRotation } from '../../server/access/rotation.js';
import { makeToken, readToken } from '../../server/access/token.js';
import { HAND_OVER_EVENT, handOverFact, knownKeys } from '../../server/audit/coordinator-keys.js';
import { exportAudit, LOG_FILE, openExport } from '../../server/audit/export.js';
import { AuditLog } from '../../server/audit/log.js';
import { type Verdict, verifyAudit } from '../../server/audit/verify.js';
import { listBackups } from '../../server/data/backups.js';
import { diagnose } from '../../server/data/doctor.js';
import { handOver } from '../../server/data/hand-over.js';
import { readMarker, writeMarker } from '../../server/data/layout.js';
import { openData } from '../../server/data/open.js';
import { taskOf } from '../protocol/tasks.js';
import { begin, join, live, type Member, reached } from './life.js';

const root = mkdtempSync(path(tmpdir(), 'sotto-hand-over-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const folder = (): string => path(root, `d${made++}`);
const fresh = (): Identity => generateIdentity(nativePrimitives, nativeRng);
const [first, second, third] = [fresh(), fresh(), fresh()];
const config = taskOf({ size: 4, dimension: 4, optimizer: { name: 'fedavgm', learningRate: 1, momentum: 0 } });
const kept = { tokens: 'kept' } as const;

/** After two rounds under the first key, and two more under the second. */
const [before, after] = [path(root, 'before'), path(root, 'after')];
const members: Member[] = Array.from({ length: 4 }, (_, i) => ({
  identity: fresh(),
  guards: fileGuards(path(root, `guards-${i}`)),
  models: memoryModels(),
}));
const knowing = (pins: readonly string[]): Member[] => members.map((one, i) => ({ ...one, pin: pins[i] ?? first.id }));
const copyOf = (directory: string): string => {
  const copy = folder();
  cpSync(directory, copy, { recursive: true });
  return copy;
};
const look = async (directory: string, identity: Identity) => {
  const data = await openData({ directory, identity, limitBytes: 1e9 });
  try {
    return [...data.store.events(1)];
  } finally {
    await data.close();
  }
};
const verdictOf = async (directory: string, identity: Identity, expected?: string): Promise<Verdict> => {
  const to = folder();
  const data = await openData({ directory, identity, limitBytes: 1e9 });
  try {
    exportAudit(data.store, identity.id, to);
  } finally {
    await data.close();
  }
  return verifyAudit(await openExport(to), expected === undefined ? {} : { coordinator: expected as ClientId });
};

let rounds: readonly number[] = [];
let followed: ReturnType<typeof reached>[] = [];
beforeAll(async () => {
  await live({ directory: before, identity: first, config, rounds: 2 }, knowing([]));
  cpSync(before, after, { recursive: true });
  await handOver({ directory: after, identity: first, next: second, ...kept });
  // One of them was told the new key, by somebody who did not wait for the hand-over.
  const { result, model } = await live(
    { directory: after, identity: second, config, rounds: 4 },
    knowing(['', second.id].map((id) => id || first.id)),
  );
  rounds = result.rounds.map(({ round }) => round);
  followed = [...model];
}, 60_000);

describe('a coordinator that was handed over', () => {
  it('goes on with the next round and the same clients, whichever of the two keys they had been told', () => {
    expect(rounds).toEqual([3, 4]);
    expect(followed).toEqual(Array(4).fill(reached(4)));
  });

  it('its clients keep all counters under the first key, and never take that key again', async () => {
    for (const { guards } of members) {
      expect(await guards.load(first.id, config.task)).toMatchObject({ round: 4, contributed: 4 });
      expect(await guards.load(second.id, config.task)).toBeUndefined();
    }
    const old = await begin({ directory: copyOf(before), identity: first, config, rounds: 3 });
    const [client] = join(old, config.task, knowing([]));
    await expect(client?.run()).rejects.toMatchObject({ code: 'AUTH_WRONG_COORDINATOR' });
    await old.stop('over');
  }, 30_000);

  it('does not start with the old key any more, nor with one that it was not handed over to', async () => {
    const start = (identity: Identity) => begin({ directory: after, identity, config, rounds: 5 });
    await expect(start(first)).rejects.toMatchObject({ code: 'STORE_FORMAT' });
    await expect(start(third)).rejects.toMatchObject({ code: 'STORE_FORMAT' });
  });

  it('a client that came late, and one whose policy refuses: the one goes on from the newest record, the other says what to do', async () => {
    const directory = copyOf(after);
    const coordinator = await begin({ directory, identity: second, config, rounds: 5 });
    const late: Member[] = Array.from({ length: 4 }, () => ({
      identity: fresh(),
      guards: memoryGuards(),
      pin: first.id,
    }));
    const wary: Member = { identity: fresh(), guards: memoryGuards(), pin: first.id, policy: { keyChange: 'refuse' } };
    const [refusing] = join(coordinator, config.task, [wary]);
    const refused = refusing?.run();
    await expect(refused).rejects.toMatchObject({ code: 'AUTH_HAND_OVER', message: expect.stringMatching(/pin that/) });
    const ends = join(coordinator, config.task, late).map((client) => client.run());
    await coordinator.done;
    expect(await Promise.all(ends)).toMatchObject(Array(4).fill({ how: 'finished', contributed: 1 }));
    const [told] = join(coordinator, config.task, [{ ...wary, pin: second.id }]);
    expect(await told?.run()).toMatchObject({ how: 'finished' });
    await coordinator.stop('over');
  }, 30_000);

  it('a client that stays up while its coordinator is handed over comes back to the new key by itself', async () => {
    const directory = copyOf(before);
    const old = await begin({ directory, identity: first, config, rounds: 9 });
    const port = Number(new URL(old.url).port);
    const four: Member[] = Array.from({ length: 4 }, () => ({
      identity: fresh(),
      guards: memoryGuards(),
      models: memoryModels(),
      policy: { catchUp: 'chain' },
    }));
    const clients = join(old, config.task, four);
    const changes: string[] = [];
    clients[0]?.on('keyChanged', ({ to }) => changes.push(to));
    const ends = clients.map((client: FederatedClient) => client.run());
    await new Promise<void>((resolve) => old.on('round', ({ round }) => round === 4 && resolve()));
    await old.stop('for the hand-over');
    const { round } = await handOver({ directory, identity: first, next: second, ...kept });
    const next = await begin({
      directory,
      identity: second,
      config,
      rounds: round + 2,
      more: { listen: { host: '127.0.0.1', port } },
    });
    const result = await next.done;
    expect(result.outcome).toMatchObject({ type: 'rounds', round: round + 2 });
    for (const end of await Promise.all(ends)) expect(end).toMatchObject({ how: 'finished' });
    expect(changes).toEqual([second.id]);
    await next.stop('over');
    expect(await verdictOf(directory, second, second.id)).toMatchObject({ ok: true });
  }, 60_000);

  it('changes its key twice without a round in between: clients of the first key follow both at once', async () => {
    const directory = copyOf(after);
    await handOver({ directory, identity: second, next: third, ...kept });
    const fourth = fresh();
    await handOver({ directory, identity: third, next: fourth, ...kept });
    const late: Member[] = Array.from({ length: 4 }, (_, i) => ({
      identity: fresh(),
      guards: memoryGuards(),
      pin: [first, second, third, fourth][i]?.id ?? '',
    }));
    const { result } = await live({ directory, identity: fourth, config, rounds: 5 }, late);
    expect(result.rounds.map(({ round }) => round)).toEqual([5]);
    expect(await verdictOf(directory, fourth, third.id)).toMatchObject({ ok: true, problems: [] });
    for (const back of [first, third])
      await expect(handOver({ directory, identity: fourth, next: back, ...kept })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
  }, 60_000);

  it('a thief with the old key hands a copy over to a key of his own: whoever has followed already is not taken in', async () => {
    const directory = copyOf(before);
    const thief = fresh();
    await handOver({ directory, identity: first, next: thief, ...kept });
    const coordinator = await begin({ directory, identity: thief, config, rounds: 3 });
    const [client] = join(coordinator, config.task, knowing([]));
    await expect(client?.run()).rejects.toMatchObject({ code: 'AUTH_HAND_OVER' });
    await coordinator.stop('over');
  }, 30_000);
});

describe('a hand-over that is cut off', () => {
  /** As far as the event. */
  const given = async (): Promise<string> => {
    const directory = copyOf(before);
    const data = await openData({ directory, identity: first, limitBytes: 1e9 });
    const log = new AuditLog({
      store: data.store,
      identity: first,
      primitives: nativePrimitives,
      wallClock: () => 1,
    });
    const { hash } = log.rows.get('chain') as { readonly hash: string };
    const at = { round: 2, head: fromHex(hash) };
    const body = handOverFact(config.task, makeHandOver(nativePrimitives, config.task, first, second, at), 'kept');
    await log.record([{ type: HAND_OVER_EVENT, body }]);
    await data.close();
    return directory;
  };

  it('once it is in the log, the old key signs nothing more; run again, it is finished, with one event', async () => {
    const directory = await given();
    const start = (identity: Identity) => begin({ directory, identity, config, rounds: 3 });
    await expect(start(first)).rejects.toMatchObject({
      code: 'STORE_FORMAT',
      message: expect.stringMatching(/handed over/),
    });
    await expect(start(second)).rejects.toMatchObject({
      code: 'STORE_FORMAT',
      message: expect.stringMatching(/again/),
    });
    for (let times = 0; times < 2; times++)
      expect(await handOver({ directory, identity: first, next: second, ...kept })).toMatchObject({ round: 2 });
    expect((await look(directory, second)).filter(({ type }) => type === HAND_OVER_EVENT)).toHaveLength(1);
    expect(await verdictOf(directory, second, second.id)).toMatchObject({ ok: true, problems: [] });
  });

  it('with the marker written and nothing signed by the new key, the new key starts; the log is whole as it is', async () => {
    const directory = await given();
    writeMarker(directory, second.id, [first.id]);
    expect(await verdictOf(directory, second, first.id)).toMatchObject({
      ok: true,
      problems: [],
      keys: [first.id, second.id],
    });
    const coordinator = await begin({ directory, identity: second, config, rounds: 3 });
    await coordinator.stop('over');
  });

  it('a directory that was handed over to one key is not handed over to another by the old one', async () => {
    const directory = await given();
    await expect(handOver({ directory, identity: first, next: third, ...kept })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
    });
    await handOver({ directory, identity: first, next: second, ...kept });
    await expect(handOver({ directory, identity: first, next: third, ...kept })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
    });
    await expect(handOver({ directory, identity: third, next: second, ...kept })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
    });
    await expect(handOver({ directory, identity: second, next: second, ...kept })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(handOver({ directory: folder(), identity: first, next: second, ...kept })).rejects.toMatchObject({
      code: 'STORE_MISSING',
    });
  });
});

describe('what a stranger finds in the exported log', () => {
  it('nothing wrong before and after, by the old key, the new one, or the one that the log names; another is wrong', async () => {
    expect(await verdictOf(before, first, first.id)).toMatchObject({ ok: true, keys: [first.id] });
    for (const key of [undefined, first.id, second.id])
      expect(await verdictOf(after, second, key)).toMatchObject({
        ok: true,
        problems: [],
        coordinator: second.id,
        keys: [first.id, second.id],
        models: { records: 5, recomputed: 5 },
        transcripts: { recomputed: 4, notRecomputed: 0 },
      });
    const { problems } = await verdictOf(after, second, third.id);
    expect(problems).toEqual([expect.stringMatching(/expected was/)]);
  });

  /** The log with a change, everything after it linked and signed again as if by whoever has all keys: what is left is the change alone. */
  const forged = async (change: (events: AuditEvent[]) => AuditEvent[], header: Identity = second) => {
    const to = folder();
    const data = await openData({ directory: after, identity: second, limitBytes: 1e9 });
    const events = change([...data.store.events(1)]);
    exportAudit(data.store, second.id, to);
    await data.close();
    let signer = first;
    let [seq, prevHash] = [0, ORIGIN];
    let sign = signer;
    const lines = events.map(({ type, time, body }) => {
      const own =
        type === 'checkpoint'
          ? {
              ...body,
              seq,
              hash: prevHash,
              signature: toHex(signHead(nativePrimitives, signer, { seq, hash: prevHash })),
            }
          : body;
      const event = { seq: ++seq, prevHash, type, time, body: own };
      prevHash = eventHash(nativePrimitives, event);
      sign = signer;
      if (type === HAND_OVER_EVENT) signer = body.to === second.id ? second : third;
      return event;
    });
    const head = { seq, hash: prevHash, signature: toHex(signHead(nativePrimitives, sign, { seq, hash: prevHash })) };
    const top = JSON.stringify({ format: 'sotto-audit/1', coordinator: header.id });
    writeFileSync(path(to, LOG_FILE), [top, ...lines.map(eventText), JSON.stringify({ head })].join('\n'));
    return verifyAudit(await openExport(to));
  };
  const replaceAt = (events: readonly AuditEvent[], i: number, by: AuditEvent): AuditEvent[] =>
    events.map((event, j) => (i === j ? by : event));
  const at = (events: readonly AuditEvent[], type: string, nth = 0): number =>
    events.flatMap((event, i) => (event.type === type ? [i] : []))[nth] ?? -1;

  it('nothing, in a log that was only written again', async () => {
    expect((await forged((events) => events)).problems).toEqual([]);
  });

  it('a record that the old key signed after it had handed over', async () => {
    const { problems } = await forged((events) => {
      const i = at(events, 'model-recorded', 3);
      const event = events[i];
      const record = recordFromJson(event?.body.record ?? null);
      if (event === undefined || record === undefined) throw new Error('no record');
      const signed = signRecord(nativePrimitives, first, record);
      expect(hashOf(recordHash(nativePrimitives, signed))).toBe(event.body.hash);
      return replaceAt(events, i, { ...event, body: { ...event.body, record: recordToJson(signed) } });
    });
    expect(problems).toEqual([expect.stringMatching(/model of round 3: it is not signed by the coordinator/)]);
  });

  it('a hand-over that was cut out: nothing behind it is by the coordinator any more', async () => {
    const cut = (events: AuditEvent[]) => events.filter(({ type }) => type !== HAND_OVER_EVENT);
    // Signed by the old key up to its end, as its holder could: the records are not, and the header cannot say both.
    const { problems } = await forged(cut);
    expect(problems.join('\n')).toMatch(/model of round 3: it is not signed/);
    expect(problems.join('\n')).toMatch(/names .* as its coordinator, and its events lead to/);
    expect((await forged(cut, first)).problems.join('\n')).toMatch(/model of round 3: it is not signed/);
  });

  it('a second hand-over of the old key, and one that names another record, or nobody has signed', async () => {
    const other = (to: Identity, round: number, head: Hash) =>
      handOverFact(
        config.task,
        makeHandOver(nativePrimitives, config.task, first, to, { round, head: fromHex(head) }),
        'kept',
      );
    const fork = await forged((events) => {
      const i = at(events, HAND_OVER_EVENT);
      const event = events[i];
      if (event === undefined) throw new Error('no hand-over');
      const { round, head } = event.body as { readonly round: number; readonly head: Hash };
      const second = { ...event, body: { ...other(third, round, head) } };
      return [...events, second];
    });
    expect(fork.problems[0]).toMatch(/the old key had been given up before/);
    const replaced = (body: (round: number, head: Hash) => object) =>
      forged((events) => {
        const i = at(events, HAND_OVER_EVENT);
        const event = events[i];
        if (event === undefined) throw new Error('no hand-over');
        const { round, head } = event.body as { readonly round: number; readonly head: Hash };
        return replaceAt(events, i, { ...event, body: body(round, head) as never });
      });
    const elsewhere = await replaced((round) => other(second, round, '00'.repeat(32) as Hash));
    expect(elsewhere.problems).toEqual([expect.stringMatching(/the chain was at another one/)]);
    const unsigned = await replaced((round, head) => ({ ...other(second, round, head), given: '00'.repeat(64) }));
    expect(unsigned.problems[0]).toMatch(/not signed by both keys/);
  });
});

describe('what else knew the old key', () => {
  it('enrolment tokens are good until their date, or for nobody, as the hand-over says', () => {
    const fact = (from: Identity, to: Identity, tokens: 'kept' | 'void') =>
      handOverFact(
        'wards',
        makeHandOver(nativePrimitives, 'wards', from, to, { round: 1, head: new Uint8Array(32) }),
        tokens,
      );
    const now = 1_700_000_000_000;
    const token = (by: Identity) =>
      makeToken(nativePrimitives, by, nativeRng, { task: 'wards', uses: 1, days: 1, now }).text;
    const taken = (handOvers: ReturnType<typeof fact>[], own: Identity) =>
      [first, second, third].map(
        (by) =>
          readToken(nativePrimitives, knownKeys(handOvers, own.publicKey).ofTokens, 'wards', token(by)) !== undefined,
      );
    const [one, two] = [fact(first, second, 'kept'), fact(second, third, 'kept')];
    expect(taken([], first)).toEqual([true, false, false]);
    expect(taken([one, two], third)).toEqual([true, true, true]);
    expect(taken([fact(first, second, 'void'), two], third)).toEqual([false, true, true]);
    expect(taken([one, fact(second, third, 'void')], third)).toEqual([false, false, true]);
  });

  it('a client that moves to another key may have signed that for any key which the coordinator has had', () => {
    const [old, next] = [fresh(), fresh()];
    const access = new Access({
      policy: { kind: 'open' },
      readToken: () => undefined,
      readRotation: (client, text) => readRotation(nativePrimitives, [first.publicKey, second.publicKey], client, text),
      wallClock: () => 0,
    });
    access.enrol(old.id, undefined);
    const text = makeRotation(nativePrimitives, first.publicKey, old, next.publicKey);
    expect(access.admit(next.id, text)).toMatchObject({ ok: true, rotation: { from: old.id } });
    expect(access.admit(next.id, makeRotation(nativePrimitives, third.publicKey, old, next.publicKey))).toEqual({
      ok: false,
      code: 'AUTH_ROTATION',
    });
  });

  it('the doctor finds it sound, goes back to the backup that was taken with it, and to none from before', async () => {
    const directory = copyOf(after);
    expect(readMarker(directory)).toMatchObject({ coordinator: second.id, formerly: [first.id] });
    const { wrong, backups } = await diagnose(directory, false);
    expect(wrong).toBeUndefined();
    expect(listBackups(directory).length).toBe(backups.length);
    expect(backups.map((one) => one.wrong)).toEqual(
      expect.arrayContaining([undefined, expect.stringMatching(/before the key/)]),
    );
    writeFileSync(path(directory, 'sotto-store.json'), '{');
    expect(await diagnose(directory, true)).toMatchObject({ rewroteMarker: true, coordinator: second.id });
    rmSync(path(directory, 'db'), { recursive: true });
    const { restored } = await diagnose(directory, true);
    expect(restored?.seq).toBeGreaterThan(0);
    const coordinator = await begin({ directory, identity: second, config, rounds: 20 });
    await coordinator.stop('over');
  }, 30_000);
});
