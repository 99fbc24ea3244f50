// Short ways to write blocks, and what the reports of a run and of a log have in common: limits of a profile in words, the model card.
// Not here: how blocks become text (server/report).

import { ERRORS, type ErrorCode } from '../../../protocol/errors.js';
import type { Profile } from '../../../protocol/task.js';
import type { Declaration } from '../../models/index.js';
import type { Block, Cell } from '../../report/index.js';
import { sliceBlocks } from './slices.js';

export const heading = (text: string): Block => ({ type: 'heading', text });
export const text = (words: string): Block => ({ type: 'text', text: words });
export const list = (items: readonly string[]): Block[] => (items.length === 0 ? [] : [{ type: 'list', items }]);
/** Columns in which nobody has anything are left away, the first one apart. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Block {
  const known = head.map((_, i) => i === 0 || rows.length === 0 || rows.some((row) => (row[i] ?? null) !== null));
  const pick = <T>(cells: readonly T[]): T[] => cells.filter((_, i) => known[i]);
  return { type: 'table', table: { caption, head: pick(head), rows: rows.map((row) => pick(row)) } };
}

/** Rows of a table at most: a page with ten thousand is read by nobody. */
export const MAX_ROWS = 200;
/** The first rows, and a line that says how many more there are. */
export function longTable(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Block[] {
  const more = rows.length - MAX_ROWS;
  return [
    table(caption, head, rows.slice(0, MAX_ROWS)),
    ...(more > 0 ? [text(`${more} more rows are in the source of this report.`)] : []),
  ];
}

/** What a code means, in the words of the error table; codes of newer versions stand for themselves. */
export const saysOfCode = (code: string): string => (code in ERRORS ? ERRORS[code as ErrorCode].says : code);

/** What the coordinator could see, and what the defence does not cover. */
export const LIMITS: Readonly<Record<Profile, readonly string[]>> = {
  sketch: [
    'The coordinator saw one sum for each group and a few random projections of each update, never an update. The projections leak what docs/verified-sketches.md says.',
    'An attacker whose update looks like those of honest clients in norm, distance and direction is not left out; what it can do is bounded by the clipping norm.',
  ],
  grouped: [
    'The coordinator saw one sum for each group, never an update. No statistic of a sum says which member of a group did harm.',
    'The robust rule holds as long as fewer groups have an attacker in them than it tolerates.',
  ],
  cohort: [
    'The coordinator saw one sum, never an update. Nothing but the clipping norm bounds what a malicious client can do to it.',
  ],
  open: ['The coordinator saw every update of every client. Nothing here is secret from it.'],
};

/** What whoever publishes the model says about it; the rest of the card is measured. */
export interface CardWords {
  readonly intended?: string;
  readonly unintended?: string;
  readonly contact?: string;
  readonly licence?: string;
  readonly considerations?: string;
}

export interface CardFacts {
  readonly task: string;
  readonly model: string;
  readonly dimension: number;
  readonly training: string;
  readonly data: readonly string[];
  readonly declarations: readonly Declaration[];
  readonly accuracy?: number;
  /** By class; null for a class without examples in the test part. */
  readonly recalls?: readonly (number | null)[];
  readonly privacy: string;
  /** Hash of the weights that the card is about. */
  readonly weights?: string;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const UNSAID = 'Not stated by whoever made this report (--card).';

/** Source of the sections: Mitchell et al. 2019, "Model cards for model reporting". */
export function cardBlocks(facts: CardFacts, words: CardWords): Block[] {
  const { recalls = [], declarations } = facts;
  const known = recalls.filter((recall) => recall !== null);
  return [
    heading('Model card'),
    table(
      'The model',
      ['what', 'is'],
      [
        ['task', facts.task],
        ['model', facts.model],
        ['weights', `${facts.dimension} float32`],
        ['training', facts.training],
        ['intended use', words.intended ?? UNSAID],
        ['not intended for', words.unintended ?? UNSAID],
        ['ethical considerations', words.considerations ?? UNSAID],
        ['licence', words.licence ?? UNSAID],
        ['contact', words.contact ?? UNSAID],
        ['privacy', facts.privacy],
      ],
    ),
    ...list(facts.data),
    ...(declarations.length === 0
      ? [text('No client has declared what its data are (sotto models declare).')]
      : [
          table(
            'What clients declare about their data, each signed by its client and checked by nobody else',
            ['client', 'description', 'records', 'collected', 'licence', 'consent', 'limits'],
            declarations.map(({ client, data }) => [
              client.slice(0, 8),
              data.description,
              data.records ?? null,
              data.collected ?? null,
              data.licence ?? null,
              data.consent ?? null,
              data.limits ?? null,
            ]),
          ),
        ]),
    ...(known.length === 0
      ? [text('The model was not measured class by class.')]
      : [
          table(
            `Evaluation by class: the share of the examples of a class that the model gets right${facts.accuracy === undefined ? '' : `; ${percent(facts.accuracy)} over all`}`,
            ['class', 'recall'],
            recalls.map((recall, label) => [`class ${label}`, recall === null ? null : percent(recall)]),
          ),
          text(
            `The worst class is right in ${percent(Math.min(...known))}, the best in ${percent(Math.max(...known))}.`,
          ),
        ]),
    ...sliceBlocks(declarations, facts.weights),
  ];
}
