// The protocol machine of an attacker: the real one, whose messages an attack may rewrite, double or withhold before they leave. It
// also notes its client's place in the run, which lies in R4 need. Not here: updates and vectors (hostile.ts), the attacks.

import { type ParticipantMachine, participantMachine } from '../../client/machine.js';
import { answerWith, secretOf } from '../../protocol/crypto/asking.js';
import { bytesEqual } from '../../protocol/crypto/enc.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { ParticipantState } from '../../protocol/participant/state.js';
import type { ParticipantEffect } from '../../protocol/participant/types.js';
import type { Place } from '../attacks/place.js';
import type { Others } from './gathering.js';
import { type HostileOptions, isOn } from './hostile.js';

/** What the parts of one attacker know of the round together. */
export interface Insight {
  place: Place | undefined;
  /** Public keys of its group in rank order. */
  roster: readonly Uint8Array[];
  /** Its clean update of the round. */
  clean: Float32Array | undefined;
  /** What its conspiracy was shown. */
  others: Others | undefined;
}
export const noInsight = (): Insight => ({ place: undefined, roster: [], clean: undefined, others: undefined });

export function hostileMachine(
  options: Pick<HostileOptions, 'attack' | 'rank' | 'draws' | 'allies'>,
  insight: Insight,
  primitives: Primitives,
  inner: ParticipantMachine = participantMachine((question) => answerWith(primitives, question)),
): ParticipantMachine {
  const { attack, draws, allies } = options;
  const note = (state: unknown): void => {
    // safe: `inner` is the real machine, or one that wraps it
    const joined = joinedOf(state as ParticipantState, primitives);
    if (joined === undefined) return; // ended: the message that ends a run still belongs to the place before
    const { place, roster } = joined;
    const others = allies.flatMap((id) => {
      const rank = roster.findIndex((member) => bytesEqual(member, id));
      return rank < 0 || rank === place.rank ? [] : [rank];
    });
    insight.place = { ...place, conspirators: others.sort((a, b) => a - b) };
    insight.roster = roster;
  };
  const rewritten = (effects: readonly ParticipantEffect[]): ParticipantEffect[] => {
    const { place } = insight;
    if (place === undefined || attack.tamper === undefined || !isOn(options, place.run.round)) return [...effects];
    const random = draws(place.run.round).fork('messages');
    let withheld = false;
    return effects.flatMap((effect): ParticipantEffect[] => {
      // Chunks of an input that was never announced would give the silence away.
      if (effect.type === 'upload') return withheld ? [] : [effect];
      if (effect.type !== 'send') return [effect];
      const messages = attack.tamper?.(effect.message, { place, random: random.fork(effect.message.kind) }) ?? [];
      withheld ||= messages.length === 0;
      return messages.map((message) => ({ type: 'send', message }));
    });
  };
  return {
    async start(setup) {
      const { state, effects } = await inner.start(setup);
      note(state);
      return { state, effects: rewritten(effects) };
    },
    async step(before, event) {
      const { state, effects } = await inner.step(before, event);
      note(state);
      return { state, effects: rewritten(effects) };
    },
  };
}

function joinedOf(state: ParticipantState, primitives: Primitives) {
  if (!('joined' in state)) return undefined;
  const { run, gctx, rank, roster, identity } = state.joined;
  return {
    roster,
    place: {
      run,
      gctx,
      rank,
      u1: 'u1' in state ? state.u1 : [],
      u2: 'u2' in state ? state.u2 : [],
      u3: 'u3' in state ? state.u3 : 'challenge' in state ? state.challenge.u3 : [],
      u4: 'u4' in state ? state.u4 : [],
      nonce: 'challenge' in state ? state.challenge.nonce : new Uint8Array(),
      primitives,
      sign: (statement: Uint8Array) => primitives.sign(secretOf(identity), statement),
    },
  };
}
