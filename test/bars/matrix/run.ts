// Bar 6 (operations.md §7): every case of message × phase × defect on a real coordinator over real sockets. Each must leave the state as it
// was, end with its close code, be told its error code and stand in the audit log as exactly one event; and the round in which it
// happens must give the exact sum of its survivors. What breaks no rule is played as well, must leave no event, and is counted apart.
// Not here: the cases (cases.ts), the rounds (world.ts).

import { createHash } from 'node:crypto';
import { weightsFromBytes } from '../../../protocol/chain/model.js';
import { hashOf } from '../../../protocol/ids.js';
import { generator } from '../random.js';
import { type Case, cases, harmless } from './cases.js';
import { MatrixWorld, MEMBERS, type Player } from './world.js';

export interface MatrixOptions {
  /** How many of the cases, drawn by the seed; 0: all of them, in their order. */
  readonly cases: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface MatrixResult {
  readonly seed: number;
  /** Cases that there are, and those that were played. */
  readonly generated: number;
  readonly played: number;
  /** Of those that were played: hostile or mistaken ones, each with its one event, and those that break no rule and have none. */
  readonly hostile: number;
  readonly harmless: number;
  /** By what must follow. */
  readonly byCode: Readonly<Record<string, number>>;
  readonly byEvent: Readonly<Record<string, number>>;
  readonly byClose: Readonly<Record<string, number>>;
  readonly failed: readonly string[];
  readonly ok: boolean;
}

export async function matrixBar({ cases: count, seed, say }: MatrixOptions): Promise<MatrixResult> {
  const all = cases();
  const random = generator(seed);
  const order = all.map((one) => ({ one, at: random() })).sort((a, b) => a.at - b.at);
  const chosen = count === 0 ? all : order.slice(0, count).map(({ one }) => one);
  const failed: string[] = [];
  const tally = (of: (one: Case) => string | number): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const one of chosen) counts[of(one)] = (counts[of(one)] ?? 0) + 1;
    return counts;
  };
  let world = await MatrixWorld.open();
  try {
    for (const [n, one] of chosen.entries()) {
      try {
        const wrong = await within(CASE_MS, play(world, one));
        if (wrong.length > 0) failed.push(`${one.name}: ${wrong.join('; ')}`);
      } catch (error) {
        failed.push(`${one.name}: ${error instanceof Error ? error.message : error}`);
        // A round that hangs would take every case behind it along.
        await world.close();
        world = await MatrixWorld.open();
      }
      if (n % 100 === 99) say(`${n + 1} of ${chosen.length} cases, ${failed.length} failed`);
    }
  } finally {
    await world.close();
  }
  return {
    seed,
    generated: all.length,
    played: chosen.length,
    hostile: chosen.filter((one) => !harmless(one)).length,
    harmless: chosen.filter(harmless).length,
    byCode: tally(({ expected }) => expected.code),
    byEvent: tally(({ expected }) => expected.event),
    byClose: tally(({ expected }) => expected.close),
    failed: failed.slice(0, 20),
    ok: failed.length === 0,
  };
}

/** A case takes some milliseconds; what it waits for in vain must not stop all the others. */
const CASE_MS = 25_000;

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing more happened for ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Long enough for an event that should not be there. */
const QUIET_MS = 3;

/** @returns what did not hold */
async function play(world: MatrixWorld, one: Case): Promise<string[]> {
  const wrong: string[] = [];
  const fourth = world.player(3);
  const run = await world.holdAt(one.phase, fourth);
  const attacker = one.role === 'member' ? fourth : await outsider(world, one);
  const { client } = attacker;
  await settled(world);
  const seq = world.store.head()?.seq ?? 0;
  const before = stateOf(world, attacker);
  const heard = world.honest.map((player) => player.client.received.length);

  const { code, close, event } = one.expected;
  const told = code === 'none' ? undefined : client.next('fault', (fault) => fault.code === code);
  const material = { run, own: world.held(fourth), peer: world.said, before: world.before };
  for (const deed of one.deeds(material)) {
    if (deed === 'revoke me') void world.coordinator.access.revoke(attacker.id, 'the bar', 'a case');
    else if (deed === 'credit')
      await world.until('credit', () => client.received.some((m) => m.kind === 'credit' && m.run.round === run.round));
    else if (deed instanceof Uint8Array || typeof deed === 'string') client.raw(deed);
    else client.send(deed);
  }
  if (close === 'stays') {
    await told;
    // What it said before this was answered has been heard.
    const answer = client.next('chain');
    client.send({ kind: 'wantChain', task: 'test', after: new Uint8Array(0) });
    await answer;
  } else {
    const closed = await client.closed;
    if (closed !== close) wrong.push(`closed with ${closed}, expected ${close}`);
    // A frame that ws itself refuses is answered by its close code alone.
    if (close !== 1009 && code !== 'none' && !client.received.some((m) => m.kind === 'fault' && m.code === code))
      wrong.push(
        `was told ${client.received.flatMap((m) => (m.kind === 'fault' ? [m.code] : [])).join() || 'nothing'}`,
      );
  }
  await settled(world);
  if (stateOf(world, attacker) !== before) wrong.push('the state has changed');
  world.honest.forEach((player, i) => {
    const more = player.client.received.slice(heard[i]).map(({ kind }) => kind);
    if (more.length > 0) wrong.push(`an honest member was told ${more.join()}`);
  });

  const stays = close === 'stays';
  const ownSaid = one.expected.code === 'none';
  const others = one.role === 'member' ? world.honest : [...world.honest, fourth];
  // Who has said its own part as part of the case does not say it again, but for the chunks that belong to it.
  const rest = stays && one.role === 'member' ? [...others, fourth] : others;
  const deeds = harmless(one) ? one.deeds(material) : [];
  const said = new Set(deeds.flatMap((deed) => (typeof deed === 'object' && 'kind' in deed ? [deed.kind] : [])));
  const report = await world.release(rest, (player, { kind }) => player === fourth && said.has(kind));
  await settled(world);

  const after = world.events(seq);
  const named = after.filter(({ type, body }) => type === 'client-offended' && body.client === attacker.id);
  const revoked = after.filter(({ type, body }) => type === 'client-revoked' && body.client === attacker.id);
  const countedAs = (kind: string): string[] =>
    after.filter(({ type }) => type === kind).map(({ body }) => `${body.code} ${body.count}`);
  const others0 = after.filter(({ type, body }) => type === 'client-offended' && body.client !== attacker.id);
  const expected = {
    named: event === 'client-offended' ? [`${code} 1`] : [],
    revoked: event === 'client-revoked' ? 1 : 0,
    strangers: event === 'auth-failed' ? [`${code} 1`] : [],
    refused: event === 'messages-refused' ? [`${code} 1`] : [],
  };
  const events = {
    named: named.map(({ body }) => `${body.code} ${body.count}`),
    revoked: revoked.length,
    strangers: countedAs('auth-failed'),
    refused: countedAs('messages-refused'),
  };
  if (JSON.stringify(events) !== JSON.stringify(expected))
    wrong.push(`events ${JSON.stringify(events)}, expected ${JSON.stringify(expected)}`);
  if (others0.length > 0) wrong.push('somebody honest stands in the log');

  wrong.push(...judgeRound(world, one, report, [...world.honest, fourth], stays || one.role !== 'member' || ownSaid));
  if (!client.closes.length) await world.leave(attacker);
  if (attacker !== fourth) await world.leave(fourth);
  await world.until(
    'everybody but the honest to have left',
    () => world.coordinator.admin.status().connected < MEMBERS,
  );
  return wrong;
}

/** The sum is exactly that of the survivors, and those are whom they must be. */
function judgeRound(
  world: MatrixWorld,
  { phase }: Case,
  { outcome, survivors, round }: Awaited<ReturnType<MatrixWorld['release']>>,
  players: readonly Player[],
  fourthStays: boolean,
): string[] {
  if (outcome.type !== 'committed') return [`the round came to nothing: ${outcome.code}`];
  // From R5 on the sets are fixed: what the attacker has put in stays in.
  const expected = fourthStays || phase === 'consistency' || phase === 'unmask' ? players : players.slice(0, -1);
  const ids = expected.map(({ id }) => id).sort();
  if (JSON.stringify([...survivors].sort()) !== JSON.stringify(ids)) return [`${survivors.length} survivors`];
  const record = world.coordinator.chain().at(-1);
  if (record?.round !== round) return ['no record of the round'];
  const dimension = expected[0]?.update.length ?? 0;
  const aggregate = weightsFromBytes(world.store.blob(hashOf(record.aggregate)), dimension);
  const exact = aggregate.every((value, k) => {
    const sum = expected.reduce((total, { update }) => total + (update[k] ?? Number.NaN), 0);
    return value === Math.fround(sum / expected.length);
  });
  return exact ? [] : ['the sum is not that of the survivors'];
}

async function outsider(world: MatrixWorld, { role }: Case): Promise<Player> {
  const player = world.player(9);
  const { client } = player;
  if (role === 'spectator') {
    await client.join();
    await world.until('it to be in the pool', () => world.coordinator.admin.status().checkedIn === MEMBERS + 1);
    return player;
  }
  await client.open();
  if (role === 'stranger') return player;
  const next = role === 'challenged' ? client.next('challenge') : client.next('welcome');
  if (role === 'challenged') client.mute = true;
  client.hello();
  await next;
  return player;
}

/** Everything that outlives a moment, but for what is kept of the attacker itself: a hash. */
function stateOf({ coordinator, store }: MatrixWorld, attacker: Player): string {
  const { phase, round, attempt, hold } = coordinator.admin.status();
  const hash = createHash('sha256').update(JSON.stringify([phase, round, attempt, hold]));
  for (const [key, value] of store.range('')) if (!key.includes(attacker.id)) hash.update(`${key}\n`).update(value);
  for (const record of coordinator.chain()) hash.update(record.signature);
  return hash.update(new Uint8Array(coordinator.model().buffer)).digest('hex');
}

/** Writes that are under way are done. */
async function settled(world: MatrixWorld): Promise<void> {
  let seq = -1;
  while (seq !== (world.store.head()?.seq ?? 0)) {
    seq = world.store.head()?.seq ?? 0;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}
