// Following a coordinator to a new key: what a client accepts, what it remembers, and where it keeps what it had. Not here: the bytes and
// signatures (test/protocol/hand-over.test.ts), real coordinators (test/store/hand-over.test.ts).
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../client/emitter.js';
import { emptyGuard, type GuardStore, memoryGuards } from '../../client/guards.js';
import { follow, type Trusted } from '../../client/hand-over.js';
import type { ClientEvents } from '../../client/options.js';
import { type HandOver, handOverBytes, makeHandOver } from '../../protocol/chain/hand-over.js';
import { answerWith } from '../../protocol/crypto/asking.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { Published, ScriptedCoordinator, taskOf } from './coordinator.js';
import { start } from './harness.js';
import { settle } from './virtual-timers.js';

const TASK = 'digits';
const fresh = (): Identity => generateIdentity(nativePrimitives, nativeRng);
const [first, second, third, thief] = [fresh(), fresh(), fresh(), fresh()];
const give = (old: Identity, next: Identity, round = 1, task = TASK): HandOver =>
  makeHandOver(nativePrimitives, task, old, next, { round, head: new Uint8Array(32).fill(round) });

interface Shown {
  readonly by: Identity;
  readonly handOvers?: readonly HandOver[];
  readonly pinned?: Identity;
  readonly guards?: GuardStore;
  readonly keyChange?: 'signed' | 'refuse';
  readonly changed?: string[];
}
function shown({ by, handOvers, pinned, guards = memoryGuards(), keyChange, changed = [] }: Shown): Promise<Trusted> {
  const events = new Emitter<ClientEvents>();
  events.on('keyChanged', ({ from, to }) => changed.push(from, to));
  const setup = {
    task: TASK,
    policy: keyChange === undefined ? {} : { keyChange },
    guards,
    primitives: nativePrimitives,
    answerer: (question: Parameters<typeof answerWith>[1]) => answerWith(nativePrimitives, question),
    events,
  };
  return follow(setup, by.publicKey, handOvers && handOverBytes(handOvers), pinned?.publicKey);
}
const refusal = (text: RegExp) => ({ code: 'AUTH_HAND_OVER', message: expect.stringMatching(text) });

describe('a client that is shown hand-overs', () => {
  it('follows from its pin to the key that is there, over as many as there are, and keeps its things under the first', async () => {
    const changed: string[] = [];
    const guards = memoryGuards();
    const trusted = await shown({
      by: third,
      handOvers: [give(first, second), give(second, third, 4)],
      pinned: first,
      guards,
      changed,
    });
    expect(trusted).toMatchObject({ key: third.publicKey, name: first.id });
    expect(changed).toEqual([first.id, third.id]);
    // Whoever still names an older key means the newest, and nobody is asked for that.
    for (const pinned of [first, second, third])
      expect(await shown({ by: pinned, guards })).toMatchObject({ key: third.publicKey, name: first.id });
  });

  it('follows in two steps as in one, and in the middle of the lineage from where its pin is', async () => {
    const guards = memoryGuards();
    await shown({ by: second, handOvers: [give(first, second)], pinned: first, guards });
    const lineage = [give(first, second), give(second, third, 4)];
    expect(await shown({ by: third, handOvers: lineage, pinned: second, guards })).toMatchObject({ name: first.id });
    expect((await shown({ by: third, handOvers: lineage, pinned: second })).key).toEqual(third.publicKey);
  });

  it.each<[string, Shown, RegExp]>([
    ['by somebody to whom they do not lead', { by: thief, handOvers: [give(first, second)] }, /end at/],
    ['that start elsewhere', { by: third, handOvers: [give(second, third)] }, /do not come from the pinned key/],
    ['signed by a thief', { by: second, handOvers: [{ ...give(thief, second), from: first.publicKey }] }, /not signed/],
    ['of another task', { by: second, handOvers: [give(first, second, 1, 'other')] }, /not signed by both/],
    ['that go back', { by: first, handOvers: [give(first, second), give(second, first)] }, /goes back/],
    ['of no bytes', { by: second, handOvers: [] }, /cannot be read/],
    ['that its policy does not take', { by: second, handOvers: [give(first, second)], keyChange: 'refuse' }, /refuse/],
    [
      'under a policy misspelt',
      { by: second, handOvers: [give(first, second)], keyChange: 'no' as never },
      /takes none/,
    ],
  ])('%s, refuses, names the remedy, and remembers nothing', async (_, what, says) => {
    const guards = memoryGuards();
    await expect(shown({ ...what, pinned: first, guards })).rejects.toMatchObject(refusal(says));
    await expect(shown({ ...what, pinned: first, guards })).rejects.toMatchObject(refusal(/ask its operator/));
    expect(await shown({ by: first, guards })).toMatchObject({ key: first.publicKey, name: first.id });
  });

  it('a second hand-over of the old key is refused, and so is the way back that the new key signs', async () => {
    const guards = memoryGuards();
    await shown({ by: second, handOvers: [give(first, second)], pinned: first, guards });
    const fork = { by: thief, handOvers: [give(first, thief)], guards };
    await expect(shown({ ...fork, pinned: second })).rejects.toMatchObject(refusal(/do not come from the pinned/));
    await expect(shown({ ...fork, pinned: first })).rejects.toMatchObject(refusal(/has handed over to .* before/));
    const back = { by: first, handOvers: [give(second, first)], guards, pinned: second };
    await expect(shown(back)).rejects.toMatchObject(refusal(/given up before/));
  });

  it('who is given the new key by hand takes it whatever the policy says, and goes on with what it has of the old one', async () => {
    const guards = memoryGuards();
    await guards.save(first.id, { ...emptyGuard(TASK), round: 4, attempt: 1 });
    const changed: string[] = [];
    const given: Shown = { by: second, handOvers: [give(first, second)], pinned: second, guards, keyChange: 'refuse' };
    expect(await shown({ ...given, changed })).toMatchObject({ key: second.publicKey, name: first.id });
    expect(changed).toEqual([]);
    // Without a word of it next time: what was linked stays so, or the coordinator could make its clients forget.
    expect(await shown({ by: second, guards })).toMatchObject({ key: second.publicKey, name: first.id });
    expect(await shown({ by: first, guards })).toMatchObject({ key: second.publicKey, name: first.id });
  });

  it('who has begun under a key goes on under it: no counter is exchanged for another', async () => {
    const guards = memoryGuards();
    await guards.save(second.id, { ...emptyGuard(TASK), round: 4, attempt: 1 });
    const lineage = [give(first, second), give(second, third, 4)];
    expect(await shown({ by: second, handOvers: lineage.slice(0, 1), pinned: second, guards })).toMatchObject({
      name: second.id,
    });
    expect(await shown({ by: third, handOvers: lineage, pinned: second, guards })).toMatchObject({ name: second.id });
  });

  it('a store that fails anywhere on the way leaves a pin on the way, and never another name for what it keeps', async () => {
    for (let fails = 1; ; fails++) {
      const guards = memoryGuards();
      let pins = 0;
      const broken: GuardStore = {
        ...guards,
        pin: async (name, key) => {
          if (++pins === fails) throw new Error('no space');
          return guards.pin(name, key);
        },
      };
      const handOvers = [give(first, second), give(second, third, 4)];
      const whole = await shown({ by: third, handOvers, pinned: first, guards: broken }).then(
        () => true,
        () => false,
      );
      const { key, name } = await shown({ by: first, guards });
      expect(name).toBe(first.id);
      if (!whole) expect([first.id, second.id, third.id]).toContain(Buffer.from(key).toString('hex'));
      // Asked once more it is through.
      expect(await shown({ by: third, handOvers, pinned: first, guards })).toMatchObject({ name: first.id });
      if (whole) break;
    }
  });
});

describe('the client at a coordinator with a new key', () => {
  const meet = (guards: GuardStore, give: (to: Identity) => HandOver) => {
    const coordinator = new ScriptedCoordinator();
    const { identity } = coordinator;
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello'
        ? session.challenge(identity, message, { handOvers: handOverBytes([give(identity)]) })
        : honest();
    return start({ coordinatorSide: coordinator, guards, coordinator: first.publicKey });
  };

  it('pins it before it says a word to its holder, and tells the host', async () => {
    const guards = memoryGuards();
    const { coordinator, seen, client } = await meet(guards, (to) => give(first, to));
    const { id, publicKey } = coordinator.identity;
    expect(coordinator.session.received.map(({ kind }) => kind).slice(0, 2)).toEqual(['hello', 'proof']);
    expect(seen.keyChanged).toEqual([{ from: first.id, to: id }]);
    expect(seen.connected[0]?.coordinator).toBe(id);
    expect(await shown({ by: first, guards })).toMatchObject({ key: publicKey });
    await client.stop();
  });

  it('refuses a forged one for good, without a proof', async () => {
    const { coordinator, result } = await meet(memoryGuards(), (to) => ({ ...give(thief, to), from: first.publicKey }));
    expect(await result).toMatchObject({ code: 'AUTH_HAND_OVER' });
    expect(coordinator.session.received.map(({ kind }) => kind)).toEqual(['hello', 'fault']);
  });
});

describe('the model chain across a hand-over', () => {
  /** A client that pinned the first key, at a coordinator with another one, whose chain the first key has begun. */
  const across = async (
    prepare: (published: Published, next: Identity) => void,
    at: (published: Published) => Pick<HandOver, 'round' | 'head'>,
  ) => {
    const coordinator = new ScriptedCoordinator();
    const { identity } = coordinator;
    coordinator.published = new Published(first, taskOf());
    prepare(coordinator.published, identity);
    const handOver = makeHandOver(nativePrimitives, TASK, first, identity, at(coordinator.published));
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello'
        ? session.challenge(identity, message, { handOvers: handOverBytes([handOver]) })
        : honest();
    const harness = await start({ coordinatorSide: coordinator, coordinator: first.publicKey });
    const announce = async (round: number): Promise<void> => {
      coordinator.session.send(coordinator.announce({ round, attempt: 1, group: 0 }));
      await settle();
    };
    const refused = (calls: number, why: RegExp): void => {
      expect(harness.seen.guard).toMatchObject([{ code: 'GUARD_MODEL_CHAIN', text: expect.stringMatching(why) }]);
      expect(harness.trainer.calls).toHaveLength(calls);
    };
    return { ...harness, announce, refused, published: coordinator.published, next: identity };
  };
  const newest = ({ newest: { round }, head }: Published) => ({ round, head });

  it('the old key has signed up to the record that is named, the new one behind it', async () => {
    const { announce, published, next, seen, trainer, client } = await across((chain) => void chain.advance(1), newest);
    await announce(2);
    published.identity = next;
    for (const round of [2, 3]) published.advance(round);
    await announce(4);
    expect(seen.guard).toEqual([]);
    expect(trainer.calls).toHaveLength(2);
    expect(trainer.calls[1]?.weights).toEqual(published.weights);
    await client.stop();
  });

  it('I sign the next record with the old key, and nobody trains on it', async () => {
    const { announce, refused, published, client } = await across((chain) => void chain.advance(1), newest);
    await announce(2);
    published.advance(2);
    await announce(3);
    refused(1, /not signed by the pinned coordinator/);
    await client.stop();
  });

  it('I sign the record before it with the new key, and nobody trains on it', async () => {
    const early = (chain: Published, next: Identity): void => {
      chain.identity = next;
      chain.advance(1);
    };
    const { announce, refused, client } = await across(early, newest);
    await announce(2);
    refused(0, /not signed by the pinned coordinator/);
    await client.stop();
  });

  it('I go on beside the record that the hand-over names, and nobody trains on it', async () => {
    const { announce, refused, published, next, client } = await across(
      () => undefined,
      () => ({ round: 1, head: new Uint8Array(32) }),
    );
    await announce(1);
    published.identity = next;
    published.advance(2);
    await announce(3);
    refused(1, /leaves out record/);
    await client.stop();
  });
});
