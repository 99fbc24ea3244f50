// What a log says about the standing of clients: bans, revocations and quarantines stand beside each other. Not here: `sotto clients` as a
// command (everyday.test.ts), a running coordinator (http/).

import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../protocol/canonical-json.js';
import type { ClientId } from '../../protocol/ids.js';
import type { Json } from '../../protocol/task.js';
import type { Fact } from '../../server/audit/events.js';
import type { AuditExport } from '../../server/audit/export.js';
import { lookAtLog } from '../../server/cli/look/from-log.js';
import type { AuditEvent } from '../../server/store/types.js';
import { taskOf } from '../protocol/tasks.js';

const ONE = '1'.repeat(64);
const act = { client: ONE, by: 'anna', reason: 'a test' };
const REVOKED = { type: 'client-revoked', body: act } as const;
const READMITTED = { type: 'client-readmitted', body: act } as const;
const BANNED = { type: 'client-banned', body: { client: ONE, round: 1, says: 'a test' } } as const;
const QUARANTINED = { type: 'client-quarantined', body: { client: ONE, round: 1, until: 9, says: 'a test' } } as const;
const appealed = (granted: boolean) =>
  ({ type: 'client-appealed', body: { client: ONE, round: 1, granted, says: 'a test' } }) as const;

async function standing(facts: readonly Fact[]): Promise<readonly [string, number | null]> {
  const config = canonicalJson(taskOf({ size: 4 }) as unknown as Json);
  const all: Fact[] = [{ type: 'task-created', body: { task: 'test', config, coordinator: ONE } }, ...facts];
  const events = all.map((fact, i) => ({ ...fact, seq: i + 1, prevHash: '', time: i }) as unknown as AuditEvent); // safe: nothing checks the chain here
  const log: AuditExport = {
    coordinator: ONE as ClientId,
    events: (async function* () {
      yield* events;
    })(),
    head: () => undefined,
    blob: () => undefined,
  };
  const [client] = (await lookAtLog(log)).clients;
  return [client?.status ?? 'nobody', client?.until ?? null];
}

describe('a client', () => {
  it.each<[string, readonly Fact[], string, number | null]>([
    ['revoked', [REVOKED], 'revoked', null],
    ['revoked and readmitted', [REVOKED, READMITTED], 'active', null],
    ['banned, revoked and readmitted', [BANNED, REVOKED, READMITTED], 'banned', null],
    ['quarantined while it is revoked, then readmitted', [REVOKED, QUARANTINED, READMITTED], 'quarantined', 9],
    ['quarantined, revoked, readmitted', [QUARANTINED, REVOKED, READMITTED], 'quarantined', 9],
    [
      'quarantined, whose appeal is granted while it is revoked',
      [QUARANTINED, REVOKED, appealed(true), READMITTED],
      'active',
      null,
    ],
    ['quarantined, whose appeal is refused', [QUARANTINED, appealed(false)], 'quarantined', 9],
  ])('%s', async (_, facts, status, until) => {
    expect(await standing(facts)).toEqual([status, until]);
  });
});
