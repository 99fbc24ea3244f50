// Draws the transition table of protocol/round/types.ts into protocol/PROTOCOL.md, between two marks. Needs a build; run from the
// repository root: node tools/transitions-diagram.mjs. Not a test: test/protocol/transitions.test.ts fails when the drawing is stale.

import { readFileSync, writeFileSync } from 'node:fs';

const { TRANSITIONS } = await import('../dist/protocol/round/types.js');

const DOCUMENT = 'protocol/PROTOCOL.md';
const [START, END] = ['<!-- transitions -->', '<!-- /transitions -->'];

const edges = Object.entries(TRANSITIONS).flatMap(([from, targets]) => [
  ...targets.map((to) => `  ${from} --> ${to}`),
  ...(targets.length === 0 ? [`  ${from} --> [*]`] : []),
]);
const drawing = ['```mermaid', 'stateDiagram-v2', '  direction LR', '  [*] --> keys', ...edges, '```'].join('\n');
const text = readFileSync(DOCUMENT, 'utf8');
const [from, to] = [text.indexOf(START), text.indexOf(END)];
if (from < 0 || to < from) throw new Error(`${DOCUMENT} has no ${START} … ${END}`);
writeFileSync(DOCUMENT, `${text.slice(0, from + START.length)}\n${drawing}\n${text.slice(to)}`);
