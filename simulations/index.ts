// sotto/simulations: settings of a simulated federation, and running it. Not here: the command (server/cli).

export {
  loadSimulationConfig,
  parseSimulationConfig,
  type SimulationConfig,
  type SimulationOverrides,
  withPlainMean,
} from './config.js';
export type { RoundEntry, RunSimulation, SimulationEvent, SimulationHooks, SimulationReport } from './report.js';
export { runSimulation } from './run.js';
