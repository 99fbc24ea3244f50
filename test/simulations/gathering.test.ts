// Omniscience out of band: who is waited for, who is shown what, and that nobody waits for ever. Not here: the pipes between processes
// (red-team.test.ts runs them).

import { describe, expect, it } from 'vitest';
import type { AttackSpec } from '../../simulations/attacks/index.js';
import { Gathering, Mail, type Others } from '../../simulations/fleet/gathering.js';

const IPM: AttackSpec = { kind: 'ipm', epsilon: 1 };
const PARTIAL: AttackSpec = { kind: 'alie', z: 1, knowledge: 'partial' };
const FLIP: AttackSpec = { kind: 'sign-flip', boost: 2 };
const update = (client: number): Float32Array => Float32Array.of(client);

/** Six clients in two groups: 0-2 and 3-5. */
function arrange(
  conspiracies: readonly { spec: AttackSpec; clients: readonly number[] }[],
  absent: readonly number[] = [],
) {
  const shared: Others[] = [];
  const gathering = new Gathering({
    conspiracies,
    absent: (round, client) => round === 1 && absent.includes(client),
    share: (others) => shared.push(others),
  });
  gathering.begin(1, 1, new Map([5, 4, 3, 2, 1, 0].map((client) => [client, client < 3 ? 0 : 1])));
  return { gathering, shared, train: (client: number) => gathering.trained(client, 1, 1, update(client)) };
}

describe('an omniscient conspiracy', () => {
  it('is shown every honest update in the order of the fleet, once all of them are there', () => {
    const { gathering, shared, train } = arrange([{ spec: IPM, clients: [1, 4] }]);
    expect(gathering.listens).toBe(true);
    for (const client of [5, 1, 0, 3, 4]) train(client);
    expect(shared).toEqual([]);
    train(2);
    expect(shared).toHaveLength(1);
    expect(shared[0]?.honest.map(({ client, group }) => [client, group])).toEqual([
      [0, 0],
      [2, 0],
      [3, 1],
      [5, 1],
    ]);
    expect(shared[0]?.conspirators.map(({ client }) => client)).toEqual([1, 4]);
  });

  it('waits for nobody who leaves, by the script or without it', () => {
    const { gathering, shared, train } = arrange([{ spec: IPM, clients: [1] }], [0]);
    for (const client of [1, 2, 3]) train(client);
    gathering.gone(4);
    expect(shared).toEqual([]);
    gathering.gone(5);
    expect(shared[0]?.honest.map(({ client }) => client)).toEqual([2, 3]);
  });

  it('is not shown what other attackers send: to it they do not exist', () => {
    const { shared, train } = arrange([
      { spec: IPM, clients: [1] },
      { spec: FLIP, clients: [2] },
    ]);
    for (const client of [0, 1, 3, 4, 5]) train(client);
    expect(shared).toHaveLength(1);
    expect(shared[0]?.honest.map(({ client }) => client)).toEqual([0, 3, 4, 5]);
  });

  it('hears nothing of an attempt that is over', () => {
    const { gathering, shared, train } = arrange([{ spec: IPM, clients: [1] }]);
    gathering.begin(1, 2, new Map([0, 1].map((client) => [client, 0])));
    train(0);
    train(1);
    expect(shared).toEqual([]);
    gathering.trained(0, 1, 2, update(0));
    gathering.trained(1, 1, 2, update(1));
    expect(shared).toMatchObject([{ attempt: 2 }]);
  });
});

describe('conspirators with partial knowledge', () => {
  it('see each other and nobody honest, and honest clients need not tell', () => {
    const { gathering, shared, train } = arrange([{ spec: PARTIAL, clients: [1, 4] }]);
    expect(gathering.listens).toBe(false);
    train(4);
    expect(shared).toEqual([]);
    train(1);
    expect(shared[0]).toMatchObject({ honest: [], conspirators: [{ client: 1 }, { client: 4 }] });
  });

  it('do not wait for those who are honest this round', () => {
    const spec: AttackSpec = { kind: 'sybil', of: { kind: 'label-flip', mode: 'shift' }, joinEvery: 3 };
    const { gathering, shared, train } = arrange([{ spec, clients: [1, 4] }]);
    train(1);
    expect(shared[0]?.conspirators.map(({ client }) => client)).toEqual([1]);
    gathering.begin(4, 1, new Map([0, 1, 4].map((client) => [client, 0])));
    gathering.trained(1, 4, 1, update(1));
    expect(shared).toHaveLength(1);
    gathering.trained(4, 4, 1, update(4));
    expect(shared[1]?.conspirators.map(({ client }) => client)).toEqual([1, 4]);
  });
});

describe('the mail of a process', () => {
  const others: Others = { conspiracy: 0, members: [], round: 2, attempt: 1, honest: [], conspirators: [] };

  it('reaches whoever waits, and whoever asks later', async () => {
    const mail = new Mail();
    const waiting = mail.wait(0, 2, 1);
    mail.deliver(others);
    expect(await waiting).toBe(others);
    expect(await mail.wait(0, 2, 1)).toBe(others);
  });

  it('lets nobody wait for an attempt that has ended', async () => {
    const mail = new Mail();
    const end = new AbortController();
    const waiting = mail.wait(0, 2, 1, end.signal);
    end.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'TRAIN_ABORTED' });
    await expect(mail.wait(0, 3, 1, end.signal)).rejects.toMatchObject({ code: 'TRAIN_ABORTED' });
  });
});
