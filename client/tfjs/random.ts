// Generators for what training may draw: initial weights, the order of examples, which examples. Statistical quality only.
// Not here: anything secret. Keys, masks, rounding and noise have their own generators in protocol/.

import type { Rng } from '../../protocol/crypto/primitives.js';

/** Uniform in [0, 1). Every function of client/tfjs that needs chance takes one of these; nothing calls Math.random. */
export type Random = () => number;

/** A 32-bit hash of the parts, for spreading seeds; not collision resistant. Murmur3's finaliser over code points. */
function mix(parts: readonly (string | number)[]): number {
  let h = 0x9e3779b9;
  for (const unit of parts.map((part) => `${typeof part}:${part}`).join('|')) {
    h = Math.imul(h ^ (unit.codePointAt(0) ?? 0), 0xcc9e2d51);
    h = (h << 13) | (h >>> 19);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The same parts give the same sequence on every machine: sfc32 (C. Doty-Humphrey, PractRand), integers only, 32 bits a draw.
 * Different parts give unrelated sequences for the purposes of training.
 */
export function seededRandom(...parts: readonly (string | number)[]): Random {
  let a = mix([...parts, 'a']) | 0;
  let b = mix([...parts, 'b']) | 0;
  let c = mix([...parts, 'c']) | 0;
  let counter = 1;
  const next = (): number => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return (out >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}

/** The sequence as bytes: stands in for the CSPRNG where a simulation must repeat. Such a run makes no privacy claim. */
export function seededBytes(...parts: readonly (string | number)[]): Rng {
  const random = seededRandom(...parts);
  return (length) => {
    const bytes = new Uint8Array(length);
    const words = new DataView(bytes.buffer);
    const end = length - (length % 4);
    for (let at = 0; at < end; at += 4) words.setUint32(at, random() * 2 ** 32);
    for (let at = end; at < length; at++) bytes[at] = random() * 256;
    return bytes;
  };
}

/** A sequence nobody can repeat, seeded by the system's generator. For runs outside simulation. */
export function systemRandom(): Random {
  return seededRandom(...crypto.getRandomValues(new Uint32Array(4)));
}

/** Puts the first `count` places of `order` into a uniformly random arrangement of all of it. Fisher-Yates, in place. */
export function shuffle(order: Uint32Array, random: Random, count = order.length): void {
  const last = Math.min(count, order.length - 1);
  for (let i = 0; i < last; i++) {
    const j = i + Math.floor(random() * (order.length - i));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
}
