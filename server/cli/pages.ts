// The pages of docs/ that are made from code, with their text. tools/document.mjs writes them; a test compares.
// Not here: how they look (server/config/document.ts).

import * as v from 'valibot';
import { ERRORS, type ErrorSpec } from '../../protocol/errors.js';
import { simulationSchema } from '../../simulations/config.js';
import { configurationPage } from '../config/document.js';
import { coordinatorSchema, taskEntries } from '../config/fields.js';

const without = (schema: { readonly entries: v.ObjectEntries }, names: readonly string[]): v.GenericSchema =>
  v.object(Object.fromEntries(Object.entries(schema.entries).filter(([name]) => !names.includes(name))));

/** Path below the repository root → text. */
export function generatedPages(): Readonly<Record<string, string>> {
  const shared = [...Object.keys(taskEntries), 'campaign'];
  return {
    'protocol/error-codes.ts': errorCodes(Object.entries(ERRORS)),
    'docs/configuration.md': configurationPage([
      {
        title: 'The task and its campaign',
        intro: 'In every file, of a coordinator or of a simulation.',
        schema: v.object({ ...taskEntries, campaign: coordinatorSchema.entries.campaign }),
      },
      {
        title: 'A coordinator',
        intro:
          'The file of `sotto coordinator <config>`: the task, its campaign, and these. A sample is `examples/coordinator.yaml`.',
        schema: without(coordinatorSchema, shared),
      },
      {
        title: 'A simulation',
        intro:
          'The file of `sotto simulate [config]`: the task, its campaign, and these. Samples are `examples/mnist.yaml`, `examples/spam.yaml` and `examples/quick.yaml`.',
        schema: without(simulationSchema, shared),
      },
    ]),
  };
}

const ERRORS_MODULE = './errors.js';
/** The names alone: a page in a browser checks codes without carrying the sentences that explain them. */
function errorCodes(errors: readonly (readonly [string, ErrorSpec])[]): string {
  const names = (list: typeof errors): string => list.map(([code]) => `${code}\n`).join('');
  const nobodys = errors.filter(([, { blame }]) => blame === 'nobody');
  return `// Made from errors.ts by \`npm run docs\`: the codes without their texts, which a page in a browser need not load.
import type { ErrorCode } from '${ERRORS_MODULE}';

const lines = (text: string): ReadonlySet<string> => new Set(text.trim().split('\\n'));

const CODES = lines(\`
${names(errors)}\`);
const NOBODYS = lines(\`
${names(nobodys)}\`);

export const isErrorCode = (text: unknown): text is ErrorCode => typeof text === 'string' && CODES.has(text);
/** Whether a code blames nobody: chance or time. */
export const isNobodysFault = (code: ErrorCode): boolean => NOBODYS.has(code);
`;
}
