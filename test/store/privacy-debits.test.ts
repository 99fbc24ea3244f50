// What a coordinator has spent of its clients' privacy outlives it: each prefix of its log is what some crash leaves, and none of them
// makes ε smaller than what had left by then. Real clients, real noise, real lmdb. Not here: prices (test/privacy), when the campaign
// debits (test/server/budget.test.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { EMPTY_COHORT, replay } from '../../protocol/privacy/cohort-ledger.js';
import { createCurves, eventsInForce, openReservations } from '../../protocol/privacy/ledger.js';
import { price } from '../../protocol/privacy/price.js';
import type { Json } from '../../protocol/task.js';
import { debitsOf } from '../../server/audit/debits.js';
import { exportAudit, openExport } from '../../server/audit/export.js';
import { applyChange, project } from '../../server/audit/project.js';
import { verifyAudit } from '../../server/audit/verify.js';
import { openData } from '../../server/data/open.js';
import type { AuditEvent } from '../../server/store/types.js';
import { privateTask } from '../privacy/tasks.js';
import { live } from './life.js';

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
function restartedOn(events: readonly AuditEvent[]): { epsilon: number; open: number } {
  const rows = new Map<string, Json>();
  for (const event of events) for (const change of project(rows, event)) applyChange(rows, change);
  const cohort = [...replay(EMPTY_COHORT, debitsOf(rows), curves).values()];
  const epsilons = cohort.map((own) => price(eventsInForce(own), 1e-5, { accountant: 'rdp', curves }).epsilon);
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
    if (spend?.delta === 1e-5) expect(spend.epsilon).toBeCloseTo(epsilon, 12);
    expect(spend?.epsilon).toBeGreaterThan(before);
  }, 60_000);
});
