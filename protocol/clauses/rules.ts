// Rules other than the plain mean, as a clause. Not here: what a rule may say (rule.ts).
import { checkRule, leastInputs, ruleProblem } from '../rule.js';
import type { RuleClause } from './clauses.js';

export const ruleClause: RuleClause = { problem: ruleProblem, check: checkRule, least: leastInputs };
