// `sotto client`: takes part in a task until it is over. Not here: the client (client/), what it trains with (trainers.ts).

import { readFileSync } from 'node:fs';
import {
  FederatedClient,
  fileGuards,
  fileLedgers,
  memoryGuards,
  nativePrimitives,
  nativeRng,
  nodeTransport,
} from '../../client/node/index.js';
import type { CoordinatorTrust } from '../../client/options.js';
import type { Transport } from '../../client/transport/transport.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import type { Policy } from '../../protocol/participant/types.js';
import { thresholdOf } from '../../protocol/task.js';
import { EXIT, type ExitCode } from './exit.js';
import { size } from './format.js';
import { loadIdentityFile } from './identity-file.js';
import type { Io } from './io.js';
import { type BudgetOptions, budgetsOf, spentLine } from './own-budget.js';
import { stoppable } from './stop.js';
import { type SampleSet, type Shard, sampleTrainer, trainerFromModule } from './trainers.js';

export interface ClientOptions extends BudgetOptions {
  readonly url: string;
  readonly task: string;
  readonly data?: SampleSet;
  readonly shard: Shard;
  readonly model?: string;
  readonly trainer?: string;
  readonly identity?: string;
  readonly coordinator?: string;
  readonly trustFirst: boolean;
  readonly token?: string;
  readonly ca?: string;
  readonly allowOpen: boolean;
  /** Follow the coordinator where it signs a step back to an earlier model. */
  readonly acceptRollBack?: boolean;
  /** Wait for somebody who gives this client the new key, where the coordinator has one. */
  readonly refuseKeyChange?: boolean;
  readonly minGroup: number;
  readonly maxClipNorm: number;
  readonly maxRounds: number;
  readonly json: boolean;
}

/** @returns ok where the task is over or the client was stopped @throws SottoError: what ended the client */
export async function client(options: ClientOptions, io: Io): Promise<ExitCode> {
  const say = (text: string) => io.stderr.write(`${text}\n`);
  const trust = trustOf(options);
  const policy = policyOf(options);
  const trainer = await trainerOf(options);
  try {
    if (options.identity === undefined) say('no --identity: taking part as somebody new, for this run only');
    if (options.guards === undefined)
      say('no --guards: rounds are remembered in memory only; use a folder for real data');
    const federated = new FederatedClient({
      ...trust,
      url: options.url,
      task: options.task,
      identity:
        options.identity === undefined
          ? generateIdentity(nativePrimitives, nativeRng)
          : await loadIdentityFile(options.identity),
      ...tokenOf(options, io),
      ...transportOf(options),
      policy,
      trainer,
      guards: options.guards === undefined ? memoryGuards() : fileGuards(options.guards),
      ...(options.guards !== undefined && { ledgers: fileLedgers(options.guards) }),
    });
    tell(federated, options.json, io);
    const ended = await stoppable(io, 'leaving the task', async (signal) => {
      signal.addEventListener('abort', () => void federated.stop(), { once: true });
      return federated.run();
    });
    if (options.json) io.stdout.write(`${JSON.stringify({ type: 'ended', ...ended })}\n`);
    else
      io.stdout.write(
        `${ended.how}: took part in ${ended.contributed} rounds${ended.model ? `, last model ${ended.model}` : ''}\n`,
      );
    return EXIT.ok;
  } finally {
    await trainer.dispose?.();
  }
}

function trustOf({ coordinator, trustFirst }: ClientOptions): CoordinatorTrust {
  if (coordinator !== undefined) return { coordinator };
  if (trustFirst) return { trustOnFirstUse: true };
  throw new SottoError(
    'CONFIG_INVALID',
    '--coordinator is missing: a client must know whom it trusts. Ask the operator for the id, or use --trust-first for a trial',
    { field: '--coordinator' },
  );
}

/** Arguments can be read by everybody on the machine, the environment by its owner alone. */
function tokenOf({ token }: ClientOptions, { env }: Io): { readonly token?: string } {
  const given = token ?? env.SOTTO_TOKEN;
  return given === undefined || given === '' ? {} : { token: given };
}

/** @throws CONFIG_UNREADABLE; CONFIG_INVALID where it holds no certificate, since TLS would only say that nobody is trusted */
function transportOf({ ca }: ClientOptions): { readonly transport?: Transport } {
  if (ca === undefined) return {};
  try {
    const pem = readFileSync(ca);
    if (!pem.includes('-----BEGIN CERTIFICATE-----'))
      throw new SottoError('CONFIG_INVALID', `${ca} holds no certificate in PEM`, { field: '--ca' });
    return { transport: nodeTransport({ ca: pem }) };
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    const text = `cannot read ${ca}: ${cause instanceof Error && 'code' in cause ? cause.code : cause}`;
    throw new SottoError('CONFIG_UNREADABLE', text, { field: '--ca' });
  }
}

async function trainerOf({ trainer, data, shard, model }: ClientOptions) {
  if (trainer !== undefined) return trainerFromModule(trainer, model);
  if (data !== undefined) return sampleTrainer(data, shard, model);
  throw new SottoError('CONFIG_INVALID', '--trainer or --data is missing: there is nothing to train on', {
    field: '--trainer',
  });
}

/** Threshold and colluders as the profiles of a coordinator fill them in for the smallest group that is accepted. */
function policyOf(options: ClientOptions): Policy {
  const { acceptRollBack, refuseKeyChange, allowOpen, minGroup, maxClipNorm, maxRounds } = options;
  const minColluders = Math.floor(minGroup / 3);
  return {
    profiles: allowOpen ? ['sketch', 'grouped', 'cohort', 'open'] : ['sketch', 'grouped', 'cohort'],
    minGroup,
    minColluders,
    minThreshold: thresholdOf(minGroup, minColluders),
    maxClipNorm,
    maxRounds,
    privacy: budgetsOf(options),
    catchUp: 'chain',
    ...(acceptRollBack && { rollBack: 'signed' as const }),
    keyChange: refuseKeyChange ? 'refuse' : 'signed',
  };
}

/** Every event as a JSON line, or as a line of text on stderr. */
function tell(federated: FederatedClient, json: boolean, io: Io): void {
  const line = (type: string, event: object, text: string) => {
    if (json) io.stdout.write(`${JSON.stringify({ type, ...event })}\n`);
    else io.stderr.write(`${text}\n`);
  };
  federated.on('connected', (e) =>
    line('connected', e, `connected to coordinator ${e.coordinator}${e.again ? ' again' : ''}`),
  );
  federated.on('keyChanged', (e) =>
    line('keyChanged', e, `the coordinator goes on under ${e.to}: ${e.from}, pinned so far, has signed it over`),
  );
  federated.on('disconnected', (e) =>
    line(
      'disconnected',
      e,
      `connection lost: ${e.code} ${e.reason}${e.retryInMs === undefined ? '' : `; next try in ${Math.round(e.retryInMs)} ms`}`,
    ),
  );
  federated.on('accepted', (e) => line('accepted', e, `waiting for round ${e.round} of ${e.task}`));
  federated.on('rejected', (e) =>
    line('rejected', e, `not now (${e.code}); asking again in ${Math.round(e.retryAfterMs)} ms`),
  );
  federated.on('round', (e) => {
    const at = `round ${e.run.round}`;
    const text =
      e.stage === 'uploaded'
        ? `${at}: masked update sent, ${size(e.bytes)}`
        : e.stage === 'ended'
          ? `${at}: ${e.how}${e.code ? ` (${e.code})` : ''}`
          : `${at}: ${e.stage}${spentLine(e)}`;
    line('round', e, text);
  });
  federated.on('privacy', (e) =>
    line('privacy', e, `privacy: ${e.entry.type} ${e.entry.id} in this client's own ledger`),
  );
  federated.on('model', (e) => line('model', e, `model of round ${e.round} verified: ${e.model}`));
  federated.on('guard', (e) => line('guard', e, `REFUSED the coordinator: ${e.code} ${e.text}`));
  federated.on('error', (e) => line('error', { code: e.code, message: e.message }, `error ${e.message}`));
}
