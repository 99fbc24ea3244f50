// What there is to attack with, as a table made from the settings themselves: a kind that is missing here is missing there. Not
// here: the attacks (../attacks).

import type { Knowledge } from '../attacks/attack.js';

const KNOWLEDGE: Readonly<Record<Knowledge, string>> = {
  own: 'own data and model, and those it conspires with',
  protocol: 'the same; breaks the protocol',
  omniscient: 'every honest update of the round',
  aggregator: 'every honest update, and the whole pipeline of the coordinator',
};
export const knowledgeOf = (knows: Knowledge): string => KNOWLEDGE[knows];
