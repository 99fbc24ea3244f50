// All clauses, for coordinators, Node and whoever need not save bytes. Not here: what they are (clauses.ts).
import type { Clauses } from './clauses.js';
import { noiseClause } from './noise.js';
import { optimizerClause } from './optimizers.js';
import { ruleClause } from './rules.js';
import { sketchClause } from './sketches.js';

export const allClauses: Required<Clauses> = {
  noise: noiseClause,
  sketches: sketchClause,
  rules: ruleClause,
  optimizers: optimizerClause,
};
