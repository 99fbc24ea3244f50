// One round of four clients, one of them lost in R3, in which all randomness comes from a fixed generator: its frames are frozen in
// test/golden/round-n4.json. Runtime-neutral on purpose (no node:, no Buffer), so that a browser can bundle and replay it too.
// Not a test, and nothing that is safe to use outside of one: the generator is public.

import { enc } from '../../protocol/crypto/enc.js';
import { identityOf } from '../../protocol/crypto/identity.js';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import type { OpenKeystream, Primitives, Rng } from '../../protocol/crypto/primitives.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { toHex } from '../../protocol/ids.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import { signed } from '../../protocol/secagg/encode.js';
import { Arena, newMember } from './arena.js';
import { dropAt, gridUpdate, taskOf, WEAK_POLICY } from './tasks.js';

export { portablePrimitives } from '../../protocol/crypto/portable.js';

/** SHA-256 of (who, counter), cut to length: the same bytes everywhere. */
function fixedRng(primitives: Primitives, who: string): Rng {
  let counter = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = primitives.sha256(enc('not random', who, counter++));
      out.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return out;
  };
}

export interface Transcript {
  /** In the order of sending: `0 up <hex>` is a frame of client 0, `0 down <hex>` one to it. */
  readonly frames: readonly string[];
  /** The opened sum, in grid steps. */
  readonly sum: readonly number[];
  readonly survivors: readonly string[];
  /** Hash of the round's transcript. */
  readonly transcript: string;
}

/** Plays the round. The result does not depend on whose primitives, key streams or kernels are handed in. */
export function replay(
  primitives: Primitives,
  open: OpenKeystream = portableKeystream,
  kernels: Kernels = jsKernels,
): Transcript {
  const rngOf = (who: number | 'coordinator') => fixedRng(primitives, `rng of ${who}`);
  const identity = (who: string) => identityOf(primitives, new Secret(fixedRng(primitives, `identity of ${who}`)(32)));
  const config = taskOf({ size: 4, dimension: 6 });
  const frames: string[] = [];
  const members = [0, 1, 2, 3].map((i) =>
    newMember(identity(String(i)), gridUpdate(config.dimension, i), 1, WEAK_POLICY),
  );
  const arena = new Arena(
    {
      config,
      members,
      coordinator: identity('coordinator'),
      wire: true,
      frame: (direction, client, frame) => {
        frames.push(`${client} ${direction} ${toHex(frame)}`);
      },
      tamper: dropAt(new Map([[3, 'masked']])),
    },
    { primitives, open, kernels, rngOf },
  );
  const { result, sums, failure } = arena.start().run();
  if (result === undefined) throw new Error(`the frozen round failed: ${failure?.text}`);
  const [group] = result.groups;
  const [sum = new Uint16Array()] = sums.values();
  return {
    frames,
    sum: Array.from(sum, (word) => signed(word, 16)),
    survivors: group?.survivors ?? [],
    transcript: result.transcript,
  };
}
