// What a client's own protocol machine knows when something of it is about to leave, and how it signs a lie so that the lie is its
// own. For attacks on the protocol. Not here: the attacks, the machine that hands this out (../fleet/hostile-machine.ts).

import {
  complaintStatement,
  keysStatement,
  maskedStatement,
  setsStatement,
  sharesStatement,
  sketchStatement,
} from '../../protocol/context.js';
import { merkleRoot } from '../../protocol/crypto/merkle.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { Rank } from '../../protocol/ids.js';
import { shareLeaves } from '../../protocol/secagg/shares.js';
import { vectorHash } from '../../protocol/wire/chunks.js';
import type { ClientRoundMessage, RunRef } from '../../protocol/wire/messages.js';
import type { Random } from '../random.js';

/** A client's place in one run. Sets are empty until the coordinator has said them; ranks ascend. */
export interface Place {
  readonly run: RunRef;
  readonly gctx: Uint8Array;
  readonly rank: Rank;
  readonly u1: readonly Rank[];
  readonly u2: readonly Rank[];
  readonly u3: readonly Rank[];
  readonly u4: readonly Rank[];
  /** Of the sketch challenge; empty before. */
  readonly nonce: Uint8Array;
  /** Others of its conspiracy that are in its group. */
  readonly conspirators: readonly Rank[];
  readonly primitives: Primitives;
  /** With its own identity: all it can sign with. */
  readonly sign: (statement: Uint8Array) => Uint8Array;
}

export interface MessageView {
  readonly random: Random;
  readonly place: Place;
}

export interface SketchView extends MessageView {
  /** v as k words of 32 bits, then p_ij as k words for each other member of U2, ascending. A copy: it may be written into. */
  readonly section: Uint8Array;
  /** k. */
  readonly rows: number;
  /** Its clean update of the round. */
  readonly clean: Float32Array;
  /**
   * Clean updates of the conspirators that sent their inputs in its group, itself among them, in the order of the fleet; only its own
   * where the attack does not conspire.
   */
  readonly colluders: readonly { readonly rank: Rank; readonly update: Float32Array }[];
  /**
   * A·q of any update: k signed words. `honest` as an honest client would encode its own, with the rounding of this run; `agreed`
   * unclipped and with a rounding that all conspirators share, so that each of them finds the same.
   */
  readonly project: (update: Float32Array, as: 'honest' | 'agreed') => Promise<Int32Array>;
}

/** Members of the group that are not in the conspiracy. */
export const victimsOf = ({ u1, u2, rank, conspirators }: Place): readonly Rank[] =>
  (u2.length > 0 ? u2 : u1).filter((one) => one !== rank && !conspirators.includes(one));

/** Where p_ij of `peer` starts in a section, in words. */
export function maskOffset({ u2, rank }: Place, peer: Rank, rows: number): number {
  return rows * (1 + u2.filter((one) => one !== rank).indexOf(peer));
}

/** The same message with a signature that fits what it says now. Messages without one are as they were. */
export function resigned<M extends ClientRoundMessage>(message: M, place: Place): M {
  const statement = statementOf(message, place);
  return statement === undefined ? message : { ...message, signature: place.sign(statement) };
}

function statementOf(message: ClientRoundMessage, place: Place): Uint8Array | undefined {
  const { gctx, rank, primitives, u1, u3, u4, nonce } = place;
  switch (message.kind) {
    case 'keys':
      return keysStatement(gctx, rank, message.channel, message.mask);
    case 'shares':
      return sharesStatement(gctx, rank, message.commitB, merkleRoot(primitives, shareLeaves(u1, rank, message)));
    case 'complaint':
      return complaintStatement(gctx, rank, message.dealers);
    case 'masked':
      return maskedStatement(gctx, rank, vectorHash(primitives, message.bytes, message.chunks), message.u2);
    case 'sketch':
      return sketchStatement(gctx, rank, nonce, primitives.sha256(message.section));
    case 'consistent':
      return setsStatement(gctx, u3, u4);
    case 'plain':
    case 'inputChunk':
    case 'unmask':
      return undefined;
    default:
      return message satisfies never;
  }
}
