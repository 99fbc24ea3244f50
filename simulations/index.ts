// sotto/simulations: settings of a simulated federation, running it, and the parts to build others from: attacks, partitions,
// data sets, the seeded generator, the fleet. Not here: the command (server/cli).

export { type Box, fgsm, type PgdOptions, pgd } from './adversarial.js';
export type { AttackSettings, MaliciousSettings } from './attack-settings.js';
export * from './attacks/index.js';
export { epsilonLowerBound, type Guesses, oneRunPValue } from './audit/one-run.js';
export {
  type DataSettings,
  type DropoutSettings,
  type FleetSettings,
  loadSimulationConfig,
  parseSimulationConfig,
  type SimulationConfig,
  type SimulationOverrides,
} from './config.js';
export { type Examples, examplesOf, loadExamples } from './data.js';
export { flDetectorRoundScore, flDetectorSuspicion } from './fl-detector.js';
export {
  type Dropout,
  type DroppingTransport,
  droppingTransport,
  type Fleet,
  type FleetOptions,
  type HostileOptions,
  hostileEngine,
  hostileMachine,
  hostileTrainer,
  type PlanRequest,
  planDropouts,
  startFleet,
} from './fleet/index.js';
export { auc, type Gaussian, liraOffline, liraOnline, liraStatistic, tprAtFpr, yeom } from './membership.js';
export { type PartitionOptions, type PartitionSpec, partition } from './partition.js';
export { Random } from './random.js';
export * from './redteam/index.js';
export { FLAG_AT, type TestRates, trackerStep } from './regrouping-tracker.js';
export { type RehearsalOptions, type RehearsedRound, rehearse } from './rehearsal.js';
export type {
  FleetClient,
  RosterEntry,
  RoundEntry,
  RunSimulation,
  SimulationEvent,
  SimulationHooks,
  SimulationReport,
} from './report.js';
export { STAMP } from './report.js';
export { runSimulation } from './run.js';
export { comparisons, withPlainMean } from './variants.js';
export { createWorld, type World } from './world/index.js';
