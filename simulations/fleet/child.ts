// Entry of a fleet process, forked by fleet.ts and never imported: holds some of the clients, and one training thread for them.
// Ends by itself when its parent does, however that happens: the pipe closes.

import { nodeTransport } from '../../client/node/index.js';
import { createTrainingPool, type TrainingPool } from '../../client/tfjs/index.js';
import { SottoError } from '../../protocol/errors.js';
import { openKernels } from '../../protocol/kernels/wasm.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import { examplesOf } from '../data.js';
import { drawsOf } from '../draws.js';
import { Mail } from './gathering.js';
import { Member } from './member.js';
import type { FromChild, ToChild } from './messages.js';

let members: readonly Member[] = [];
let pool: TrainingPool | undefined;
const mail = new Mail();

const tell = (message: FromChild): void => {
  // Without a parent there is nobody to tell; 'disconnect' ends this process.
  if (process.connected) process.send?.(message);
};

async function load({ source, model, seed, members: orders, listens }: ToChild & { type: 'load' }): Promise<void> {
  pool = createTrainingPool({ workers: 1 });
  const around = {
    pool,
    train: (await examplesOf(source, seed)).train,
    model,
    draws: drawsOf(seed),
    transport: nodeTransport(),
    kernels: openKernels(WebAssembly),
    onCut: (client: number, round: number, phase: (FromChild & { type: 'cut' })['phase']) =>
      tell({ type: 'cut', client, round, phase }),
    onLedger: (client: number, entry: LedgerEntry) => tell({ type: 'ledger', client, entry }),
    onSpent: (client: number, epsilon: number) => tell({ type: 'spent', client, epsilon }),
    onAborted: (round: number) => tell({ type: 'aborted', round }),
    onTrouble: (client: number, code: SottoError['code'], text: string) =>
      tell({ type: 'trouble', client, code, text }),
    mail,
    listens,
    onTrained: (client: number, round: number, attempt: number, update: Float32Array) =>
      tell({ type: 'trained', client, round, attempt, update }),
  };
  members = orders.map((order) => new Member(order, around));
}

async function obey(message: ToChild): Promise<void> {
  switch (message.type) {
    case 'load':
      await load(message);
      return tell({ type: 'loaded' });
    case 'join':
      for (const member of members) member.join(message.campaign);
      return tell({ type: 'joined' });
    case 'over':
      for (const member of members) member.release(message.round);
      mail.over(message.round - 1);
      return;
    case 'others':
      mail.deliver(message.others);
      return;
    case 'leave':
      await Promise.all(members.map((member) => member.leave()));
      return tell({ type: 'left' });
    case 'end':
      await Promise.all(members.map((member) => member.leave()));
      await pool?.close();
      process.disconnect();
      return;
    default:
      return message satisfies never;
  }
}

function give(error: unknown): void {
  const known = error instanceof SottoError;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  tell({
    type: 'failed',
    code: known ? error.code : 'INTERNAL',
    text: known ? error.message.slice(error.code.length + 2) : text,
    ...(known && { details: error.details }),
  });
}

process.on('message', (message: ToChild) => {
  obey(message).catch((error: unknown) => {
    give(error);
    process.exitCode = 1;
    process.disconnect();
  });
});
process.on('disconnect', () => process.exit());
// A terminal sends Ctrl-C to the whole group, and so do timeout(1) and service managers with SIGTERM. The parent decides when this
// process ends: it has 'disconnect' and SIGKILL.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
