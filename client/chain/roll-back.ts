// A signed step back along the model chain (protocol.md §6 guard 5): checked like every link, and taken only where the policy says
// so. It gives the model of an ancestor and nothing else: rounds, counters and ledgers of this client stay where they are.
// Loaded when there is one. Not here: links that go forward (model-chain.ts).

import { recordHash } from '../../protocol/chain/record.js';
import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { SymmetricPrimitives } from '../../protocol/crypto/primitives.js';
import { utf8Decode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import { MAX_TEXT } from '../../protocol/limits.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import type { Requests } from './requests.js';

export interface RollBackSetup {
  readonly task: string;
  readonly primitives: SymmetricPrimitives;
  readonly requests: Requests;
  /** Signature, task and settings of a record. Rejects where they are wrong. */
  readonly check: (record: ChainRecordBody) => Promise<void>;
}

/**
 * Whether `record` goes back to an ancestor of `own`: the chain from there to `own` is fetched and checked link by link.
 * @returns the reason that the coordinator gives, at most MAX_TEXT characters
 * Rejects with GUARD_MODEL_CHAIN where it does not, and with what Requests reject with
 */
export async function checkRollBack(
  { task, primitives, requests, check }: RollBackSetup,
  record: ChainRecordBody,
  own: ChainRecordBody,
): Promise<string> {
  const head = recordHash(primitives, own);
  const follows =
    bytesEqual(record.previous, head) && bytesEqual(record.modelBefore, own.modelAfter) && record.round > own.round;
  if (!follows) throw broken(`the roll-back in round ${record.round} does not follow the record of round ${own.round}`);
  let at = record.transcript;
  let first = true;
  while (!bytesEqual(at, head)) {
    const { records } = await requests.records(task, at);
    if (records.length === 0) throw broken(`what the roll-back in round ${record.round} goes back to is no ancestor`);
    for (const link of records) {
      if (bytesEqual(at, head)) break;
      await check(link);
      if (!bytesEqual(link.previous, at))
        throw broken(`what the roll-back in round ${record.round} goes back to is no ancestor`);
      if (first && !bytesEqual(link.modelBefore, record.modelAfter))
        throw broken(`the roll-back in round ${record.round} gives another model than that of its ancestor`);
      if (first && link.type === 'update' && link.step !== record.step + 1)
        throw broken(`the roll-back in round ${record.round} gives other steps than those of its ancestor`);
      first = false;
      at = recordHash(primitives, link);
    }
  }
  if (first) throw broken(`the roll-back in round ${record.round} goes back to where the chain is`);
  const reason = utf8Decode(await requests.blob(record.aggregate, 4 * MAX_TEXT));
  if (reason === undefined || reason === '') throw broken(`the roll-back in round ${record.round} gives no reason`);
  return reason;
}

const broken = (text: string): SottoError => new SottoError('GUARD_MODEL_CHAIN', text);
