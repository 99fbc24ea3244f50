// The in-memory round of arena.ts on Node's crypto, with the tasks, members and oracles that the protocol tests share. Not a test.

import { randomBytes } from 'node:crypto';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { type ClientId, fromHex, type Hash } from '../../protocol/ids.js';
import { nativeKernels, nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { Words } from '../../protocol/secagg/encode.js';
import { deriveTask, type TaskConfig, WAITING_PHASES, type WaitingPhase } from '../../protocol/task.js';
import type { ClientRoundMessage, MessageOf } from '../../protocol/wire/messages.js';
import { Arena, type ArenaOptions, type Member, newMember, type Outcome, type Runtime } from './arena.js';
import { gridUpdate, WEAK_POLICY } from './tasks.js';

export type { ArenaOptions, Delivery, Member, Outcome, Tamper } from './arena.js';
export { dropAt, gridUpdate, taskOf, WEAK_POLICY } from './tasks.js';

/**
 * `verify` is a pure function, and in a world all members ask it the same questions: each answer is computed once, and by the
 * real thing. Signatures were half of the CPU time of the dropout matrix.
 */
function remembering(real: Primitives): Primitives {
  const known = new Map<string, boolean>();
  return {
    ...real,
    verify(publicKey, message, signature) {
      const key = Buffer.from(real.sha256(publicKey, signature, message)).toString('latin1');
      const before = known.get(key);
      if (before !== undefined) return before;
      if (known.size > 20_000) known.clear();
      const valid = signature.length === 64 && real.verify(publicKey, message, signature);
      known.set(key, valid);
      return valid;
    },
  };
}
export const primitives = remembering(nativePrimitives);
export const nativeRuntime: Runtime = {
  primitives,
  open: nativeKeystream,
  kernels: nativeKernels(),
  rngOf: () => nativeRng,
};

/** Long-term identities are the same in every world of a test file: making one costs as much as a signature. */
const identities: Identity[] = [];
function identityOf(i: number): Identity {
  while (identities.length <= i) identities.push(generateIdentity(primitives, nativeRng));
  return identities[i] as Identity;
}

export const makeMembers = (config: TaskConfig, count = config.group.size * config.group.count): Member[] =>
  Array.from({ length: count }, (_, i) =>
    newMember(identityOf(i), gridUpdate(config.dimension, i), i + 1, WEAK_POLICY),
  );
export const memberOf = (i: number, update: readonly number[], examples = 1): Member =>
  newMember(identityOf(i), update, examples, WEAK_POLICY);

const coordinator = generateIdentity(primitives, nativeRng);
export type WorldOptions = Omit<ArenaOptions, 'members'> & { readonly members?: readonly Member[] };

export class World extends Arena {
  constructor(options: WorldOptions, runtime: Partial<Runtime> = {}) {
    const members = options.members ?? makeMembers(options.config);
    super({ coordinator, ...options, members }, { ...nativeRuntime, ...runtime });
  }
}

/** The plain sum of the survivors' grid levels, as integers: what the opened sum must be, whatever the masks did. */
export function plainLevels(members: readonly Member[], survivors: readonly ClientId[]): number[] {
  const ids = new Set(survivors);
  const alive = members.filter((m) => ids.has(m.identity.id));
  const d = members[0]?.update.length ?? 0;
  return Array.from({ length: d }, (_, i) =>
    alive.reduce((sum, m) => sum + Math.round((m.update[i] as number) * 128), 0),
  );
}

/** Every opened group sum as signed integers. */
export const openedLevels = (sum: Words, ring: 16 | 24 | 32): number[] =>
  [...sum].map((word) => (word << (32 - ring)) >> (32 - ring));

/** Deterministic small generator for message orders and plans (mulberry32). Not for secrets. */
export function seeded(seed: number): (n: number) => number {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
export const randomHash = (): Hash => randomBytes(32).toString('hex') as Hash;
export const bytesOfHash = fromHex;

/** The same task with some phases kept open for at least a while, so that a test can act before they close. */
export const holding = (config: TaskConfig, phases: readonly WaitingPhase[], ms = 10): TaskConfig => ({
  ...config,
  windows: Object.fromEntries(
    WAITING_PHASES.map((phase) => {
      const { count, time } = config.windows[phase];
      return [phase, { count, time: phases.includes(phase) ? { ...time, min: ms } : time }];
    }),
  ) as TaskConfig['windows'],
});

/** Numbers (in the world) of the members behind ids. */
export const numbersOf = ({ members }: Outcome, ids: readonly ClientId[]): number[] =>
  ids.map((id) => members.findIndex((m) => m.identity.id === id));

/** Everything of one kind that a client sent, in order. */
export const sentBy = <K extends ClientRoundMessage['kind']>(m: Member | undefined, kind: K): MessageOf<K>[] =>
  (m?.effects ?? []).flatMap((e) => (e.type === 'send' && e.message.kind === kind ? [e.message as MessageOf<K>] : []));

/** Throws unless every group's opened sum is exactly the plain sum over exactly its survivors; gives their numbers, by group. */
export function exactSurvivors(world: Arena): number[][] {
  const outcome = world.outcome();
  const { encoding } = deriveTask(world.config);
  if (outcome.result === undefined) throw new Error(`no result: ${outcome.failure?.code} ${outcome.failure?.text}`);
  return outcome.result.groups.map(({ source, survivors, group }) => {
    const sum = outcome.sums.get(source.type === 'sum' ? source.accumulator : '') ?? new Uint32Array();
    const opened = openedLevels(sum, encoding.ring).slice(0, encoding.dimension);
    const plain = plainLevels(outcome.members, survivors);
    if (opened.length !== plain.length || opened.some((level, i) => level !== plain[i]))
      throw new Error(`group ${group}: the opened sum is not that of its survivors`);
    return numbersOf(outcome, survivors);
  });
}
