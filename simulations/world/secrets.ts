// Watches a client's protocol machine for secrets that outlive their run: every Secret and mask key that its states hold is collected,
// and must be wiped in the step that ends the run. Not here: vectors (engines.ts), what the driver holds (client-node.ts).

import type { MachineStep, ParticipantMachine } from '../../client/machine.js';
import { Secret } from '../../protocol/crypto/secret.js';

/** Parts of a state that hold nothing secret, or (the identity) what must outlive a run. */
const PUBLIC: ReadonlySet<string> = new Set([
  'joined',
  'keys',
  'shares',
  'masked',
  'peers',
  'bookDigest',
  'complaints',
]);

/** @param kept told of a run that ended with a secret of its own still readable */
export function watchedMachine(inner: ParticipantMachine, kept: (text: string) => void): ParticipantMachine {
  const found = new Map<object, () => boolean>();
  const look = (step: MachineStep<unknown>): MachineStep<unknown> => {
    collect(step.state, found);
    if (step.effects.some(({ type }) => type === 'ended')) {
      const left = [...found.values()].filter((readable) => readable()).length;
      if (left > 0) kept(`${left} of ${found.size} secrets can still be read`);
      found.clear();
    }
    return step;
  };
  const started = (step: MachineStep<unknown>): MachineStep<unknown> => {
    // A refused announcement makes no secrets and ends nothing: the run that was going on goes on.
    if (step.effects.some(({ type }) => type === 'guard')) return step;
    // Whatever run came before was given up by the driver, which drops its state: nothing of it can be reached any more.
    found.clear();
    return look(step);
  };
  const watch = (step: MachineStep<unknown> | Promise<MachineStep<unknown>>, then: typeof look) =>
    step instanceof Promise ? step.then(then) : then(step);
  return {
    start: (setup) => watch(inner.start(setup), started),
    step: (state, event) => watch(inner.step(state, event), look),
  };
}

function collect(value: unknown, found: Map<object, () => boolean>): void {
  if (typeof value !== 'object' || value === null || found.has(value)) return;
  if (value instanceof Secret) found.set(value, () => !value.wiped);
  else if (value instanceof Map) for (const inner of value.values()) collect(inner, found);
  else if (!(value instanceof Uint8Array)) {
    for (const [key, inner] of Object.entries(value)) {
      if (PUBLIC.has(key)) continue;
      if (/Key$|^key$/.test(key) && inner instanceof Uint8Array)
        found.set(inner, () => inner.some((byte) => byte !== 0));
      else collect(inner, found);
    }
  }
}
