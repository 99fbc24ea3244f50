// Primitives that remember which signatures they have checked: in one process, n clients check the same statements n times. A pure
// function, so nothing else changes. For simulations. Not here: the checking (protocol/native).

import type { Primitives } from '../../protocol/crypto/primitives.js';
import { toHex } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';

/** A key checks few statements in a world; beyond this all are forgotten. */
const MOST = 20_000;

export function rememberingPrimitives(): Primitives {
  const known = new Map<string, boolean>();
  return {
    ...nativePrimitives,
    verify(publicKey, message, signature) {
      const name = toHex(publicKey) + toHex(signature) + toHex(nativePrimitives.sha256(message));
      let holds = known.get(name);
      if (holds === undefined) {
        holds = nativePrimitives.verify(publicKey, message, signature);
        if (known.size >= MOST) known.clear();
        known.set(name, holds);
      }
      return holds;
    },
  };
}
