// What there is to attack with and what a bar may be about, as a page made from the code itself: a kind that is missing here does
// not compile. Not here: the attacks (../attacks), their settings (../attack-settings.ts, docs/configuration.md).

import type { Knowledge } from '../attacks/attack.js';
import { type AttackSpec, createAttack } from '../attacks/spec.js';
import { METRICS, type Metric } from './report.js';

const KNOWLEDGE: Readonly<Record<Knowledge, string>> = {
  own: 'its own data and model, and its conspirators',
  protocol: 'the same; breaks the protocol',
  omniscient: 'every honest update of the round',
  aggregator: 'every honest update, and the whole pipeline of the coordinator',
};
export const knowledgeOf = (knows: Knowledge): string => KNOWLEDGE[knows];

interface Entry<K extends AttackSpec['kind']> {
  readonly example: AttackSpec & { readonly kind: K };
  /** What stops it, or why nothing does. */
  readonly stops: string;
}

/** Kinds that a file can name; `during` and `stack` are said by `from`, `until` and in code. */
export type NamedKind = Exclude<AttackSpec['kind'], 'during' | 'stack'>;
const NORM = 'the norm bound of the sketches; a robust rule over groups';
const INSIDE = 'little: it stays where honest updates are. NNM and the trimmed mean bound it; what is left is measured';
/** Exhaustive by type. */
export const CATALOGUE: { readonly [K in NamedKind]: Entry<K> } = {
  'sign-flip': { example: { kind: 'sign-flip', boost: 3 }, stops: NORM },
  boosted: { example: { kind: 'boosted', factor: 10 }, stops: NORM },
  gaussian: { example: { kind: 'gaussian', deviation: 0.1 }, stops: NORM },
  ipm: {
    example: { kind: 'ipm', epsilon: 2 },
    stops: 'distance to the centre of the sketches where it is loud; a robust rule',
  },
  alie: { example: { kind: 'alie', z: 1.5 }, stops: INSIDE },
  'min-max': { example: { kind: 'min-max', direction: 'std' }, stops: INSIDE },
  'min-sum': { example: { kind: 'min-sum', direction: 'std' }, stops: INSIDE },
  mimic: {
    example: { kind: 'mimic', warmUp: 2 },
    stops: 'duplicates show in the sketches; the harm is a bias towards one client',
  },
  'fang-trim': { example: { kind: 'fang-trim' }, stops: 'a rule over more inputs than twice the attackers' },
  'fang-krum': { example: { kind: 'fang-krum', faulty: 2 }, stops: 'any rule but Krum' },
  'opt-ipm': { example: { kind: 'opt-ipm' }, stops: INSIDE },
  'opt-alie': { example: { kind: 'opt-alie' }, stops: INSIDE },
  'label-flip': {
    example: { kind: 'label-flip', mode: 'targeted', from: 1, to: 7 },
    stops: 'a robust rule where few do it; recall by class on data of the coordinator',
  },
  backdoor: {
    example: { kind: 'backdoor' },
    stops:
      'boosted: the norm bound. Within the norm: NNM and the trimmed mean, while few groups hold attackers; no test of norms and distances sees it',
  },
  'model-replacement': { example: { kind: 'model-replacement' }, stops: NORM },
  dba: { example: { kind: 'dba' }, stops: 'as the backdoor, and harder to see: each part is small' },
  'free-rider': {
    example: { kind: 'free-rider', send: 'replay' },
    stops: 'silence and replay show in the sketches; it harms nobody',
  },
  'noise-evasion': {
    example: { kind: 'noise-evasion' },
    stops: 'nothing sees it: distributed noise is provisioned for colluders that add none',
  },
  'vector-abuse': {
    example: { kind: 'vector-abuse', abuse: 'half-ring' },
    stops:
      'nan, infinity, short, long: refused by name. Ring elements: with sketches proven a lie (the round is void, the client banned); without, its group is lost to the rule',
  },
  'sketch-lie': {
    example: { kind: 'sketch-lie', claim: 'honest', boost: 30 },
    stops: 'honest, mask: proven when the sum is opened (void round, ban). masks, size, unsigned: left out at once',
  },
  'sketch-collusion': {
    example: { kind: 'sketch-collusion', boost: 4 },
    stops:
      'nothing up to the bound, which counts on `sketch.malicious` of them; beyond it the norms of their sketches. Where one of them leaves, the others are proven liars',
  },
  'wrong-shares': {
    example: { kind: 'wrong-shares', to: 'all' },
    stops:
      'one: harmless, and not named, since one complaint proves nothing. all: named by the complaints, the attempt is repeated. commitment: proven when it is opened (void round, ban)',
  },
  equivocation: {
    example: { kind: 'equivocation', of: 'masked' },
    stops:
      'the second signed message is the proof; left out at once. With its second sketch or later its good input stays in the sum',
  },
  'unmask-lie': {
    example: { kind: 'unmask-lie', how: 'share' },
    stops: 'named by the hash that the dealer signed; the other shares are enough',
  },
  'false-complaint': {
    example: { kind: 'false-complaint' },
    stops:
      'up to `group.colluders` complaints prove nothing. One more and an honest dealer is blamed: the threshold rests on the same assumption',
  },
  'replayed-input': { example: { kind: 'replayed-input' }, stops: 'its signature is bound to the other round' },
  'dropout-abuse': {
    example: { kind: 'dropout-abuse', phase: 'masked', how: 'leave' },
    stops:
      'the threshold, up to N − t of a group; more and the round is void. Named only by participation over rounds: chance does the same',
  },
  'late-input': {
    example: { kind: 'late-input', delayMs: 600_000 },
    stops: 'the deadline; counted as a dropout, since a slow line does the same',
  },
  sybil: {
    example: { kind: 'sybil', of: { kind: 'label-flip', mode: 'reverse' }, jitter: 0.01 },
    stops: 'exact clones show as duplicates; with jitter they count as many clients. Enrolment is the defence',
  },
};

/** docs/attacks.md. @param says what a file's `kind` says of itself */
export function attacksPage(says: (kind: NamedKind) => string): string {
  const row = (...cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const attacks = Object.entries(CATALOGUE).map(([kind, { example, stops }]) =>
    row(`\`${kind}\``, says(kind as NamedKind), knowledgeOf(createAttack(example).knows), stops),
  );
  const metrics = Object.entries<Metric>(METRICS).map(([name, metric]) =>
    row(`\`${name}\``, metric.says, metric.unit, metric.better),
  );
  return `${[
    '# Attacks and metrics',
    '',
    '<!-- Made by tools/document.mjs from simulations/redteam/catalogue.ts, simulations/attack-settings.ts and simulations/redteam/report.ts. Edit those. -->',
    '',
    'What this page is: every attack that `fleet.malicious` of a simulation and `attacks` of a red team can name, and every metric that',
    'a bar can be about. What it is not: their settings ([configuration.md](configuration.md)), what was measured ([red-team.md](red-team.md)).',
    '',
    '## Attacks',
    '',
    'All are carried out by real client code. Those that know every honest update are shown it by the simulator; no coordinator could.',
    '',
    row('kind', 'what it does', 'what it knows', 'what stops it, or why nothing does'),
    '| --- | --- | --- | --- |',
    ...attacks,
    '',
    '## Metrics',
    '',
    row('name', 'is', 'unit', 'better'),
    '| --- | --- | --- | --- |',
    ...metrics,
  ].join('\n')}\n`;
}
