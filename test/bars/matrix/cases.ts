// The cases: message × phase × defect, generated from the kinds of the protocol, with what must follow from each by the rules of
// protocol/PROTOCOL.md and server/session. Not here: playing them (run.ts).

import { MAX_FRAME_BYTES, MAX_HEADER_BYTES, MESSAGE_BURST, MESSAGES_PER_ROUND } from '../../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../../protocol/native/index.js';
import { WAITING_PHASES, type WaitingPhase } from '../../../protocol/task.js';
import { encodeFrame, PREFIX_BYTES } from '../../../protocol/wire/frame.js';
import type { ClientRoundMessage, Message, MessageKind, MessageOf, RunRef } from '../../../protocol/wire/messages.js';
import { MESSAGE_KINDS } from '../../../protocol/wire/types.js';
import { EXAMPLES } from '../../wire/examples.js';
import { rawFrame } from '../../wire/raw.js';

/**
 * `member`: in the round. `stranger`: has said nothing yet; `challenged`: has said hello; `guest`: proven, and not in the pool;
 * `spectator`: in the pool, and not in the round.
 */
export type Role = 'member' | 'stranger' | 'challenged' | 'guest' | 'spectator';

export interface Expected {
  /** The error code that it is told, and that stands in the log; `none`: nothing is wrong. */
  readonly code: string;
  /** Close code; `stays`: the connection goes on. */
  readonly close: number | 'stays';
  /**
   * The one event: of a client by name; as a count of somebody unproven, and of what may have crossed on its way, which is told to its
   * sender and blamed on nobody. `none`: nothing is wrong (see `harmless`).
   */
  readonly event: 'client-offended' | 'auth-failed' | 'client-revoked' | 'messages-refused' | 'none';
}
export interface Material {
  readonly run: RunRef;
  /** What it would say in this phase if it were honest. */
  readonly own: readonly ClientRoundMessage[];
  /** What the first honest member said in this round, and in the round before. */
  readonly peer: ReadonlyMap<string, ClientRoundMessage>;
  readonly before: ReadonlyMap<string, ClientRoundMessage>;
}
/** `credit`: waits for the credit that its announcement brings. */
export type Deeds = readonly (Message | Uint8Array | string | 'revoke me' | 'credit')[];
export interface Case {
  readonly name: string;
  readonly role: Role;
  readonly phase: WaitingPhase;
  readonly expected: Expected;
  /** `undefined`: there is nothing to do it with in this phase. */
  readonly deeds: (material: Material) => Deeds;
}

const ROUND_KINDS = [
  'keys',
  'shares',
  'complaint',
  'masked',
  'plain',
  'inputChunk',
  'sketch',
  'consistent',
  'unmask',
] as const satisfies readonly ClientRoundMessage['kind'][];
type RoundKind = (typeof ROUND_KINDS)[number];
/** Place of a kind in the order of the round: R1 to R6. */
const PLACE: Record<RoundKind, number> = {
  keys: 1,
  shares: 2,
  complaint: 3,
  masked: 3,
  plain: 3,
  inputChunk: 3,
  sketch: 4,
  consistent: 5,
  unmask: 6,
};
const PLACE_OF_PHASE: Record<WaitingPhase, number> = { keys: 1, shares: 2, masked: 3, consistency: 5, unmask: 6 };

const offence = (code: string, close: number): Expected => ({ code, close, event: 'client-offended' });
const violation = (code: string): Expected => offence(code, 4422);
const chance = (code: string): Expected => ({ code, close: 'stays', event: 'messages-refused' });
const unproven = (code: string, close: number): Expected => ({ code, close, event: 'auth-failed' });
const NOTHING: Expected = { code: 'none', close: 'stays', event: 'none' };

const NO_CREDIT = 'UPLOAD_NO_CREDIT';
/** Before anything else is asked: a chunk is only what credit was given for. */
const orNoCredit = (kind: MessageKind, otherwise: Expected): Expected =>
  kind === 'inputChunk'
    ? {
        ...otherwise,
        code: NO_CREDIT,
        close: 4422,
        event: otherwise.event === 'auth-failed' ? 'auth-failed' : 'client-offended',
      }
    : otherwise;

/** A legal message of the kind, about this run; nothing in it is signed by anybody here. */
const exampleOf = (kind: RoundKind, run: RunRef): ClientRoundMessage =>
  ({ ...EXAMPLES[kind], run }) as ClientRoundMessage; // safe: examples of round kinds have a run

/** Breaks no rule: the same again, as after a reconnect, and a goodbye. Played like the others, and not counted among the hostile ones. */
export const harmless = ({ expected }: Case): boolean => expected.event === 'none';

export function cases(): readonly Case[] {
  return [
    ...wrongRun(),
    ...wrongPhase(),
    ...wrongClient(),
    ...badFrames(),
    ...wrongDirection(),
    ...beforeAuthentication(),
    ...badContents(),
    ...standing(),
  ];
}

/** Another round, attempt or group: of one that was before, messages cross on the way; they change nothing and are counted. */
function wrongRun(): Case[] {
  const changes: Record<string, (run: RunRef) => RunRef> = {
    'the round before': (run) => ({ ...run, round: run.round === 1 ? 2_000 : run.round - 1 }),
    'the next round': (run) => ({ ...run, round: run.round + 1 }),
    'another attempt': (run) => ({ ...run, attempt: run.attempt + 1 }),
    'another group': (run) => ({ ...run, group: run.group + 1 }),
  };
  return WAITING_PHASES.flatMap((phase) =>
    ROUND_KINDS.flatMap((kind) =>
      Object.entries(changes).map(
        ([name, change]): Case => ({
          name: `${kind} of ${name} in ${phase}`,
          role: 'member',
          phase,
          expected: orNoCredit(kind, chance('ROUND_WRONG_ROUND')),
          deeds: ({ run }) => [exampleOf(kind, change(run))],
        }),
      ),
    ),
  );
}

/** What belongs to a later phase breaks the protocol; what belongs to one that is over was late, which proves nothing. */
function wrongPhase(): Case[] {
  return WAITING_PHASES.flatMap((phase) =>
    ROUND_KINDS.filter((kind) => PLACE[kind] !== PLACE_OF_PHASE[phase] || kind === 'plain').map((kind): Case => {
      const early = PLACE[kind] >= PLACE_OF_PHASE[phase];
      return {
        name: `${kind} in ${phase}, which is ${early ? 'early' : 'late'}`,
        role: 'member',
        phase,
        expected: orNoCredit(kind, early ? violation('ROUND_WRONG_PHASE') : chance('ROUND_TOO_LATE')),
        deeds: ({ run }) => [exampleOf(kind, run)],
      };
    }),
  );
}

/** Of somebody who is not in this attempt, as members of the one before may be. */
function wrongClient(): Case[] {
  return WAITING_PHASES.flatMap((phase) =>
    ROUND_KINDS.map(
      (kind): Case => ({
        name: `${kind} in ${phase} by somebody who is not in the round`,
        role: 'spectator',
        phase,
        expected: orNoCredit(kind, chance('ROUND_NOT_IN_ROSTER')),
        deeds: ({ run }) => [exampleOf(kind, run)],
      }),
    ),
  );
}

/** No frames, or frames over a limit, from anybody at any time. */
function badFrames(): Case[] {
  const withByte = (at: number, value: number): Uint8Array => {
    const frame = encodeFrame(EXAMPLES.leave).slice();
    frame[at] = value;
    return frame;
  };
  const bad: readonly (readonly [string, number, string, () => Uint8Array | string])[] = [
    ['WIRE_MALFORMED', 4400, 'text', () => 'hello'],
    ['WIRE_MALFORMED', 4400, 'random bytes', () => nativeRng(50)],
    ['WIRE_MALFORMED', 4400, 'nothing', () => new Uint8Array(0)],
    ['WIRE_MALFORMED', 4400, 'a frame cut short', () => encodeFrame(EXAMPLES.leave).slice(0, -1)],
    ['WIRE_MALFORMED', 4400, 'a frame with a tail', () => Uint8Array.from([...encodeFrame(EXAMPLES.leave), 0])],
    ['WIRE_VERSION', 4426, 'another version', () => withByte(4, 9)],
    ['WIRE_UNKNOWN_TYPE', 4400, 'a kind that is none', () => withByte(5, 0x7f)],
    ['WIRE_SCHEMA', 4400, 'a field of another type', () => rawFrame('leave', { reason: 7 })],
    ['WIRE_SCHEMA', 4400, 'a field too many', () => rawFrame('leave', { reason: 'x', more: 1 })],
    ['WIRE_TOO_LARGE', 4413, 'a header over its limit', () => headerOf(MAX_HEADER_BYTES + 1)],
    ['WIRE_TOO_LARGE', 1009, 'a frame over its limit', () => new Uint8Array(MAX_FRAME_BYTES + 1)],
  ];
  const roles: readonly Role[] = ['member', 'stranger', 'challenged', 'guest'];
  return roles.flatMap((role) =>
    (role === 'member' ? WAITING_PHASES : (['masked'] as const)).flatMap((phase) =>
      // A stranger's frame over 16 KiB is cut by the guard before it is complete: bar `hostile`.
      bad
        .filter(([, , , make]) => role === 'member' || role === 'guest' || make().length < 16_384)
        .map(
          ([code, close, name, make]): Case => ({
            name: `${name} by a ${role} in ${phase}`,
            role,
            phase,
            expected: role === 'member' || role === 'guest' ? offence(code, close) : unproven(code, close),
            deeds: () => [make()],
          }),
        ),
    ),
  );
}

function headerOf(bytes: number): Uint8Array {
  const frame = new Uint8Array(PREFIX_BYTES + bytes);
  frame.set(encodeFrame(EXAMPLES.leave).subarray(0, PREFIX_BYTES));
  new DataView(frame.buffer).setUint32(8, bytes);
  return frame;
}

const TO_CLIENTS: readonly MessageKind[] = [
  'challenge',
  'welcome',
  'accepted',
  'rejected',
  'finished',
  'blobHead',
  'blobChunk',
  'chain',
  'announce',
  'keyBook',
  'shareBook',
  'inputTaken',
  'credit',
  'survivors',
  'unmaskRequest',
  'outcome',
  'sketchRequest',
  'abort',
  'resume',
];

/** What only a coordinator says, and a handshake in the middle of a round. */
function wrongDirection(): Case[] {
  return WAITING_PHASES.flatMap((phase) =>
    [...TO_CLIENTS, 'hello' as const, 'proof' as const].map(
      (kind): Case => ({
        name: `${kind} by a member in ${phase}`,
        role: 'member',
        phase,
        expected: offence('SESSION_UNEXPECTED', 4405),
        deeds: () => [EXAMPLES[kind]],
      }),
    ),
  );
}

/** Every kind from somebody who has not proven who it is, and round messages from somebody who has not checked in. */
function beforeAuthentication(): Case[] {
  const unexpected = unproven('SESSION_UNEXPECTED', 4405);
  /** It says why it goes, and may. */
  const goodbye: Expected = { code: 'none', close: 1000, event: 'none' };
  const orGoodbye = (kind: MessageKind): Expected => (kind === 'fault' ? goodbye : orNoCredit(kind, unexpected));
  const of = (role: Role, kind: MessageKind, expected: Expected): Case => ({
    name: `${kind} by a ${role}`,
    role,
    phase: 'shares',
    expected,
    deeds: () => [EXAMPLES[kind]],
  });
  return [
    ...MESSAGE_KINDS.filter((kind) => kind !== 'hello').map((kind) => of('stranger', kind, orGoodbye(kind))),
    ...MESSAGE_KINDS.filter((kind) => kind !== 'proof').map((kind) => of('challenged', kind, orGoodbye(kind))),
    of('challenged', 'proof', unproven('AUTH_BAD_PROOF', 4401)),
    ...ROUND_KINDS.map((kind) => of('guest', kind, orNoCredit(kind, offence('SESSION_UNEXPECTED', 4405)))),
  ];
}

/** Its own message, changed. */
function badContents(): Case[] {
  const of = <K extends RoundKind>(
    phase: WaitingPhase,
    kind: K,
    name: string,
    code: string,
    change: (message: MessageOf<K>, material: Material) => Deeds,
  ): Case => ({
    name: `${kind}: ${name}`,
    role: 'member',
    phase,
    expected: code === 'none' ? NOTHING : violation(code),
    deeds: (material) => {
      const own = material.own.find((message) => message.kind === kind);
      if (own === undefined) throw new Error(`no ${kind} of its own in ${phase}`);
      return change(own as MessageOf<K>, material);
    },
  });
  const random = (length: number): Uint8Array => nativeRng(length);
  const peerOf = <K extends RoundKind>(kind: K, said: ReadonlyMap<string, ClientRoundMessage>): MessageOf<K> =>
    said.get(kind) as MessageOf<K>; // safe: the first honest member said it before the case began
  const replay = (phase: WaitingPhase, kind: RoundKind, code: string): Case[] => [
    of(phase, kind, "a peer's, as its own", code, (_, { peer }) => [peerOf(kind, peer)]),
    of(phase, kind, 'of the round before, replayed', code, (_, { before, run }) => [
      { ...peerOf(kind, before), run } as ClientRoundMessage,
    ]),
  ];
  const otherKey = (): Uint8Array => nativePrimitives.agreementPublic(random(32));
  return [
    of('keys', 'keys', 'a wrong signature', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, signature: random(64) }]),
    of('keys', 'keys', 'other keys than were signed', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, mask: otherKey() }]),
    of('keys', 'keys', 'a key of low order', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, channel: new Uint8Array(32) }]),
    of('keys', 'keys', 'twice, other ones', 'ROUND_DUPLICATE', (m) => [m, { ...m, mask: otherKey() }]),
    of('keys', 'keys', 'twice, the same', 'none', (m) => [m, m]),
    ...replay('keys', 'keys', 'ROUND_BAD_SIGNATURE'),
    of('shares', 'shares', 'a wrong signature', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, signature: random(64) }]),
    of('shares', 'shares', 'a box less', 'ROUND_BAD_SHARES', (m) => [{ ...m, boxes: m.boxes.slice(1) }]),
    of('shares', 'shares', 'boxes for nobody', 'ROUND_BAD_SHARES', (m) => [
      { ...m, boxes: m.boxes.map((box, at) => (at === m.boxes.length - 1 ? { ...box, to: 99 } : box)) },
    ]),
    of('shares', 'shares', 'another commitment', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, commitB: random(32) }]),
    of('shares', 'shares', 'another hash of its own share', 'ROUND_BAD_SIGNATURE', (m) => [
      { ...m, own: { ...m.own, hashB: random(32) } },
    ]),
    of('shares', 'shares', 'another box than was signed', 'ROUND_BAD_SIGNATURE', (m) => [
      { ...m, boxes: m.boxes.map((box, at) => (at === 0 ? { ...box, box: random(96) } : box)) },
    ]),
    of('shares', 'shares', 'twice, other ones', 'ROUND_DUPLICATE', (m) => [m, { ...m, signature: random(64) }]),
    of('shares', 'shares', 'twice, the same', 'none', (m) => [m, m]),
    of('shares', 'shares', "a peer's, as its own", 'ROUND_BAD_SHARES', (_, { peer }) => [peerOf('shares', peer)]),
    of('shares', 'shares', "a peer's, with its own boxes", 'ROUND_BAD_SIGNATURE', (m, { peer }) => [
      { ...peerOf('shares', peer), boxes: m.boxes },
    ]),
    of('masked', 'masked', 'a wrong signature', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, signature: random(64) }]),
    of('masked', 'masked', 'more bytes than there are', 'ROUND_BAD_VECTOR', (m) => [{ ...m, bytes: m.bytes + 2 }]),
    of('masked', 'masked', 'fewer bytes', 'ROUND_BAD_VECTOR', (m) => [{ ...m, bytes: m.bytes - 2 }]),
    of('masked', 'masked', 'other peers than were signed', 'ROUND_BAD_SIGNATURE', (m) => [{ ...m, u2: m.u2.slice(1) }]),
    of('masked', 'masked', 'twice, another signature', 'ROUND_DUPLICATE', (m) => [m, { ...m, signature: random(64) }]),
    of('masked', 'masked', 'twice, the same', 'none', (m) => [m, m]),
    ...replay('masked', 'masked', 'ROUND_BAD_SIGNATURE'),
    ...badChunks(),
    {
      name: 'complaint: a wrong signature',
      role: 'member',
      phase: 'masked',
      expected: violation('ROUND_BAD_SIGNATURE'),
      deeds: ({ run }) => [{ kind: 'complaint', run, dealers: [0], signature: random(64) }],
    },
    of('consistency', 'consistent', 'other sets', 'ROUND_DISAGREE', (m) => [{ ...m, signature: random(64) }]),
    of('consistency', 'consistent', 'twice, other ones', 'ROUND_DUPLICATE', (m) => [
      m,
      { ...m, signature: random(64) },
    ]),
    of('consistency', 'consistent', 'twice, the same', 'none', (m) => [m, m]),
    ...replay('consistency', 'consistent', 'ROUND_DISAGREE'),
    of('unmask', 'unmask', 'a wrong share', 'ROUND_BAD_UNMASK', (m) => [
      { ...m, opened: m.opened.map((one, at) => (at === 0 ? { ...one, share: random(32) } : one)) },
    ]),
    of('unmask', 'unmask', 'a wrong salt', 'ROUND_BAD_UNMASK', (m) => [
      { ...m, opened: m.opened.map((one, at) => (at === 0 ? { ...one, salt: random(16) } : one)) },
    ]),
    of('unmask', 'unmask', 'the key of a survivor', 'ROUND_BAD_UNMASK', (m) => [
      { ...m, opened: m.opened.map((one, at) => (at === 0 ? { ...one, type: 's' as const } : one)) },
    ]),
    of('unmask', 'unmask', 'a share less', 'ROUND_BAD_UNMASK', (m) => [{ ...m, opened: m.opened.slice(1) }]),
    of('unmask', 'unmask', 'no share at all', 'ROUND_BAD_UNMASK', (m) => [{ ...m, opened: [] }]),
    of('unmask', 'unmask', 'a share of nobody', 'ROUND_BAD_UNMASK', (m) => [
      { ...m, opened: m.opened.map((one, at) => (at === m.opened.length - 1 ? { ...one, of: 99 } : one)) },
    ]),
    ...replay('unmask', 'unmask', 'ROUND_BAD_UNMASK'),
    of('unmask', 'unmask', 'twice, the same', 'none', (m) => [m, m]),
  ];
}

/** Chunks of an input, before it is announced and behind its announcement, which gives them credit. */
function badChunks(): Case[] {
  const of = (
    name: string,
    code: string,
    section: (bytes: number) => Uint8Array,
    index = 0,
    announced = true,
  ): Case => ({
    name: `inputChunk: ${name}`,
    role: 'member',
    phase: 'masked',
    expected: violation(code),
    deeds({ own, run }) {
      const masked = own.find((message) => message.kind === 'masked');
      if (masked === undefined) throw new Error('no masked input of its own');
      const chunk = { kind: 'inputChunk', run, index, section: section(masked.bytes) } as const;
      return announced ? [masked, 'credit', chunk] : [chunk];
    },
  });
  return [
    of('before it is announced', NO_CREDIT, nativeRng, 0, false),
    of('other bytes than announced', 'ROUND_BAD_VECTOR', nativeRng),
    of('too short', 'ROUND_BAD_VECTOR', (bytes) => nativeRng(bytes - 1)),
    of('too long', 'ROUND_BAD_VECTOR', (bytes) => nativeRng(bytes + 1)),
    of('a place that is none', NO_CREDIT, nativeRng, 7),
  ];
}

/** Who has left, is revoked, asks for another task, or says too much. */
function standing(): Case[] {
  return WAITING_PHASES.flatMap((phase): Case[] => {
    const of = (name: string, expected: Expected, deeds: Case['deeds']): Case => ({
      name: `${name} in ${phase}`,
      role: 'member',
      phase,
      expected,
      deeds,
    });
    const flood = MESSAGE_BURST + 5 * MESSAGES_PER_ROUND;
    return [
      of('its part after it has left', offence('SESSION_UNEXPECTED', 4405), ({ own }) => [
        { kind: 'leave', reason: 'bye' },
        ...own.slice(0, 1),
      ]),
      of('revoked', { code: 'AUTH_REVOKED', close: 4403, event: 'client-revoked' }, () => ['revoke me']),
      of('a check-in for another task', offence('SESSION_UNKNOWN_TASK', 4404), () => [
        { kind: 'checkIn', task: 'another', head: new Uint8Array(0) },
      ]),
      of('a flood of questions', offence('SESSION_FLOOD', 1008), () =>
        Array.from({ length: flood }, () => ({ kind: 'wantChain', task: 'test', after: new Uint8Array(0) }) as const),
      ),
    ];
  });
}
