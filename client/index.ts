// sotto/client, portable: browsers, workers, Deno, Bun. Node gets the same and its own defaults from node/index.ts.
// Not here: training with TensorFlow.js (sotto/client/tfjs), and the coordinator (sotto/server).
export { generateIdentity, type Identity, identityOf, type Signer } from '../protocol/crypto/identity.js';
export { Secret } from '../protocol/crypto/secret.js';
export { type ErrorCode, SottoError } from '../protocol/errors.js';
export type { GuardRecord, Policy } from '../protocol/participant/types.js';
export type { AvailabilityOptions } from './availability.js';
export type { VerifiedModel } from './chain/model-chain.js';
export { type KeptModel, type ModelStore, memoryModels } from './chain/model-store.js';
export { type ClientEngine, inlineEngine } from './engine.js';
export { FederatedClient } from './federated-client.js';
export { emptyGuard, type GuardStore, memoryGuards } from './guards.js';
export { type LedgerStore, memoryLedgers } from './ledger-store.js';
export type { ClientEvents, CoordinatorTrust, Ended, FederatedClientOptions, HowEnded, RoundNews } from './options.js';
export type { PrivacySpent } from './privacy-guard.js';
export type { ReconnectOptions } from './reconnect.js';
export { systemTimers, type Timers } from './timers.js';
export type {
  DpSgdSpec,
  Evaluation,
  LocalSteps,
  Manifest,
  ManifestEntry,
  PlainTraining,
  PrivateTraining,
  RecordRelease,
  Trainer,
  TrainingResult,
  TrainingRound,
  TrainingSpec,
} from './trainer.js';
export type { Link, LinkClosed, LinkHandlers, Transport } from './transport/transport.js';
export {
  globalWebSocket,
  type WebSocketLike,
  type WebSocketOptions,
  webSocketTransport,
} from './transport/websocket.js';
export { generateWebIdentity, type WebIdentity, webIdentityOf } from './web-keys.js';
export { webKeystream, webRng } from './webcrypto.js';
