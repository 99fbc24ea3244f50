// The red team as a library: settings → matrix of real simulations → report → verdicts on bars. Not here: the command (server/cli).

export { CATALOGUE, knowledgeOf, type NamedKind } from './catalogue.js';
export { type Bar, type BarVerdict, barsSchema, judge, loadBars, parseBars } from './gate.js';
export { type RedTeamEvent, type RedTeamOptions, runRedTeam } from './matrix.js';
export { type CellMeasures, judgesClients, measure, type NamedFor } from './measures.js';
export { htmlPage, markdownPage } from './pages.js';
export {
  type AttackReport,
  type CellReport,
  type CellResult,
  type DefenceReport,
  METRICS,
  type Metric,
  type MetricName,
  type RedTeamReport,
  reportOf,
} from './report.js';
export {
  type Cell,
  CLEAN,
  loadRedTeamConfig,
  parseRedTeamConfig,
  type RedTeamConfig,
  redTeamSchema,
} from './settings.js';
