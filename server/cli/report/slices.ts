// Evaluation by slice in the model card: what clients have measured on their own data and signed, added up by the name of the slice.
// Pure. Not here: measuring (models/slices.ts), the rest of the card (blocks.ts).

import type { Declaration } from '../../models/index.js';
import type { Block } from '../../report/index.js';
import { percent } from '../format.js';

const text = (words: string): Block => ({ type: 'text', text: words });

interface Sum {
  clients: number;
  examples: number;
  correct: number;
  /** The lowest share of one client. */
  worst: number;
}

/** @param model hash of the weights that the card is about; of others nothing is counted */
export function sliceBlocks(declarations: readonly Declaration[], model: string | undefined): readonly Block[] {
  const measuring = declarations.filter(({ data }) => (data.slices ?? []).length > 0);
  // What a client wrote by hand names no model: it is counted, since the client signed it for this task.
  const counted = measuring.filter(({ data }) => data.measured === undefined || data.measured === model);
  const sums = new Map<string, Sum>();
  for (const { data } of counted)
    for (const { name, examples, correct } of data.slices ?? []) {
      const sum = sums.get(name) ?? { clients: 0, examples: 0, correct: 0, worst: 1 };
      sums.set(name, {
        clients: sum.clients + 1,
        examples: sum.examples + examples,
        correct: sum.correct + correct,
        worst: Math.min(sum.worst, correct / examples),
      });
    }
  const others = measuring.length - counted.length;
  return [
    ...(sums.size === 0
      ? [text('No client has measured the model on slices of its data (sotto models declare --evaluate).')]
      : [
          {
            type: 'table' as const,
            table: {
              caption: 'Evaluation by slice, measured and signed by clients on their own data, checked by nobody else',
              head: ['slice', 'clients', 'examples', 'right', 'right at the worst client'],
              rows: [...sums].map(([name, { clients, examples, correct, worst }]) => [
                name,
                clients,
                examples,
                percent(correct / examples),
                percent(worst),
              ]),
            },
          },
        ]),
    ...(others === 0 ? [] : [text(`${others} declarations measured another model and are not counted.`)]),
  ];
}
