// Lies that show only when shares or the sum are opened, through real client code over real sockets. Everyday: those that show at once
// (test/simulations/protocol-attacks.test.ts), and all of them against the round machine alone (test/protocol, test/sketch).

import { describe, expect, it } from 'vitest';
import { type Actor, nameOf, out, play, proven } from '../simulations/liars.js';

const MINUTE = 60_000;

describe('clients that break the protocol', () => {
  it(
    'whose lie shows only when the sum is opened make the round void, and are banned by what they signed, all at once',
    async () => {
      const actors: readonly Actor[] = [
        { round: 1, clients: [1, 2, 3], attack: '{ kind: sketch-collusion, boost: 4 }' },
        { round: 2, clients: [7, 8, 9], attack: '{ kind: sketch-collusion, boost: 4, drop: true }' },
        { round: 2, clients: [6], attack: '{ kind: sketch-lie, claim: honest, boost: 30 }' },
        { round: 2, clients: [0], attack: '{ kind: sketch-lie, claim: mask }' },
        { round: 2, clients: [4], attack: '{ kind: vector-abuse, abuse: half-ring }' },
      ];
      const { rounds } = await play(actors, 2);
      // Three that help each other stay within the bound, which counts on them: nobody can be named, and the sum is theirs, too.
      expect(rounds[0]).toMatchObject({ void: false, attempts: 1, excluded: [], monitor: [] });
      expect(rounds[0]?.survivors).toHaveLength(20);
      expect(rounds[1]?.void).toBe(true);
      expect(rounds.map(proven)).toEqual([
        {},
        // 7: the masks of its two helpers, who left, were rebuilt, and are not what it had signed.
        Object.fromEntries([0, 4, 6, 7].map((client) => [nameOf(client), 'SKETCH_LIE'])),
      ]);
      // The peer of the lie about one mask is left out, and blamed for nothing.
      expect(out(rounds[1])).toEqual({ 'client-01': 'SKETCH_MISMATCH' });
      expect(rounds[1]?.dropped.map(({ client, phase }) => [client, phase])).toEqual([
        ['client-08', 'sketch'],
        ['client-09', 'sketch'],
      ]);
    },
    8 * MINUTE,
  );

  it(
    'and deal wrong shares: to all, and the attempt is repeated without them; of another secret, and the round is void',
    async () => {
      const actors: readonly Actor[] = [
        { round: 1, clients: [10], attack: '{ kind: wrong-shares, to: all }' },
        { round: 1, clients: [5], attack: '{ kind: wrong-shares, to: commitment }' },
      ];
      const { rounds } = await play(actors, 1, 5_000);
      expect(rounds.map(proven)).toEqual([{ 'client-05': 'ROUND_LYING_COMMITMENT', 'client-10': 'ROUND_BAD_SHARES' }]);
      expect(rounds[0]).toMatchObject({ void: true, attempts: 2, excluded: [] });
    },
    8 * MINUTE,
  );
});
