// Attacks on the bytes of an uploaded vector: what a hostile client sends when it does not care to be taken for an honest one.
// Hashes and signature fit the bytes, so that it is the content which must be refused. Not here: garbage frames (test/wire).

import type { AttackOf } from './attack.js';

/**
 * `nan`, `infinity`: every float32 of a plain update (profile `open`; under masks these bytes are ring elements like others).
 * `short`, `long`: one element too few, one too many. `ring`: uniform ring elements, the worst that masking lets through: the
 * group's sum becomes uniform over the ring, which is why the ring is the smallest that holds the sum. `half-ring`: half of the ring
 * on two coordinates. A projection that holds both of them or neither does not see it (R/2 + R/2 = 0); the masks do not hide it from
 * one that holds one of them (protocol.md §7).
 */
export type VectorAbuse = 'nan' | 'infinity' | 'short' | 'long' | 'ring' | 'half-ring';

/** Bytes of one float32. One element more or less makes a wrong length in every ring, too: 4 bytes are 2, 1⅓ or 1 elements. */
const FLOAT_BYTES = 4;

export function vectorAbuse(kind: VectorAbuse): AttackOf<'protocol'> {
  return {
    name: `vector abuse (${kind})`,
    knows: 'protocol',
    clips: true,
    upload: (vector, { random, encoding }) => {
      switch (kind) {
        case 'nan':
          return filled(vector, Number.NaN);
        case 'infinity':
          return filled(vector, Number.POSITIVE_INFINITY);
        case 'short':
          return vector.slice(0, -FLOAT_BYTES);
        case 'long': {
          const longer = new Uint8Array(vector.length + FLOAT_BYTES);
          longer.set(vector);
          return longer;
        }
        case 'ring':
          return random.bytes(vector.length);
        case 'half-ring':
          return halved(vector, encoding.ring / 8);
        default:
          return kind satisfies never;
      }
    },
  };
}

function filled(vector: Uint8Array, value: number): Uint8Array {
  const bytes = vector.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + FLOAT_BYTES <= bytes.length; at += FLOAT_BYTES) view.setFloat32(at, value, true);
  return bytes;
}

/** R/2 more on two coordinates far from each other: the top bit of a little-endian word. @param width bytes of a coordinate */
function halved(vector: Uint8Array, width: number): Uint8Array {
  const bytes = vector.slice();
  const coordinates = Math.floor(bytes.length / width);
  for (const coordinate of [0, coordinates >> 1]) {
    const top = coordinate * width + width - 1;
    bytes[top] = (bytes[top] ?? 0) ^ 0x80;
  }
  return bytes;
}
