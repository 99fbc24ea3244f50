// What a coordinator has spent of its clients' privacy outlives it: each prefix of its log is what some crash leaves, and none of them
// makes ε smaller than what had left by then. Real clients, real noise, real lmdb. Not here: prices (test/privacy), when the campaign
// debits (test/server/budget.test.ts).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type CohortEntry, EMPTY_COHORT, replay } from '../../protocol/privacy/cohort-ledger.js';
import { createCurves, eventsInForce, openReservations } from '../../protocol/privacy/ledger.js';
import { price } from '../../protocol/privacy/price.js';
import { makeRotation, readRotation } from '../../server/access/rotation.js';
import { debitsOf } from '../../server/audit/debits.js';
import { exportAudit, openExport } from '../../server/audit/export.js';
import { replay as replayRows } from '../../server/audit/project.js';
import { verifyAudit } from '../../server/audit/verify.js';
import { lostSpending } from '../../server/campaign/lost.js';
import { takeBackup } from '../../server/data/backups.js';
import { diagnose } from '../../server/data/doctor.js';
import { openData } from '../../server/data/open.js';
import { type Salvage, stricter } from '../../server/data/salvage.js';
import type { AuditEvent } from '../../server/store/types.js';
import { privateTask, sketchedTask } from '../privacy/tasks.js';
import { taskOf } from '../protocol/tasks.js';
import { begin, live } from './life.js';

const root = mkdtempSync(path(tmpdir(), 'sotto-debits-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const directory = path(root, 'data');
const identity = generateIdentity(nativePrimitives, nativeRng);
const config = privateTask({ size: 4, dimension: 16, noiseMultiplier: 3, losses: 1 });
const members = Array.from({ length: 4 }, () => ({
  identity: generateIdentity(nativePrimitives, nativeRng),
  guards: memoryGuards(),
  policy: { maxClipNorm: 10 },
}));
const curves = createCurves();

/** The dearest client after a restart on these events, and how many reservations are open. */
function restartedOn(events: readonly AuditEvent[], delta = 1e-5): { epsilon: number; open: number } {
  const rows = replayRows(events);
  const cohort = [...replay(EMPTY_COHORT, debitsOf(rows), curves).values()];
  const epsilons = cohort.map((own) => price(eventsInForce(own), delta, { accountant: 'rdp', curves }).epsilon);
  const open = cohort.map((own) => openReservations(own).length);
  return { epsilon: Math.max(0, ...epsilons), open: Math.max(0, ...open) };
}

async function readAll(): Promise<AuditEvent[]> {
  const data = await openData({ directory, identity, limitBytes: 1e9 });
  try {
    return [...data.store.events(1)];
  } finally {
    await data.close();
  }
}

describe("a coordinator's privacy ledger on disk", () => {
  let events: AuditEvent[] = [];
  beforeAll(async () => {
    await live({ directory, identity, config, rounds: 2 }, members);
    events = await readAll();
  }, 60_000);

  it('the worst case of an attempt is durable before the attempt is, and what it came to no later than its model', () => {
    const types = events
      .map(({ type }) => type)
      .filter((type) => /^(privacy|attempt-started|model-recorded)/.test(type));
    // The first model is genesis.
    const round = ['privacy-reserved', 'attempt-started', 'privacy-settled', 'model-recorded'];
    expect(types.slice(types.indexOf('privacy-reserved'))).toEqual([...round, ...round]);
  });

  it('a crash at any event leaves at least the ε of what had left by then, and a reservation in force while a round is open', () => {
    const paid: number[] = [];
    let [reserved, released] = [0, 0];
    events.forEach(({ type }, i) => {
      const { epsilon, open } = restartedOn(events.slice(0, i + 1));
      if (type === 'privacy-reserved') reserved++;
      if (type === 'privacy-settled') released++;
      if (type === 'privacy-settled') paid.push(epsilon);
      // Between the two the worst case counts; never less than the rounds before.
      expect(open).toBe(reserved - released);
      expect(epsilon).toBeGreaterThanOrEqual(paid.at(-1) ?? 0);
      if (open > 0) expect(epsilon).toBeGreaterThan(paid.at(-1) ?? 0);
    });
    expect(paid).toHaveLength(2);
    expect(paid[1]).toBeGreaterThan(paid[0] as number);
    expect(paid[0]).toBeGreaterThan(1);
  });

  it('a coordinator that starts again adds to it, and a stranger prices the same log to the same ε', async () => {
    const before = restartedOn(events).epsilon;
    await live({ directory, identity, config, rounds: 3 }, members);
    events = await readAll();
    const { epsilon, open } = restartedOn(events);
    expect(epsilon).toBeGreaterThan(before);
    expect(open).toBe(0);
    const folder = path(root, 'export');
    const data = await openData({ directory, identity, limitBytes: 1e9 });
    try {
      exportAudit(data.store, identity.id, folder);
    } finally {
      await data.close();
    }
    const { ok, privacy } = await verifyAudit(await openExport(folder));
    expect(ok).toBe(true);
    expect(privacy.unsettled).toBe(0);
    // Its δ is its own; at the same one it is the same.
    const [spend] = privacy.spent;
    expect(spend?.statement).toMatchObject({ unit: 'client', observer: 'coordinator' });
    expect(spend?.delta).toBeLessThan(1e-5);
    expect(spend?.epsilon).toBeCloseTo(restartedOn(events, spend?.delta).epsilon, 12);
  }, 60_000);

  it('what a client has spent under its old key is added to what it spends under the new one', async () => {
    const [old, next] = [0, 1].map(() => generateIdentity(nativePrimitives, nativeRng)) as [Identity, Identity];
    const text = makeRotation(nativePrimitives, identity.publicKey, old, next.publicKey);
    const rotation = readRotation(nativePrimitives, [identity.publicKey], next.id, text);
    const entries = events.filter(({ type }) => type.startsWith('privacy-')).slice(0, 4);
    const facts: [string, object][] = entries.map(({ type, body }, i) => [
      type,
      // The second round is settled under the new key, and was reserved under the old one.
      { ...body, members: { 0: [i < 3 ? old.id : next.id] } },
    ]);
    facts.splice(3, 0, ['client-rotated', rotation as object]);
    facts.unshift(['client-enrolled', { client: old.id }]);
    const spentIn = async (told: typeof facts) => {
      const verdict = await verifyAudit({
        coordinator: identity.id,
        events: (async function* () {
          for (const [i, [type, body]] of told.entries())
            yield { seq: i + 1, prevHash: '' as Hash, type, time: 0, body: body as AuditEvent['body'] };
        })(),
        head: () => undefined,
        blob: () => undefined,
      });
      return { ...verdict.privacy.spent[0], says: verdict.problems.filter((text) => text.includes('moves')) };
    };
    const both = await spentIn(facts);
    expect(both).toMatchObject({ client: next.id, says: [] });
    const priced = (rounds: number): number => {
      const own = entries.slice(0, 2 * rounds).map(({ type, body: { id, events: releases } }) => ({
        entry: { type: type.slice('privacy-'.length), id, events: releases },
        members: { 0: [next.id] },
      }));
      const [ledger] = replay(EMPTY_COHORT, own as unknown as CohortEntry[], curves).values();
      return price(eventsInForce(ledger as never), both.delta ?? 0, { accountant: 'rdp', curves }).epsilon;
    };
    expect(both.epsilon).toBeCloseTo(priced(2), 12);
    expect(priced(1)).toBeLessThan(priced(2));
  });

  it('restored from a backup, what may have been spent since is charged to everybody, and nobody gets away with what was known', async () => {
    const data = await openData({ directory, identity, limitBytes: 1e9 });
    await takeBackup(directory, data.store, identity.id);
    await data.close();
    const more = { data: { directory, backupRounds: 0 } };
    await live({ directory, identity, config, rounds: 5, more }, members);
    const coordinator = await begin({ directory, identity, config, rounds: 6, more });
    const revoked = members[2]?.identity.id as ClientId;
    await coordinator.access.revoke(revoked, 'ops', 'key lost');
    await coordinator.stop('enough');
    const spent = restartedOn(await readAll()).epsilon;
    // One changed word in an event, wherever it lies.
    const file = path(directory, 'db', 'data.mdb');
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf('the campaign is over'); at >= 0; at = bytes.indexOf('the campaign is over', at + 1))
      bytes.write('The campaign is over', at);
    writeFileSync(file, bytes);
    const { restored } = await diagnose(directory, true);
    expect(restored).toMatchObject({ lastRound: 5, salvaged: 1 });
    expect(restartedOn(await readAll()).epsilon).toBeLessThan(spent);
    await (await begin({ directory, identity, config, rounds: 9 })).stop('enough');
    const after = await readAll();
    expect(restartedOn(after).epsilon).toBeGreaterThanOrEqual(spent);
    // Rounds 4 and 5 are charged at their worst, once each, and stay in force.
    expect(restartedOn(after).open).toBe(2);
    expect(replayRows(after).get(`client/${revoked}`)).toMatchObject({ revoked: true });
    expect(after.filter(({ type }) => type === 'restored')).toHaveLength(1);
  }, 90_000);
});

describe('rounds that nobody remembers', () => {
  const lost = { first: 4, last: 5, attempts: 3, clients: ['b', 'a'] as ClientId[], known: () => false };
  it('cost one sum each, and with sketches every attempt of them', () => {
    expect(lostSpending(config, lost).map(({ entry }) => entry.id)).toEqual(['test/4.1', 'test/5.1']);
    const sketched = sketchedTask({});
    const entries = lostSpending(sketched, lost);
    expect(entries).toHaveLength(6);
    for (const { entry } of entries) expect(entry.events.some(({ type }) => type === 'sketch')).toBe(true);
    expect(entries.filter(({ entry }) => entry.events.length > 1).map(({ entry }) => entry.id)).toEqual([
      'test/4.1',
      'test/5.1',
    ]);
  });
  it('are not charged twice where the backup has the reservation, nor where nothing is claimed', () => {
    expect(lostSpending(config, { ...lost, known: (id) => id === 'test/4.1' })).toHaveLength(1);
    expect(lostSpending(taskOf({ size: 4 }), lost)).toEqual([]);
  });
});

describe('what a damaged database says against somebody', () => {
  const was = { suspicion: 1, findings: [], left: [], quarantines: 0, quarantinedUntil: 0, banned: false };
  it.each<[string, Salvage, Salvage, Salvage]>([
    [
      'a revocation',
      { 'client/a': { revoked: true, enrolled: 9 } },
      { 'client/a': { enrolled: 9 } },
      { 'client/a': { revoked: true } },
    ],
    [
      'a longer quarantine',
      { 'client/a': { quarantinedUntil: 9 } },
      { 'client/a': { quarantinedUntil: 4 } },
      { 'client/a': { quarantinedUntil: 9 } },
    ],
    ['a token that was used since', { 'token/t': { used: 3 } }, { 'token/t': { used: 1 } }, { 'token/t': { used: 3 } }],
    [
      'more suspicion',
      { 'monitor/a': { ...was, suspicion: 2 } },
      { 'monitor/a': was },
      { 'monitor/a': { ...was, suspicion: 2 } },
    ],
    [
      'nothing in its favour',
      { 'client/a': { revoked: false, quarantinedUntil: 0 }, 'monitor/a': { ...was, suspicion: 0 } },
      { 'client/a': { revoked: true, quarantinedUntil: 4 }, 'monitor/a': was },
      {},
    ],
    [
      'nothing that is no such row',
      { 'client/a': { quarantinedUntil: 'x', blamed: 7 }, 'monitor/a': { suspicion: 9 } },
      {},
      {},
    ],
  ])('%s', (_, from, over, expected) => expect(stricter(from, over)).toEqual(expected));
});
