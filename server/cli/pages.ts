// The pages of docs/ that are made from code, with their text. tools/document.mjs writes them; a test compares.
// Not here: how they look (server/config/document.ts).

import * as v from 'valibot';
import { ERRORS, type ErrorSpec } from '../../protocol/errors.js';
import { saysOf } from '../../simulations/attack-settings.js';
import { simulationSchema } from '../../simulations/config.js';
import { attacksPage } from '../../simulations/redteam/catalogue.js';
import { barsSchema } from '../../simulations/redteam/gate.js';
import { redTeamSchema } from '../../simulations/redteam/settings.js';
import { configurationPage } from '../config/document.js';
import { coordinatorSchema, taskEntries } from '../config/fields.js';

const without = (schema: { readonly entries: v.ObjectEntries }, names: readonly string[]): v.GenericSchema =>
  v.object(Object.fromEntries(Object.entries(schema.entries).filter(([name]) => !names.includes(name))));

/** What only a red team has: the rest of its fields stands elsewhere on the page. */
function redTeamPart(): v.GenericSchema {
  const { name, attacks, defences, seeds } = redTeamSchema.entries;
  const named = (list: { readonly item: v.GenericSchema }): v.GenericSchema => {
    const { entries } = list.item as unknown as { readonly entries: v.ObjectEntries };
    return v.object({ name: entries.name as v.GenericSchema });
  };
  const part = (list: v.GenericSchema): v.GenericSchema => {
    const { item } = list as unknown as { readonly item: v.GenericSchema };
    return v.pipe(
      v.array(named({ item })),
      v.description(v.getDescription(list) ?? ''),
      v.metadata(v.getMetadata(list) as Record<string, unknown>),
    );
  };
  const { simulation } = redTeamSchema.entries;
  return v.object({
    name,
    simulation: v.pipe(v.object({}), v.description(v.getDescription(simulation) ?? '')),
    attacks: part(attacks),
    defences: part(defences),
    seeds,
  });
}

/** Path below the repository root → text. */
export function generatedPages(): Readonly<Record<string, string>> {
  const shared = [...Object.keys(taskEntries), 'campaign'];
  return {
    'protocol/error-codes.ts': errorCodes(Object.entries(ERRORS)),
    'docs/attacks.md': attacksPage(saysOf),
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
          'The file of `sotto simulate [config]`: the task, its campaign, and these. Samples are `examples/mnist.yaml`, `examples/robust.yaml`, `examples/spam.yaml` and `examples/quick.yaml`.',
        schema: without(simulationSchema, shared),
      },
      {
        title: 'A red team',
        intro:
          'The file of `sotto redteam [config]`. Settings under `simulation` and `defences[]` that stand above, or in the simulation, are those; `attacks[].malicious` is `fleet.malicious` of a simulation. Samples are `examples/redteam.yaml` and `examples/redteam-mnist.yaml`; [red-team.md](red-team.md) explains.',
        schema: redTeamPart(),
      },
      {
        title: 'Bars of a red team',
        intro:
          'The file of `sotto redteam --gate <bars>`. Metrics are in [red-team.md](red-team.md). Samples are `examples/redteam-bars.yaml` and `examples/redteam-mnist-bars.yaml`.',
        schema: barsSchema,
      },
    ]),
  };
}

const ERRORS_MODULE = './errors.js';
/** Never told to a client. */
const COORDINATORS_OWN = /^(ADMIN|AGGREGATE|CAMPAIGN)_/;
/** The codes that blame nobody: a page in a browser asks for these without carrying the sentences that explain all. */
function errorCodes(errors: readonly (readonly [string, ErrorSpec])[]): string {
  const nobodys = errors
    .filter(([code, { blame }]) => blame === 'nobody' && !COORDINATORS_OWN.test(code))
    .map(([code]) => `${code}\n`);
  return `// Made from errors.ts by \`npm run docs\`: whom codes blame, without their texts, which a page in a browser need not load.
import type { ErrorCode } from '${ERRORS_MODULE}';

const NOBODYS: ReadonlySet<string> = new Set(
  \`
${nobodys.join('')}\`
    .trim()
    .split('\\n'),
);

/** Whether a code that a client meets blames nobody: chance or time. */
export const isNobodysFault = (code: ErrorCode): boolean => NOBODYS.has(code);
`;
}
