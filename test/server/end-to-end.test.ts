// A whole coordinator over loopback: real sockets, real crypto, real masks; only the training is a fixed vector.
// Not here: the machines alone (campaign.test.ts, session.test.ts, test/protocol), the real client (test/client).

import { afterEach, describe, expect, it } from 'vitest';
import { taskOf } from '../protocol/world.js';
import { arrange, meanOf } from './setting.js';

describe('a round over real sockets', () => {
  it('gives exactly the mean of everybody when everybody stays', async () => {
    const setting = await arrange({ config: taskOf({ size: 8 }) });
    const result = await setting.run();
    expect(result.outcome).toEqual({ type: 'rounds', round: 1 });
    const [report] = result.rounds;
    expect(report?.survivors).toHaveLength(8);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
  });
});
