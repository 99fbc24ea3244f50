// A model out of an audit log, with what the log says about it: which rounds, how many clients, what privacy. The log is verified
// first: nothing is vouched for that does not hold together. Not here: signing (manifest.ts), verifying (server/audit/verify.ts).

import { recordFromJson } from '../../protocol/audit/record-json.js';
import { weightsFromBytes } from '../../protocol/chain/model.js';
import { SottoError } from '../../protocol/errors.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { parseTask } from '../../protocol/task-schema.js';
import { isFact } from '../audit/events.js';
import type { AuditExport } from '../audit/export.js';
import { type Verdict, verifyAudit } from '../audit/verify.js';
import { hashOfWeights } from './folder.js';
import type { Provenance } from './manifest.js';

export interface LoggedModel {
  readonly task: string;
  readonly round: number;
  readonly weights: Float32Array<ArrayBuffer>;
  readonly provenance: Omit<Provenance, 'source' | 'declarations'>;
  readonly verdict: Verdict;
}

/**
 * @param open gives the log from its start; called twice
 * @param round after which the model was so; absent: the newest
 * @throws MODEL_UNPROVEN where the log does not hold together; CONFIG_INVALID for a round without a model, or whose model is not kept
 */
export async function modelFromLog(open: () => Promise<AuditExport>, round?: number): Promise<LoggedModel> {
  const verdict = await verifyAudit(await open());
  if (!verdict.ok)
    throw new SottoError('MODEL_UNPROVEN', `the audit log does not hold together: ${verdict.problems[0]}`, {
      problems: verdict.problems.length,
    });
  const log = await open();
  const clients = new Set<string>();
  let dimension = 0;
  let committed = 0;
  let voided = 0;
  let found: { round: number; record: Hash; model: Hash; committed: number; void: number; clients: number } | undefined;
  let pending: { round: number; record: Hash; model: Hash } | undefined;
  const rounds: number[] = [];
  const take = (): void => {
    if (pending === undefined) return;
    rounds.push(pending.round);
    if (round === undefined || pending.round === round)
      found = { ...pending, committed, void: voided, clients: clients.size };
    pending = undefined;
  };
  for await (const event of log.events) {
    if (!isFact(event)) continue;
    if (event.type === 'task-created') dimension = parseTask(event.body.config).dimension;
    else if (event.type === 'round-void') voided++;
    else if (event.type === 'round-committed') {
      committed++;
      for (const { survivors } of event.body.groups) for (const client of survivors) clients.add(client);
    } else if (event.type === 'model-recorded') {
      // The round that it ends stands behind it, in the same transaction.
      take();
      const record = recordFromJson(event.body.record);
      if (record !== undefined)
        pending = { round: record.round, record: event.body.hash as Hash, model: hashOf(record.modelAfter) };
    }
  }
  take();
  if (found === undefined)
    throw new SottoError(
      'CONFIG_INVALID',
      `there is no model of round ${round}; there are those of ${rounds.join(', ')}`,
      {
        field: 'round',
      },
    );
  const bytes = log.blob(found.model);
  if (bytes === undefined)
    throw new SottoError('CONFIG_INVALID', `the model of round ${found.round} is not kept; see data.keptModels`, {
      field: 'round',
    });
  const weights = weightsFromBytes(bytes, dimension);
  if (hashOfWeights(weights) !== found.model)
    throw new SottoError('STORE_BLOB', `the stored model of round ${found.round} does not have its hash`, {});
  const { coordinator, privacy, head } = verdict;
  return {
    task: verdict.task ?? '',
    round: found.round,
    weights,
    verdict,
    provenance: {
      from: 'coordinator',
      coordinator,
      record: found.record,
      ...(head && { head: { seq: head.seq, hash: head.hash } }),
      rounds: { committed: found.committed, void: found.void },
      contributors: found.clients,
      privacy: privacy.spent.map(({ statement, epsilon, delta }) => ({ statement, epsilon, delta })),
    },
  };
}
