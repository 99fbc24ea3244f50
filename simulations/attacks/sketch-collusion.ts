// Colluders that share the sketch of one long update between them: the first sends it, and each takes a part of it into its own v.
// They lie about the masks that they have with each other, so every check still holds, and the sum of the sketches is true. What is
// left to see is each one's norm: this is the attack that the bound of docs/verified-sketches.md counts on, at its strongest.
// Not here: lies of one client (sketch-lie.ts).

import type { AttackOf, OwnView } from './attack.js';
import { maskOffset, type SketchView } from './place.js';
import { requirePositive } from './require.js';
import { scale } from './vectors.js';

export interface SketchCollusion {
  /** Factor on the update of the first, not clipped. */
  readonly boost: number;
  /** All but the first leave when the sketches are asked for: their masks are rebuilt, and prove what the first has signed. */
  readonly drop?: boolean;
}

export function sketchCollusion({ boost, drop = false }: SketchCollusion): AttackOf<'protocol'> {
  requirePositive('boost', boost);
  return {
    name: `sketch collusion ×${boost}${drop ? ', the others drop' : ''}`,
    knows: 'protocol',
    clips: false,
    conspires: true,
    // What all know of the first is its clipped update; it sends a multiple of exactly that.
    corrupt: (update, { at, colluders }: OwnView) => (at === 0 ? scale(colluders[0] ?? update, boost) : update.slice()),
    sketch: (view) => shared(view, boost),
    ...(drop && { leaves: (_: number, rank: number) => (rank > 0 ? 'sketch' : undefined) }),
  };
}

/**
 * With δ a share of A·q of the first: v_first − δ for each other, v_j + δ, and p of the two moved by ±δ so that check 3 holds for
 * both: y = q + self + Σ ±m gives v + Σ ±p for any δ.
 */
async function shared(view: SketchView, boost: number): Promise<Uint8Array> {
  const { place, rows, colluders } = view;
  const section = view.section.slice();
  const words = new Uint32Array(section.buffer);
  const [first, ...others] = colluders;
  if (first === undefined || others.length === 0) return section;
  const total = await view.project(scale(first.update, boost), 'agreed');
  const share = total.map((word) => Math.trunc(word / colluders.length));
  const isFirst = place.rank === first.rank;
  for (const peer of isFirst ? others.map(({ rank }) => rank) : [first.rank]) {
    const at = maskOffset(place, peer, rows);
    for (const [row, delta] of share.entries()) {
      const moved = isFirst ? -delta : delta;
      words[row] = (words[row] ?? 0) + moved;
      words[at + row] = (words[at + row] ?? 0) + (peer > place.rank ? -moved : moved);
    }
  }
  return section;
}
