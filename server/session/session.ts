// The session machine: hello → challenge → proof → welcome → check-in, both sides proven by Ed25519 (protocol.md §2). Pure.
// Everything a connection may say is in types.ts ALLOWED; anything else ends it, and the offender is named if it has proven its name.
// Not here: sockets (connection.ts) and the one-socket-per-identity rule (connections.ts).

import { enc } from '../../protocol/crypto/enc.js';
import { signFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import { ERRORS, type ErrorCode, isErrorCode } from '../../protocol/errors.js';
import { clientId, type Millis } from '../../protocol/ids.js';
import { AUTH_DEADLINE_MS } from '../../protocol/limits.js';
import type { Fault, Hello, Message, Proof } from '../../protocol/wire/messages.js';
import { CLOSE, closeCodeOf } from './close-codes.js';
import {
  ALLOWED,
  type Challenged,
  type Closed,
  type Fresh,
  type Pooled,
  type Proving,
  type SESSION_TRANSITIONS,
  type SessionEffect,
  type SessionEvent,
  type SessionPhase,
  type SessionSetup,
  type SessionState,
  type SessionStep,
  type Welcomed,
} from './types.js';

/** Bytes of a nonce: no two handshakes share one, 2^-128 at 2^64 of them. */
export const NONCE_BYTES = 32;

type In<P extends SessionPhase> = Extract<SessionState, { phase: P }>;
type StepFrom<P extends SessionPhase> = SessionStep<In<P | (typeof SESSION_TRANSITIONS)[P][number]>>;

/** @param now the driver's clock; a `tick` is asked for at the deadline of the handshake */
export function startSession(setup: SessionSetup, now: Millis): SessionStep<Fresh> {
  const deadline = now + AUTH_DEADLINE_MS;
  return { state: { phase: 'fresh', setup, deadline }, effects: [{ type: 'wakeAt', at: deadline }] };
}

/** Total. Never throws on what a peer sends. */
export function stepSession(state: SessionState, event: SessionEvent): SessionStep {
  if (state.phase === 'closed') return { state, effects: [] };
  switch (event.type) {
    case 'gone':
      return { state: CLOSED, effects: [] };
    case 'end':
      return close(event.code);
    case 'undecodable':
      return offend(state, event.code, event.text);
    case 'message': {
      const allowed: readonly string[] = ALLOWED[state.phase];
      if (!allowed.includes(event.message.kind)) {
        return offend(state, 'SESSION_UNEXPECTED', `${event.message.kind} while ${state.phase}`);
      }
      return onMessage(state, event.message);
    }
    case 'tick':
      if (!('deadline' in state)) return { state, effects: [] };
      // The driver takes the coordinator's own backlog off the time: then the deadline is still to come.
      if (event.now < state.deadline) return { state, effects: [{ type: 'wakeAt', at: state.deadline }] };
      return offend(state, 'AUTH_TIMEOUT', `no proof after ${AUTH_DEADLINE_MS} ms`);
    case 'verified':
      return state.phase === 'proving' ? onVerified(state, event.good) : { state, effects: [] };
    case 'accepted':
      if (!isKnown(state)) return { state, effects: [] };
      return {
        state: { phase: 'pooled', setup: state.setup, client: state.client },
        effects: [send({ kind: 'accepted', task: state.setup.task, round: event.round })],
      };
    case 'rejected':
      if (!isKnown(state)) return { state, effects: [] };
      return {
        state: { phase: 'welcomed', setup: state.setup, client: state.client },
        effects: [send({ kind: 'rejected', code: event.code, retryAfterMs: event.retryAfterMs })],
      };
    default:
      return event satisfies never;
  }
}

function onMessage(state: Exclude<SessionState, Closed>, message: Message): SessionStep {
  switch (state.phase) {
    case 'fresh':
      // safe: ALLOWED lets nothing else through in this phase
      return message.kind === 'fault' ? GIVEN_UP : onHello(state, message as Hello);
    case 'challenged':
      return message.kind === 'fault' ? GIVEN_UP : onProof(state, message as Proof); // safe: as above
    case 'proving':
      return GIVEN_UP;
    case 'welcomed':
    case 'pooled':
      return onRequest(state, message);
    default:
      return state satisfies never;
  }
}

function onHello(s: Fresh, hello: Hello): StepFrom<'fresh'> {
  const { identity, primitives, rng, handOvers } = s.setup;
  const nonce = rng(NONCE_BYTES);
  const signature = signFields(primitives, identity, LABELS.challenge, hello.nonce, nonce, hello.client);
  return {
    state: {
      phase: 'challenged',
      setup: s.setup,
      deadline: s.deadline,
      unprovenKey: hello.client,
      nonce,
      agent: hello.agent,
      token: hello.token,
    },
    effects: [
      send({ kind: 'challenge', coordinator: identity.publicKey, nonce, signature, ...(handOvers && { handOvers }) }),
    ],
  };
}

function onProof(s: Challenged, proof: Proof): StepFrom<'challenged'> {
  const { setup, unprovenKey, nonce, agent, token } = s;
  const message = enc(LABELS.proof, nonce, setup.identity.publicKey, unprovenKey);
  return {
    state: { phase: 'proving', setup, unprovenKey, agent, token },
    effects: [{ type: 'verify', publicKey: unprovenKey, message, signature: proof.signature }],
  };
}

function onVerified(s: Proving, good: boolean): StepFrom<'proving'> {
  if (!good) return offend(s, 'AUTH_BAD_PROOF', 'the signature over the challenge is wrong');
  const { admit, task, pingMs } = s.setup;
  const client = clientId(s.unprovenKey);
  const admission = admit(client, s.token);
  if (!admission.ok) {
    const { code } = admission;
    const refusal = close(code);
    // To come at a bad time is no offence.
    if (ERRORS[code].blame === 'nobody') return refusal;
    const offence: SessionEffect = { type: 'offence', client, code, text: ERRORS[code].says };
    return { state: refusal.state, effects: [offence, ...refusal.effects] };
  }
  return {
    state: { phase: 'welcomed', setup: s.setup, client },
    effects: [
      { type: 'authenticated', client, agent: s.agent, ...(admission.token && { token: admission.token }) },
      send({ kind: 'welcome', tasks: [task], pingMs }),
    ],
  };
}

function onRequest(s: Welcomed | Pooled, message: Message): SessionStep {
  switch (message.kind) {
    case 'fault':
      // The wire takes what looks like a code; here codes lead to texts and to counters, so it has to be one.
      if (!isErrorCode(message.code)) return offend(s, 'WIRE_SCHEMA', 'field code');
      return {
        state: s,
        effects: [
          {
            type: 'complaint',
            client: s.client,
            code: message.code,
            text: message.text,
            ...(message.run === undefined ? {} : { run: message.run }),
          },
        ],
      };
    case 'checkIn':
      if (message.task !== s.setup.task) return offend(s, 'SESSION_UNKNOWN_TASK', `asked for task ${message.task}`);
      return deliver(s, message);
    case 'leave':
      return deliver({ phase: 'welcomed', setup: s.setup, client: s.client }, message);
    case 'want':
    case 'wantChain':
    case 'keys':
    case 'shares':
    case 'complaint':
    case 'masked':
    case 'plain':
    case 'inputChunk':
    case 'sketch':
    case 'consistent':
    case 'unmask':
      return deliver(s, message);
    default:
      return offend(s, 'SESSION_UNEXPECTED', message.kind);
  }
}

// ---- moves -----------------------------------------------------------------------------------------------------------

const CLOSED: Closed = Object.freeze({ phase: 'closed' });
/** A client that gave up its handshake says why: its time was up, or we are not the coordinator that it has pinned. Nobody is blamed on it. */
const GIVEN_UP: SessionStep<Closed> = { state: CLOSED, effects: [{ type: 'close', code: CLOSE.done, reason: 'done' }] };
const send = (message: Message): SessionEffect => ({ type: 'send', message });

function deliver(
  state: Welcomed | Pooled,
  message: Extract<SessionEffect, { type: 'deliver' }>['message'],
): SessionStep<Welcomed | Pooled> {
  return { state, effects: [{ type: 'deliver', client: state.client, message }] };
}

/** It has proven who it is. */
const isKnown = (state: SessionState): state is Welcomed | Pooled =>
  state.phase === 'welcomed' || state.phase === 'pooled';

function offend(state: Exclude<SessionState, Closed>, code: ErrorCode, text: string): SessionStep<Closed> {
  const offence: SessionEffect = isKnown(state)
    ? { type: 'offence', client: state.client, code, text }
    : { type: 'offence', code, text };
  return { state: CLOSED, effects: [offence, ...close(code).effects] };
}

/** The peer hears the code and its general meaning; what exactly was wrong is for the log. */
function close(code: ErrorCode): SessionStep<Closed> {
  const closing: SessionEffect = { type: 'close', code: closeCodeOf(code), reason: code };
  return { state: CLOSED, effects: [send(faultOf(code)), closing] };
}

/** What a peer is told of a fault: never an offset, a field or anybody's name. */
export const faultOf = (code: ErrorCode, run?: Fault['run']): Fault =>
  run === undefined
    ? { kind: 'fault', code, text: ERRORS[code].says }
    : { kind: 'fault', code, text: ERRORS[code].says, run };
