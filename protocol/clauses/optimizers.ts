// Server optimisers other than FedAvg, as a clause. Not here: their settings (optimizer/spec.ts) and formulas (optimizer/moments.ts).
import { momentFormulas } from '../optimizer/moments.js';
import { checkOptimizer, optimizerProblem } from '../optimizer/spec.js';
import type { OptimizerClause } from './clauses.js';

export const optimizerClause: OptimizerClause = {
  problem: optimizerProblem,
  check: checkOptimizer,
  formulas: momentFormulas,
};
