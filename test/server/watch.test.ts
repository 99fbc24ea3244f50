// What the monitor is told of clients that were left out: broken rules are on record, the speed of a line is not.
// Not here: judging (monitor.test.ts), the way from a socket to the report (monitor-path.test.ts).

import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { Watch } from '../../server/driver/watch.js';
import { taskOf } from '../protocol/world.js';

const IDS = Array.from({ length: 8 }, (_, i) => i.toString(16).padStart(64, '0') as ClientId);
const [FIRST = '' as ClientId] = IDS;

/** Rounds in which the first client was cut off with this code. @returns signals that the monitor saw of it, and its quarantines */
function rounds(count: number, code: ErrorCode) {
  const watch = new Watch(taskOf({ size: IDS.length, dimension: 10 }));
  const events = Array.from({ length: count }, (_, i) =>
    watch.round(
      {
        round: i + 1,
        attempts: 1,
        outcome: { type: 'committed' },
        cohort: IDS,
        groups: [{ id: 0, members: IDS }],
        survivors: IDS.slice(1),
        dropped: [],
        excluded: [{ client: FIRST, phase: 'shares', code }],
        voidedGroups: [],
        seconds: 1,
        bytesUp: 0,
        bytesDown: 0,
        selection: 'none',
        rule: [],
        privacy: 'none',
        modelHash: '' as Hash,
      },
      undefined,
    ),
  ).flatMap(({ monitor }) => monitor);
  return {
    signals: events.flatMap((event) => (event.type === 'observe' ? [event.finding.signal] : [])),
    quarantines: events.filter(({ type }) => type === 'quarantine').length,
    left: watch.state.clients.get(FIRST)?.left,
  };
}

describe('a client that was cut off', () => {
  it('for a rule it broke, three rounds in a row, is quarantined on its record', () => {
    expect(rounds(3, 'ROUND_BAD_SIGNATURE')).toMatchObject({
      signals: ['offence', 'offence', 'offence'],
      quarantines: 1,
    });
  });
});
