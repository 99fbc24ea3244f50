// Whoever opens a damaged data directory, in a process of its own: it might die of it, which is what must never happen. Not a test.

import { canonicalJson } from '../../../protocol/canonical-json.js';
import { hashOfBlob } from '../../../protocol/chain/model.js';
import { utf8Decode } from '../../../protocol/crypto/utf8.js';
import { SottoError } from '../../../protocol/errors.js';
import { hashOf } from '../../../protocol/ids.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import { deriveTask } from '../../../protocol/task.js';
import { openDurable } from '../../../server/audit/durable.js';
import { replay } from '../../../server/audit/project.js';
import { linksFrom } from '../../../server/chain/find.js';
import { diagnose } from '../../../server/data/doctor.js';
import { identityNumber } from '../kill/setting.js';
import { type Lived, liveOnce } from './faults.js';
import { diskTask } from './setting.js';

export type ToVictim =
  | { readonly type: 'open'; readonly directory: string; readonly seed: number }
  | { readonly type: 'restore'; readonly directory: string }
  /** A campaign until it ends, or the store fails. */
  | { readonly type: 'live'; readonly directory: string; readonly seed: number; readonly rounds: number };
export type FromVictim =
  /** `heads`: hash of each event by its number, from 1. */
  | {
      readonly type: 'opened';
      readonly events: readonly string[];
      readonly newest: string;
      readonly served: readonly string[];
      readonly wrong: readonly string[];
      readonly quarantined: number;
      /** State rows that are not what the events make of them. */
      readonly badRows: readonly string[];
    }
  | { readonly type: 'lived'; readonly lived: Lived }
  | { readonly type: 'refused'; readonly code: string; readonly text: string }
  | { readonly type: 'restored'; readonly seq: number; readonly markerOnly: boolean; readonly wrong: string };

process.once('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  const order = raw as ToVictim;
  void carryOut(order)
    .catch((error: unknown): FromVictim => {
      const code = error instanceof SottoError ? error.code : 'none';
      return { type: 'refused', code, text: error instanceof Error ? error.message : String(error) };
    })
    .then((answer) => process.send?.(answer));
});

async function carryOut(order: ToVictim): Promise<FromVictim> {
  switch (order.type) {
    case 'open':
      return open(order.directory, order.seed);
    case 'restore':
      return restore(order.directory);
    case 'live':
      return { type: 'lived', lived: await liveOnce(order.directory, order.seed, order.rounds) };
    default:
      return order satisfies never;
  }
}

/** As a coordinator starts, and then everything that it would ever serve. */
async function open(directory: string, seed: number): Promise<FromVictim> {
  const task = diskTask(seed);
  let quarantined = 0;
  const durable = await openDurable({
    settings: { directory, keptModels: 3, backupRounds: 0 },
    identity: identityNumber(seed, -1),
    task: task.task,
    config: deriveTask(task).text,
    version: 'bar',
    wallClock: Date.now,
    warn: () => quarantined++,
  });
  try {
    const { store } = durable.log;
    const served: string[] = [];
    const wrong: string[] = [];
    for (const { record } of linksFrom(durable.chain, 0))
      for (const bytes of [record.modelAfter, record.aggregate, record.optimizerAfter]) {
        if (bytes.length === 0) continue;
        const name = hashOf(bytes);
        const blob = durable.chain.blob(name);
        if (blob === undefined) continue;
        served.push(name);
        if (hashOf(hashOfBlob(nativePrimitives, blob.bytes)) !== name) wrong.push(name);
      }
    // The chain is read from the start: a bad old event must not look like a good one.
    const events: string[] = [];
    for (const event of store.events(1)) if (event.seq > 1) events.push(event.prevHash);
    events.push(store.head()?.hash ?? '');
    const newest = hashOf(durable.chain.head().record.modelAfter);
    const replayed = replay([...store.events(1)]);
    const there = new Map(store.range(''));
    const badRows = [...new Set([...replayed.keys(), ...there.keys()])].filter((key) => {
      const [expected, bytes] = [replayed.get(key), there.get(key)];
      return expected === undefined || bytes === undefined || canonicalJson(expected) !== utf8Decode(bytes);
    });
    return { type: 'opened', events, newest, served, wrong, quarantined, badRows };
  } finally {
    await durable.close('the case is over');
  }
}

async function restore(directory: string): Promise<FromVictim> {
  const { restored, rewroteMarker, wrong } = await diagnose(directory, true);
  return { type: 'restored', seq: restored?.seq ?? 0, markerOnly: rewroteMarker === true, wrong: wrong ?? '' };
}
