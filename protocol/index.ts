// sotto/protocol: the pure core for those who build another driver, check a chain, or read frames. Everything is synchronous.
// Not here: drivers (sotto/client, sotto/server). Names that are not exported here may change in any version.

export { hashOfBlob, weightsBytes, weightsFromBytes } from './chain/model.js';
export { recordHash, signRecord, type UnsignedRecord, verifyRecord } from './chain/record.js';
export { generateIdentity, type Identity, identityOf, signFields, verifyFields } from './crypto/identity.js';
export { portablePrimitives } from './crypto/portable.js';
export type { Keystream, OpenKeystream, Prg, Primitives, Rng } from './crypto/primitives.js';
export { Secret } from './crypto/secret.js';
export { type Blame, ERRORS, type ErrorCode, type ErrorDetails, type ErrorSpec, SottoError } from './errors.js';
export {
  type ClientId,
  clientId,
  fromHex,
  type GroupId,
  type Hash,
  hashOf,
  type Millis,
  publicKeyOf,
  toHex,
} from './ids.js';
export * as limits from './limits.js';
export type { OptimizerSpec } from './optimizer/spec.js';
export { type ParticipantState, startParticipant, stepParticipant } from './participant/participant.js';
export type {
  GuardRecord,
  ParticipantEffect,
  ParticipantEvent,
  ParticipantSetup,
  Policy,
} from './participant/types.js';
export { noiseMultiplierFor, roundsWithinBudget } from './privacy/calibrate.js';
export type { NoiseArithmetic, Observer, PrivacyBudget, PrivacyEvent, PrivacyUnit } from './privacy/events.js';
export { createCurves, EMPTY_LEDGER, type Ledger, ledgerOf, reserve, settle } from './privacy/ledger.js';
export type { LedgerEntry } from './privacy/ledger-entry.js';
export { type Odometer, readOdometer } from './privacy/odometer.js';
export { type Accountant, type Price, price, statementsOf, tightPrice } from './privacy/price.js';
export { headlinesOf, type PrivacyRecord, type Reading, readingsOf } from './privacy/record.js';
export { type RoundState, type Step, startRound, stepRound } from './round/round.js';
export {
  type RoundEffect,
  type RoundEvent,
  type RoundFact,
  type RoundResult,
  type RoundSetup,
  TRANSITIONS,
} from './round/types.js';
export type { RuleSpec } from './rule.js';
export {
  canonicalJson,
  configHash,
  type Derived,
  deriveTask,
  type Profile,
  type TaskConfig,
  thresholdOf,
} from './task.js';
export { parseTask } from './task-schema.js';
export { decodeFrame, encodeFrame } from './wire/frame.js';
export type * from './wire/messages.js';
