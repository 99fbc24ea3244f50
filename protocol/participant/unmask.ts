// R5 and R6 at the client: sign one pair of survivor sets, then open one share per peer for exactly these sets. Guard 1 of
// protocol.md §6 (never both) lives here. Not here: rebuilding secrets (round/phases/unmask.ts).

import { setsStatement } from '../context.js';
import { sign, verify } from '../crypto/asking.js';
import type { Rank } from '../ids.js';
import type { Opened, Survivors, UnmaskRequest } from '../wire/messages.js';
import { debit } from './accounts.js';
import { end, stopBy } from './ending.js';
import { type AskingStep, type In, type ParticipantStep, stay } from './state.js';

export function* onSurvivors(s: In<'masked' | 'sketching' | 'sketched'>, { u3, u4, excluded }: Survivors): AskingStep {
  const { joined, u2 } = s;
  const { gctx, rank, derived, run, identity } = joined;
  const wrong = (text: string) => stopBy(s, 'GUARD_SETS', text);
  if ('challenge' in s && !sameSet(u3, s.challenge.u3))
    return wrong('U3 is not the one that the sketches were asked for');
  if (!isSubset(u3, u2)) return wrong('U3 names a member that dealt no shares');
  if (!isSubset(u4, u3)) return wrong('U4 names a member that sent no masked input');
  if (u4.length < derived.threshold)
    return wrong(`${u4.length} survivors are below the threshold ${derived.threshold}`);
  if (u4.length < derived.survivorFloor)
    return stopBy(
      s,
      'GUARD_PRIVACY',
      `${u4.length} survivors are below the floor of ${derived.survivorFloor}: their noise is less than the task promises`,
    );
  const left = u3.filter((member) => !u4.includes(member));
  if (excluded.length !== left.length || excluded.some(({ rank: member }, at) => member !== left[at]))
    return wrong('the excluded members are not those between U3 and U4');
  // Left out is no attack: the input came too late, or was excluded with a reason. Its b is never opened by us.
  if (!u4.includes(rank))
    return end(s, 'contributed', excluded.find((one) => one.rank === rank)?.code ?? 'ROUND_TOO_LATE');
  const signature = yield* sign(identity, setsStatement(gctx, u3, u4));
  return {
    state: { ...s, phase: 'agreed', u3, u4 },
    effects: [{ type: 'send', message: { kind: 'consistent', run, signature } }],
  };
}

/** One pair of sets per run: the same again is an echo, another one an attack. */
export const onSecondSurvivors = (s: In<'agreed'>, { u3, u4 }: Survivors): ParticipantStep =>
  sameSet(u3, s.u3) && sameSet(u4, s.u4)
    ? stay(s)
    : stopBy(s, 'GUARD_SETS', 'a second, different pair of survivor sets');

export function* onUnmaskRequest(s: In<'agreed'>, { signatures }: UnmaskRequest): AskingStep {
  const { joined, u2, u3, u4 } = s;
  const { gctx, roster, derived, run } = joined;
  const statement = setsStatement(gctx, u3, u4);
  const signers = new Set<Rank>();
  for (const { rank, signature } of signatures) {
    const member = roster[rank];
    if (member === undefined || !u4.includes(rank) || !(yield* verify(member, statement, signature)))
      return stopBy(s, 'GUARD_CONSISTENCY', `rank ${rank} did not sign these survivor sets`);
    signers.add(rank);
  }
  if (signers.size < derived.threshold)
    return stopBy(
      s,
      'GUARD_CONSISTENCY',
      `${signers.size} signatures on the survivor sets are below the threshold ${derived.threshold}`,
    );
  const alive = new Set(u4);
  const opened: Opened[] = u2.flatMap((of): Opened[] => {
    const held = s.held.get(of);
    if (held === undefined) return []; // its box did not open; this client complained in time
    return [
      alive.has(of)
        ? { of, type: 'b', share: held.b.exposeSecret().slice(), salt: held.salt }
        : { of, type: 's', share: held.s.exposeSecret().slice(), salt: held.salt },
    ];
  });
  const guard = { ...joined.guard, answered: run.round };
  return end(s, 'answered', undefined, [
    // The flag is durable before the first share leaves: after a crash this client refuses to answer again.
    { type: 'persist', guard },
    { type: 'send', message: { kind: 'unmask', run, opened } },
    ...debit(joined, (accounts) => accounts.afterUnmask(joined, u4.length)).effects,
  ]);
}

export const isSubset = (inner: readonly Rank[], outer: readonly Rank[]): boolean =>
  new Set(inner).size === inner.length && inner.every((rank) => outer.includes(rank));
export const sameSet = (a: readonly Rank[], b: readonly Rank[]): boolean =>
  a.length === b.length && a.every((rank, i) => rank === b[i]);
