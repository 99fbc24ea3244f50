// A client that lies alone about its sketch (protocol.md §7). Not here: liars that help each other (sketch-collusion.ts).

import type { AttackOf } from './attack.js';
import { maskOffset, type SketchView, victimsOf } from './place.js';
import { requirePositive } from './require.js';
import { scale } from './vectors.js';

/**
 * `honest`: the sketch of the update it should have sent, beside one that is `boost` times too long. `mask`: p_ij of one honest
 * peer; one of the pair has to go, and the rebuilt mask shows who lied. `masks`: all p_ij; it disagrees with everybody. `size`: a
 * section that is too short. `unsigned`: a signature of something else.
 */
export interface SketchLie {
  readonly claim: 'honest' | 'mask' | 'masks' | 'size' | 'unsigned';
  /** Factor on the update, which is then not clipped; absent: 1, clipped. */
  readonly boost?: number;
}

export function sketchLie({ claim, boost = 1 }: SketchLie): AttackOf<'protocol'> {
  requirePositive('boost', boost);
  return {
    name: `sketch lie (${claim})${boost === 1 ? '' : ` ×${boost}`}`,
    knows: 'protocol',
    clips: boost === 1,
    ...(boost !== 1 && { corrupt: (update: Float32Array) => scale(update, boost) }),
    sketch: (view) => falsified(claim, view),
    ...(claim === 'unsigned' && {
      tamper: (message, { random }) =>
        message.kind === 'sketch' ? [{ ...message, signature: random.bytes(message.signature.length) }] : [message],
    }),
  };
}

async function falsified(claim: SketchLie['claim'], view: SketchView): Promise<Uint8Array> {
  const { place, rows, clean, project } = view;
  const section = view.section.slice();
  const words = new Uint32Array(section.buffer);
  switch (claim) {
    case 'honest':
      words.set(new Uint32Array((await project(clean, 'honest')).slice().buffer));
      return section;
    case 'mask': {
      const [victim] = victimsOf(place);
      if (victim === undefined) return section;
      const at = maskOffset(place, victim, rows);
      words[at] = (words[at] ?? 0) + 1;
      return section;
    }
    case 'masks':
      for (let i = rows; i < words.length; i++) words[i] = (words[i] ?? 0) ^ 1;
      return section;
    case 'size':
      return section.slice(0, -4);
    case 'unsigned':
      return section;
    default:
      return claim satisfies never;
  }
}
