// What follows for the round when a client's connection ends because of what it did. Not here: what a connection is cut for
// (back-pressure.test.ts, session.test.ts), what the monitor makes of it (watch.test.ts).

import { describe, expect, it } from 'vitest';
import { clientId } from '../../protocol/ids.js';
import type { CampaignEvent } from '../../server/campaign/types.js';
import { MemoryChainStore } from '../../server/chain/memory-store.js';
import { clientHandlers } from '../../server/driver/clients.js';
import type { Connection } from '../../server/driver/connection.js';
import type { Connections } from '../../server/driver/connections.js';
import type { ClientNotice } from '../../server/driver/options.js';
import type { Reporter } from '../../server/driver/reporter.js';
import type { RoundRunner } from '../../server/driver/round-runner.js';

const CLIENT = clientId(new Uint8Array(32).fill(1));
const nothing = (): void => {};

/** A member of a running round is cut off for `code`. */
function cutFor(code: 'TRANSPORT_SLOW' | 'SESSION_FLOOD') {
  const done: string[] = [];
  const notices: ClientNotice[] = [];
  const connection = {} as Connection;
  const handlers = clientHandlers({
    connections: { of: () => connection, ended: () => CLIENT } as Partial<Connections> as Connections,
    store: new MemoryChainStore(),
    reporter: { offence: () => void done.push('reported') } as Partial<Reporter> as Reporter,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    now: () => 0,
    runner: () =>
      ({
        ban: () => void done.push('banned'),
        gone: () => void done.push('gone'),
      }) as Partial<RoundRunner> as RoundRunner,
    campaign: ({ type }: CampaignEvent) => void done.push(type),
    notify: (notice) => notices.push(notice),
    heard: nothing,
    enrol: nothing,
    verify: nothing,
    durably: (work) => work(),
  });
  handlers.offence(connection, { client: CLIENT, code, text: 'cut' });
  handlers.ended(connection);
  return { done, noticed: notices.map(({ type }) => type) };
}

describe('a member of a running round that is cut off', () => {
  it('for breaking the protocol is out of this attempt, and sits out the others of the round', () => {
    expect(cutFor('SESSION_FLOOD').done).toEqual(['reported', 'banned', 'offended', 'gone', 'left']);
  });

  it('for its slow line has lost its connection, and no more: it may come back and go on; it is still told of', () => {
    const { done, noticed } = cutFor('TRANSPORT_SLOW');
    expect(done).toEqual(['gone', 'left']);
    expect(noticed).toEqual(['offence', 'left']);
  });
});
