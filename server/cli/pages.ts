// The pages of docs/ that are made from code, with their text. tools/document.mjs writes them; a test compares.
// Not here: how they look (server/config/document.ts).

import * as v from 'valibot';
import { ERRORS } from '../../protocol/errors.js';
import { simulationSchema } from '../../simulations/config.js';
import { configurationPage } from '../config/document.js';
import { coordinatorSchema, taskEntries } from '../config/fields.js';

const without = (schema: { readonly entries: v.ObjectEntries }, names: readonly string[]): v.GenericSchema =>
  v.object(Object.fromEntries(Object.entries(schema.entries).filter(([name]) => !names.includes(name))));

/** Path below the repository root → text. */
export function generatedPages(): Readonly<Record<string, string>> {
  const shared = [...Object.keys(taskEntries), 'campaign'];
  return {
    'docs/errors.md': errorsPage(),
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

/** docs/errors.md: every code with whom it blames and whether trying again helps. */
function errorsPage(): string {
  const out = [
    '# Errors',
    '',
    '<!-- Made by tools/document.mjs from protocol/errors.ts. Edit that. -->',
    '',
    'Every error of Sotto has a code that keeps its meaning. *Blame* decides who is counted, refused or told: `remote` is the sender',
    'of the bad value, `local` this side, `config` whoever wrote the settings, `nobody` chance or time. The message of an error names',
    'the culprit and what to do; a peer is told the code alone.',
    '',
    '| code | means | blame | try again |',
    '| --- | --- | --- | --- |',
  ];
  for (const [code, { blame, retry, says }] of Object.entries(ERRORS)) {
    out.push(`| \`${code}\` | ${says} | ${blame} | ${retry} |`);
  }
  return `${out.join('\n')}\n`;
}
