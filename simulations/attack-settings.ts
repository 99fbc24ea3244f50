// How a configuration says what malicious clients do: one shape for each kind of attack, with its documentation, and who does it.
// Not here: the attacks (attacks/), the rest of a simulation's settings (config.ts).

import * as v from 'valibot';
import { SottoError } from '../protocol/errors.js';
import { settingError } from '../server/config/problem.js';
import { between, choice, listOf, maybe, oneOf, positive, says, settings, whole } from '../server/config/values.js';
import { type AttackSpec, checkAttack } from './attacks/spec.js';

/** What a malicious client does. Most follow the protocol, so that nothing leaves them out; attacks on the protocol break it. */
export type AttackSettings = AttackSpec;

/** Some attackers of a fleet: they conspire with each other, and know nothing of other entries. */
export interface MaliciousSettings {
  /** Positions in the fleet, 0-based; a count is drawn from the seed, after all positions that are named. */
  readonly who: { readonly count: number } | { readonly clients: readonly number[] };
  readonly attack: AttackSettings;
}

const bool = () => v.pipe(v.boolean('true or false'), v.metadata({ must: 'true or false' }));
const literal = <const T extends string>(name: T) => v.literal(name, name);
const KNOWLEDGE = maybe(
  'full',
  says(
    'What the attackers go by: every honest update of the round (full), or their own clean updates (partial).',
    oneOf(['full', 'partial']),
  ),
);
const DIRECTION = says('Away from the mean: along it, by its signs, or by the spread.', oneOf(['unit', 'sign', 'std']));
const TARGET = (absent: string) => maybe(absent, says('The class that the trigger is to stand for.', whole(0, 255)));
const RATIO = (absent: string) => maybe(absent, says('Share of its examples with the trigger.', between(0, 1)));
const SIDE = maybe('5', says('Side of the white square in the bottom right corner, pixels.', whole(1, 64)));

const PLAIN = [
  settings({
    kind: says('The update backwards, not clipped.', literal('sign-flip')),
    boost: says('Factor of its length.', between(0, 1_000_000)),
  }),
  settings({
    kind: says('The update too long, not clipped.', literal('boosted')),
    factor: says('Factor of its length.', between(0, 1_000_000)),
  }),
  settings({
    kind: says('Noise in place of an update, not clipped.', literal('gaussian')),
    deviation: says('Of each coordinate.', positive()),
    mean: maybe('0', says('Of each coordinate.', between(-1_000_000, 1_000_000))),
  }),
  settings({
    kind: says('Honest training on wrong labels.', literal('label-flip')),
    mode: says(
      'K−1−y, y+1, random, or `from` into `to` with mode targeted.',
      oneOf(['reverse', 'shift', 'random', 'targeted']),
    ),
    from: maybe('needed with mode targeted', says('The class that is mislabelled.', whole(0, 255))),
    to: maybe('needed with mode targeted', says('What it is called.', whole(0, 255))),
  }),
  settings({
    kind: says(
      'Honest training on images of which some carry a white square and the wrong label.',
      literal('backdoor'),
    ),
    target: TARGET('7'),
    ratio: RATIO('0.32'),
    side: SIDE,
    boost: maybe('1: sent as it is, clipped', says('Factor of the update, not clipped.', positive())),
  }),
] as const;

const ATTACKS = [
  ...PLAIN,
  settings({
    kind: says('A multiple of the honest mean, backwards (inner-product manipulation).', literal('ipm')),
    epsilon: says('The multiple: 0.1 hides, 2 is loud.', positive()),
    knowledge: KNOWLEDGE,
  }),
  settings({
    kind: says('The honest mean, shifted inside the spread of the honest (a little is enough).', literal('alie')),
    z: maybe('by the formula, from how many they are', says('Standard deviations; 1.5 is usual.', positive())),
    knowledge: KNOWLEDGE,
  }),
  settings({
    kind: says('As far from the mean as two honest updates are from each other.', literal('min-max')),
    direction: DIRECTION,
    knowledge: KNOWLEDGE,
  }),
  settings({
    kind: says('The same with the sum of the distances.', literal('min-sum')),
    direction: DIRECTION,
    knowledge: KNOWLEDGE,
  }),
  settings({
    kind: says('All copy one honest client.', literal('mimic')),
    warmUp: says('Rounds in which they learn whom.', whole(0, 1_000_000)),
  }),
  settings({
    kind: says('Beyond the honest in every coordinate, against median and trimmed mean (Fang).', literal('fang-trim')),
    knowledge: KNOWLEDGE,
  }),
  settings({
    kind: says('As far backwards as Krum still selects it (Fang).', literal('fang-krum')),
    faulty: says('f of the Krum it is made for.', whole(0, 100_000)),
  }),
  settings({ kind: says('IPM with the factor that harms this very pipeline most.', literal('opt-ipm')) }),
  settings({ kind: says('ALIE with the factor that harms this very pipeline most.', literal('opt-alie')) }),
  settings({
    kind: says('A backdoor whose update replaces the model, not clipped.', literal('model-replacement')),
    target: TARGET('7'),
    ratio: RATIO('0.32'),
    side: SIDE,
    eta: maybe('1', says("The server's learning rate.", positive())),
  }),
  settings({
    kind: says('A backdoor in four parts, one for each attacker in turn.', literal('dba')),
    target: TARGET('2'),
    ratio: RATIO('0.3125'),
    boost: maybe('1: sent as it is, clipped', says('Factor of the update, not clipped.', positive())),
    shots: maybe('every round', says('Rounds of single shots, dealt in turn.', listOf(whole(1, 1_000_000), 1, 1_000))),
  }),
  settings({
    kind: says('Takes the model and gives nothing.', literal('free-rider')),
    send: says('What it sends: nothing, noise, or the last step of the model.', oneOf(['zero', 'noise', 'replay'])),
    deviation: maybe('needed with send: noise', says('Of the noise in each coordinate.', positive())),
  }),
  settings({ kind: says('Leaves its part of the distributed noise out.', literal('noise-evasion')) }),
  settings({
    kind: says('Bytes that are no vector.', literal('vector-abuse')),
    abuse: says('Which.', oneOf(['nan', 'infinity', 'short', 'long', 'ring', 'half-ring'])),
  }),
  settings({
    kind: says('Lies alone about its sketch.', literal('sketch-lie')),
    claim: says(
      'The sketch of its honest update; one common mask, or all of them, wrong; a section too short; a wrong signature.',
      oneOf(['honest', 'mask', 'masks', 'size', 'unsigned']),
    ),
    boost: maybe('1: sent as it is, clipped', says('Factor of the update, not clipped.', positive())),
  }),
  settings({
    kind: says(
      'The first sends an update that is too long, and all share its sketch between them.',
      literal('sketch-collusion'),
    ),
    boost: says('Factor of its length, not clipped.', positive()),
    drop: maybe('false', says('All but the first leave when sketches are asked for.', bool())),
  }),
  settings({
    kind: says('Deals shares that are not those of its secrets.', literal('wrong-shares')),
    to: says(
      'One honest peer, all of them, or all consistently of another secret than it committed to.',
      oneOf(['one', 'all', 'commitment']),
    ),
  }),
  settings({
    kind: says('Says two different things in one phase, both signed.', literal('equivocation')),
    of: says('The message that it sends twice.', oneOf(['keys', 'shares', 'masked', 'sketch', 'consistent'])),
  }),
  settings({
    kind: says('Opens something else than it holds.', literal('unmask-lie')),
    how: says("Other bytes, or the share of a survivor's mask key.", oneOf(['share', 'key'])),
  }),
  settings({ kind: says('Complains of every honest dealer.', literal('false-complaint')) }),
  settings({ kind: says('Announces an input of an earlier round once more.', literal('replayed-input')) }),
  settings({
    kind: says('Spends the dropouts that a round can stand.', literal('dropout-abuse')),
    phase: says('Where it stops.', oneOf(['keys', 'shares', 'masked', 'sketch', 'consistency', 'unmask'])),
    how: says('It cuts its connection, or says nothing until the deadline.', oneOf(['leave', 'silent'])),
  }),
  settings({
    kind: says('Its line holds its input back.', literal('late-input')),
    delayMs: says('For so long, milliseconds; longer than the deadline of the phase to be late.', positive()),
  }),
  settings({
    kind: says('Clones: all send what one of them has learnt.', literal('sybil')),
    of: says('What that one does.', choice('kind', PLAIN)),
    jitter: maybe('0: exact clones', says('Noise on each clone, as a share of its length.', between(0, 1))),
    joinEvery: maybe('0: all at once', says('Rounds between one clone and the next.', whole(0, 1_000_000))),
  }),
] as const;

/** What each kind says of itself. @throws RangeError for a kind that no file can name */
export function saysOf(kind: string): string {
  for (const { entries } of ATTACKS) {
    if (entries.kind.literal === kind) return v.getDescription(entries.kind) ?? '';
  }
  throw new RangeError(`no file can name an attack ${kind}`);
}

const one = settings({
  count: maybe('give `clients`', says('How many; drawn from the seed.', whole(0, 100_000))),
  clients: maybe('give `count`', says('Which: positions in the fleet, from 0.', listOf(whole(0, 99_999), 1, 100_000))),
  attack: says('What they send.', choice('kind', ATTACKS)),
  from: maybe('1', says('First round of the attack; they are honest before.', whole(1, 1_000_000))),
  until: maybe('it never stops', says('Last round of the attack.', whole(1, 1_000_000))),
});

const several = listOf(one, 1, 1_000);

/** One entry, or a list of them. Chosen by what is there, so that errors name the setting as the file has it. */
export const maliciousSchema = v.pipe(
  v.lazy((input) => (Array.isArray(input) ? several : one)),
  v.metadata({ must: 'a group of settings, or a list of such groups' }),
);
type Entry = v.InferOutput<typeof one>;

/**
 * Entries as attackers, checked. @param clients of the fleet @param cohort of a round
 * @throws CONFIG_INVALID with the field, where an entry contradicts itself or another, or makes no attack
 */
export function fillMalicious(
  malicious: Entry | readonly Entry[] | undefined,
  clients: number,
  cohort: number,
): readonly MaliciousSettings[] {
  if (malicious === undefined) return [];
  const entries = Array.isArray(malicious) ? (malicious as readonly Entry[]) : [malicious as Entry];
  const taken = new Set<number>();
  return entries.map((entry, i) => {
    const field = Array.isArray(malicious) ? `fleet.malicious.${i}` : 'fleet.malicious';
    const who = whoOf(entry, field, clients, taken);
    const attack = during(attackOf(entry, field), entry);
    try {
      checkAttack(attack, cohort, 'count' in who ? who.count : who.clients.length);
    } catch (error) {
      throw refused(error, `${field}.attack`);
    }
    return { who, attack };
  });
}

function whoOf({ count, clients: listed }: Entry, field: string, clients: number, taken: Set<number>) {
  if (listed !== undefined && count === undefined) {
    const stray = listed.find((client, i) => client >= clients || taken.has(client) || listed.indexOf(client) !== i);
    if (stray !== undefined) {
      throw settingError(`${field}.clients`, `has ${stray} twice or beyond the last client, ${clients - 1}`);
    }
    for (const client of listed) taken.add(client);
    return { clients: listed };
  }
  if (count === undefined || listed !== undefined) {
    throw settingError(field, `has ${listed ? 'both' : 'neither'} of count and clients; give one of them`);
  }
  return { count };
}

/** Fields that belong to one mode of a kind come out of the file as optional ones. */
function attackOf({ attack }: Entry, field: string): AttackSpec {
  const plain = (settings: PlainEntry, at: string): AttackSpec => {
    if (settings.kind !== 'label-flip') return exact(settings);
    const { kind, mode, from, to } = settings;
    if (mode !== 'targeted') return { kind, mode };
    if (from === undefined || to === undefined || from === to) {
      throw settingError(at, 'has mode targeted and needs from and to, two different classes');
    }
    return { kind, mode, from, to };
  };
  switch (attack.kind) {
    case 'sybil':
      return exact({ ...attack, of: plain(attack.of, `${field}.attack.of`) });
    case 'free-rider': {
      const { kind, send, deviation } = attack;
      if (send !== 'noise') return { kind, send };
      if (deviation === undefined) throw settingError(`${field}.attack`, 'has send: noise and needs deviation');
      return { kind, send, deviation };
    }
    case 'label-flip':
      return plain(attack, `${field}.attack`);
    default:
      return exact(attack);
  }
}
type PlainEntry = Extract<Entry['attack'], { kind: 'sybil' }>['of'];

type Exact<T> = T extends unknown ? { [K in keyof T]: Exclude<T[K], undefined> } : never;
/** Without the settings that were left out: here, absent is absent. */
const exact = <T extends object>(value: T): Exact<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Exact<T>;

function during(attack: AttackSpec, { from, until }: Entry): AttackSpec {
  if (from === undefined && until === undefined) return attack;
  return { kind: 'during', attack, ...(from !== undefined && { from }), ...(until !== undefined && { until }) };
}

function refused(error: unknown, field: string): unknown {
  if (!(error instanceof SottoError) || error.code !== 'CONFIG_INVALID') return error;
  return settingError(field, `is no attack: ${error.message.slice(error.code.length + 2)}`);
}
