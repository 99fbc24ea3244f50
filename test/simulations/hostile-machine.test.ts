// The machine of an attacker, step by step where only a deadline would end a real round: what is withheld never leaves, what is off
// changes nothing, and every kind of attack can be named by a file.

import { describe, expect, it } from 'vitest';
import type { ParticipantMachine } from '../../client/machine.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { ParticipantEffect } from '../../protocol/participant/types.js';
import { type AttackSpec, createAttack } from '../../simulations/attacks/spec.js';
import { parseSimulationConfig } from '../../simulations/config.js';
import { hostileMachine, noInsight } from '../../simulations/fleet/hostile-machine.js';
import { Random } from '../../simulations/random.js';
import { CATALOGUE } from '../../simulations/redteam/catalogue.js';
import type { Tamper } from '../protocol/arena.js';
import { makeMembers, taskOf, World } from '../protocol/world.js';
import { quick } from './quick.js';

/** A real client's state when it signs the survivors, and all that it has sent until then. */
function agreed() {
  const config = taskOf({ size: 8, colluders: 1 });
  const members = makeMembers(config);
  let state: unknown;
  const watch: Tamper = {
    toCoordinator: (from, message) => {
      if (from === 0 && message.kind === 'consistent') state = members[0]?.state;
      return [message];
    },
  };
  new World({ config, members, tamper: watch }).start().run();
  const sent = (members[0]?.effects ?? []).filter(({ type }) => type === 'send' || type === 'upload');
  return { state, sent };
}
const attacker = (spec: AttackSpec, effects: readonly ParticipantEffect[], state: unknown) => {
  const inner: ParticipantMachine = {
    start: () => ({ state, effects }),
    step: () => ({ state, effects }),
  };
  const options = {
    attack: createAttack(spec),
    rank: 0,
    allies: [],
    draws: (round: number) => Random.fromSeed('machine').fork(round),
  };
  return hostileMachine(options, noInsight(), nativePrimitives, inner);
};
const kinds = (effects: readonly ParticipantEffect[]) =>
  effects.map((effect) => (effect.type === 'send' ? effect.message.kind : effect.type));

describe('the machine of an attacker', () => {
  const { state, sent } = agreed();
  it('that says nothing in a phase sends neither the announcement nor the chunks, and all else', async () => {
    expect(kinds(sent)).toEqual(['keys', 'shares', 'masked', 'upload', 'consistent', 'unmask']);
    const silent = attacker({ kind: 'dropout-abuse', phase: 'masked', how: 'silent' }, sent, state);
    expect(kinds((await silent.step(state, { type: 'gone' })).effects)).toEqual([
      'keys',
      'shares',
      'consistent',
      'unmask',
    ]);
  });
  it('whose attack is off is the real one', async () => {
    const during: AttackSpec = { kind: 'during', from: 2, attack: { kind: 'equivocation', of: 'masked' } };
    expect((await attacker(during, sent, state).step(state, { type: 'gone' })).effects).toEqual(sent);
    const on = attacker({ kind: 'equivocation', of: 'masked' }, sent, state);
    expect(kinds((await on.step(state, { type: 'gone' })).effects).filter((kind) => kind === 'masked')).toHaveLength(2);
  });
  it('draws from the seed: the same lie twice', async () => {
    const lie = async () =>
      (await attacker({ kind: 'equivocation', of: 'keys' }, sent, state).step(state, { type: 'gone' })).effects;
    expect(await lie()).toEqual(await lie());
    expect(await lie()).toHaveLength(sent.length + 1);
  });
});

describe('every attack of the catalogue', () => {
  const entries = Object.entries(CATALOGUE);
  it.each(entries)('%s can be named by a file and is what it says', (_, { example }) => {
    const text = quick({ rounds: 3 }).replace(
      'malicious: { count: 1, attack: { kind: sign-flip, boost: 30 } }',
      `malicious: { count: 3, attack: ${JSON.stringify(example)} }`,
    );
    expect(text).toContain('count: 3');
    expect(parseSimulationConfig(text, 'quick').fleet.malicious[0]?.attack).toEqual(example);
  });
});
