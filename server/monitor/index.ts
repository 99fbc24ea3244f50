// The poisoning monitor. Start at monitor.ts; types.ts says what goes in and comes out.

export { judgeParticipation, judgeSketches } from './clients.js';
export * from './drift.js';
export {
  columnWeights,
  cyclicDesign,
  type Design,
  decode,
  decoderErrorRates,
  flagSmallest,
  isolationOf,
  posteriorLlr,
  type TestErrors,
} from './group-testing.js';
export { judgeDisagreement, judgeGroups, trimFrequencyZ } from './groups.js';
export { appeal, isBarred, type MonitorStep, openMonitor, stepMonitor } from './monitor.js';
export { quarantineBy } from './operator.js';
export { cleanZ, medianOf, robustThreshold, robustZ } from './robust.js';
export { screen } from './screening.js';
export * from './types.js';
