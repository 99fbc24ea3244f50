// The verdict on a world at rest: what is on the coordinator's disk against what was acknowledged, seen and sent, and what clients keep.
// Safety only; that everything ended is simulate.ts. Not here: the rules of the log (check-log.ts), verifying an export (server/audit).

import { isForward } from '../../client/guards.js';
import { weightsFromBytes } from '../../protocol/chain/model.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Hash } from '../../protocol/ids.js';
import { ledgerOf } from '../../protocol/privacy/ledger.js';
import { canonicalJson, type Json, thresholdOf } from '../../protocol/task.js';
import { readRows } from '../../server/audit/log.js';
import { applyChange, progressOf, project } from '../../server/audit/project.js';
import { verifyAudit } from '../../server/audit/verify.js';
import type { MemoryDisk } from '../../server/store/memory-backend.js';
import type { Store } from '../../server/store/types.js';
import { sumCheckOf } from './accounting.js';
import { checkDecisions } from './check-decisions.js';
import { checkLog } from './check-log.js';
import type { ClientNode } from './client-node.js';
import { storeOn } from './disk.js';
import type { Observed } from './observed.js';
import type { Settings } from './ops.js';
import { dimensionOf } from './tasks.js';

export interface AtRest {
  readonly disk: MemoryDisk;
  readonly coordinator: Identity;
  readonly settings: Settings;
  readonly observed: Observed;
  readonly clients: readonly ClientNode[];
  readonly indexOf: (client: string) => number;
  /** Everything came to its end; else a round may be open. */
  readonly ended: boolean;
}

export async function checkAtRest(world: AtRest): Promise<void> {
  const { observed } = world;
  let store: Store;
  try {
    store = storeOn(world.disk, world.coordinator);
  } catch (error) {
    return observed.violate('store damaged', String(error));
  }
  if (store.head() === undefined) {
    if (observed.heads.size > 0) observed.violate('acknowledgedLost', 'the log is empty');
    return;
  }
  checkStore(world, store);
  await checkExport(world, store);
  for (const client of world.clients) checkClient(world, client);
}

function checkStore({ observed, settings, clients, indexOf, ended }: AtRest, store: Store): void {
  const { firstBadEvent, badBlobs, rows } = store.verify();
  if (firstBadEvent !== undefined) {
    observed.violate('chain broken', `event ${firstBadEvent.seq}: ${firstBadEvent.text}`);
    return;
  }
  if (badBlobs.length > 0) observed.violate('blob damaged', badBlobs.join());
  if (rows !== 'match') observed.violate('rows differ', 'their digest is not that of what is there');
  const events = [...store.events(1)];
  const aggregate = (hash: string): Float32Array | undefined =>
    store.hasBlob(hash as Hash) ? weightsFromBytes(store.blob(hash as Hash), dimensionOf(settings)) : undefined;
  const { says } = checkLog(events, observed, aggregate, indexOf, sumCheckOf(settings, observed.inputs, indexOf));
  const decided = {
    trained: observed.trained,
    verified: clients.flatMap((client) => client.verified),
    loud: settings.loud,
    floor: thresholdOf(settings.group.size, settings.group.colluders),
    paid: settings.task === 'noise',
  };
  for (const said of [...says, ...checkDecisions(events, decided, indexOf)]) {
    const [kind = '', ...text] = said.split(': ');
    observed.violate(kind, text.join(': '));
  }
  // Rows are nothing but what the events make of them.
  const replayed = new Map<string, Json>();
  for (const event of events) for (const change of project(replayed, event)) applyChange(replayed, change);
  const stored = readRows(store);
  for (const key of new Set([...replayed.keys(), ...stored.keys()])) {
    const [a, b] = [replayed.get(key), stored.get(key)];
    const same = a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b);
    if (!same) observed.violate('rows differ', `${key} is not what the events say`);
  }
  const { lastRound, round } = progressOf(stored);
  if (ended && round > lastRound) observed.violate('round open', `round ${round} began and has no end in the log`);
}

async function checkExport({ coordinator, observed }: AtRest, store: Store): Promise<void> {
  const { problems } = await verifyAudit({
    coordinator: coordinator.id,
    events: (async function* () {
      yield* store.events(1);
    })(),
    head: () => store.head(),
    blob: (hash) => (store.hasBlob(hash) ? store.blob(hash) : undefined),
  });
  for (const text of problems) observed.violate('audit', text);
}

/** Nothing that a client keeps against its coordinator goes back, whatever happened to it. */
function checkClient({ observed }: AtRest, { index, disk }: ClientNode): void {
  disk.guards.forEach((record, i) => {
    const before = disk.guards[i - 1];
    if (before !== undefined && !isForward(before, record))
      observed.violate('guards went back', `client ${index}: ${JSON.stringify([before, record])}`);
  });
  try {
    ledgerOf(disk.ledger);
  } catch (error) {
    observed.violate('ledger', `client ${index}: ${String(error)}`);
  }
}
