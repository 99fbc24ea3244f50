// The pages of docs/ that are made from code, with their text. tools/document.mjs writes them; a test compares.
// Not here: how they look (server/config/document.ts).

import * as v from 'valibot';
import { simulationSchema } from '../../simulations/config.js';
import { configurationPage } from '../config/document.js';
import { coordinatorSchema, taskEntries } from '../config/fields.js';

const without = (schema: { readonly entries: v.ObjectEntries }, names: readonly string[]): v.GenericSchema =>
  v.object(Object.fromEntries(Object.entries(schema.entries).filter(([name]) => !names.includes(name))));

/** Path below the repository root → text. */
export function generatedPages(): Readonly<Record<string, string>> {
  const shared = [...Object.keys(taskEntries), 'campaign'];
  return {
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
