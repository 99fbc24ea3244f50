// Reads the canonical text of any task's settings. Not here: how (terms-schema.ts).
import { allClauses } from './clauses/all.js';
import type { TaskConfig } from './terms.js';
import { parseTerms } from './terms-schema.js';

/** @throws SottoError CONFIG_INVALID with the path of the first field that is wrong */
export const parseTask = (text: string): TaskConfig => parseTerms(text, allClauses);
