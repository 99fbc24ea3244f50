// The public surface of sotto/server: start a coordinator, watch it, stop it.

export type { RosterPolicy } from './access/access.js';
export { makeRotation, type Rotation, readRotation } from './access/rotation.js';
export { makeToken, type Token } from './access/token.js';
export type { DataSettings } from './audit/durable.js';
export type { RoundPrivacy } from './campaign/budget.js';
export type { CampaignOutcome, CampaignSettings, Team } from './campaign/types.js';
export type { ChainStore, Link } from './chain/store.js';
export {
  type CoordinatorSettings,
  type DimensionOf,
  defineTask,
  loadCoordinatorSettings,
  type TaskSettings,
} from './config/index.js';
export { type HandedOver, type HandOverSetup, handOver } from './data/hand-over.js';
export type { Act, Administration, CoordinatorStatus } from './driver/administration.js';
export type { Clock } from './driver/clock.js';
export type { FetchHandler, Listener, ListenerSetup, OpenListener } from './driver/listener.js';
export type {
  AccessControl,
  CampaignResult,
  ClientNotice,
  Coordinator,
  CoordinatorEvents,
  CoordinatorOptions,
  Evaluation,
  Logger,
  RoundReport,
} from './driver/options.js';
export type { RollBack } from './driver/roll-back.js';
export { startCoordinator } from './driver/start.js';
export { inProcessEngine, workerEngine } from './engine/engine.js';
export type { Blob, Engine } from './engine/types.js';
export {
  type AdminToken,
  createHttp,
  type Http,
  type HttpSettings,
  hashToken,
  LOG_LEVELS,
  type LogLevel,
  newToken,
} from './http/index.js';
export { MONITOR_DEFAULTS, type MonitorEvent, type MonitorSettings, type MonitorState } from './monitor/index.js';
export { CLOSE, closeCodeOf } from './session/close-codes.js';
