// A client's own ledger over its records, in the real driver: written before anything can leave, and the last word on whether it
// takes part. Not here: prices (test/privacy), the trainer's side (test/dp-sgd), ledgers on disk (test/privacy/ledger-stores.test.ts).

import { describe, expect, it } from 'vitest';
import { type LedgerStore, memoryLedgers } from '../../client/ledger-store.js';
import type { ClientPrivacy } from '../../client/privacy-guard.js';
// Loaded beforehand, so that virtual time need not wait for the import that the driver makes.
import '../../client/record-accounts.js';
import type { RecordRelease, Trainer } from '../../client/trainer.js';
import { SottoError } from '../../protocol/errors.js';
import { clientId } from '../../protocol/ids.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import type { RunRef } from '../../protocol/wire/messages.js';
import { ScriptedCoordinator, taskOf } from './coordinator.js';
import { HeldTrainer, openPolicy, start } from './harness.js';
import { settle } from './virtual-timers.js';

const RELEASE: RecordRelease = {
  type: 'poissonGaussian',
  samplingRate: 0.1,
  noiseMultiplier: 1.2,
  count: 4,
  arithmetic: 'exact',
};
const RUN: RunRef = { round: 1, attempt: 1, group: 0 };
const BUDGET = { epsilon: 3, delta: 1e-5 };
const privacyOf = (ledger: LedgerStore = memoryLedgers(), record = BUDGET): ClientPrivacy => ({
  budgets: { record },
  ledger,
});

const ownLimits = ({ budgets, ledger }: ClientPrivacy) => ({
  ledgers: ledger,
  policy: { ...openPolicy, privacy: budgets },
});

/** As a private trainer: says what it releases, before and after. */
class Claiming extends HeldTrainer {
  realised: readonly RecordRelease[] | undefined = [RELEASE];
  readonly planned: readonly RecordRelease[];
  constructor(planned: readonly RecordRelease[] = [RELEASE]) {
    super();
    this.planned = planned;
  }
  releases = (): readonly RecordRelease[] => this.planned;
  override async train(...order: Parameters<Trainer['train']>) {
    const result = await super.train(...order);
    return this.realised === undefined ? result : { ...result, releases: this.realised };
  }
}

async function announced(trainer: Claiming, privacy: ClientPrivacy | undefined, training = {}) {
  const side = new ScriptedCoordinator(taskOf({ training: { ...taskOf().training, ...training } }));
  const harness = await start({ trainer, coordinatorSide: side, ...(privacy && ownLimits(privacy)) });
  const announce = async (run: RunRef): Promise<void> => {
    harness.coordinator.session.send(harness.coordinator.announce(run));
    await settle();
    await settle();
  };
  await announce(RUN);
  const entries = (): Promise<readonly LedgerEntry[]> =>
    (privacy as ClientPrivacy).ledger.load(clientId(harness.coordinator.identity.publicKey), 'digits');
  return { ...harness, announce, entries };
}
const event = (count = 4, round = 1) =>
  expect.objectContaining({ ...RELEASE, count, round, unit: 'record', observer: 'coordinator' });

describe('a round of a private task', () => {
  it('is reserved at its worst before training begins, settled at what happened before anything is uploaded, and told to the user', async () => {
    const trainer = new Claiming();
    const { entries, seen, client, coordinator } = await announced(trainer, privacyOf());
    expect(trainer.calls).toHaveLength(1);
    expect(await entries()).toEqual([{ type: 'reserved', id: 'records 1.1', events: [event()] }]);
    trainer.realised = [{ ...RELEASE, count: 3 }];
    await trainer.finish();
    await settle();
    expect((await entries())[1]).toEqual({ type: 'settled', id: 'records 1.1', events: [event(3)] });
    expect(coordinator.session.of('inputChunk')).toHaveLength(1);
    const trained = seen.round.find(({ stage }) => stage === 'trained');
    expect(trained).toMatchObject({ spent: { unit: 'record', delta: 1e-5, budget: BUDGET } });
    expect((trained as { spent: { epsilon: number } }).spent.epsilon).toBeGreaterThan(0.1);
    await client.stop();
  });

  it('does not begin to train while the reservation is not durable, and not at all where it cannot be', async () => {
    let fail = (_: Error): void => undefined;
    const ledger: LedgerStore = {
      ...memoryLedgers(),
      append: () => new Promise((_, reject) => (fail = reject)),
    };
    const trainer = new Claiming();
    const { seen, client } = await announced(trainer, privacyOf(ledger));
    expect(trainer.calls).toHaveLength(0);
    fail(new Error('disk full'));
    await settle();
    expect(trainer.calls).toHaveLength(0);
    expect(seen.error.map(({ code }) => code)).toEqual(['STORE_WRITE']);
    await client.stop();
  });

  it('uploads nothing while the settlement is not durable', async () => {
    const kept = memoryLedgers();
    let release = (): void => undefined;
    const ledger: LedgerStore = {
      ...kept,
      append: async (coordinator, task, entry) => {
        if (entry.type === 'settled') await new Promise<void>((resolve) => (release = resolve));
        await kept.append(coordinator, task, entry);
      },
    };
    const trainer = new Claiming();
    const { coordinator, client } = await announced(trainer, privacyOf(ledger));
    await trainer.finish();
    await settle();
    expect(coordinator.session.of('inputChunk')).toHaveLength(0);
    release();
    await settle();
    expect(coordinator.session.of('inputChunk')).toHaveLength(1);
    await client.stop();
  });

  it('erases the update whose settlement could not be made durable: it goes nowhere', async () => {
    const kept = memoryLedgers();
    const ledger: LedgerStore = {
      ...kept,
      append: async (coordinator, task, entry) => {
        if (entry.type === 'settled') throw new Error('disk full');
        await kept.append(coordinator, task, entry);
      },
    };
    const trainer = new Claiming();
    const { seen, client } = await announced(trainer, privacyOf(ledger));
    const update = Float32Array.of(1, 2, -3, 0.5, 0);
    await trainer.finish(update);
    await settle();
    expect(seen.error.map(({ code }) => code)).toEqual(['STORE_WRITE']);
    expect(update).toEqual(new Float32Array(5));
    await client.stop();
  });

  it('that the budget does not cover is left alone, whatever the coordinator says: no training, no upload, and a later one too', async () => {
    const trainer = new Claiming();
    const privacy = privacyOf(memoryLedgers(), { epsilon: 0.5, delta: 1e-5 });
    const { announce, entries, seen, client, coordinator } = await announced(trainer, privacy);
    for (const attempt of [2, 3]) await announce({ ...RUN, attempt });
    expect(trainer.calls).toHaveLength(0);
    expect(await entries()).toEqual([]);
    expect(seen.guard.map(({ code }) => code)).toEqual(['PRIVACY_BUDGET', 'PRIVACY_BUDGET', 'PRIVACY_BUDGET']);
    expect(coordinator.session.of('inputChunk')).toHaveLength(0);
    expect(client.model).toBeDefined();
    await client.stop();
  });

  it('every attempt pays, until the budget is used up; a client that starts again goes on from what its ledger says', async () => {
    const ledger = memoryLedgers();
    const trainer = new Claiming();
    const first = await announced(trainer, privacyOf(ledger));
    await trainer.finish();
    await settle();
    let attempts = 1;
    while (first.seen.guard.length === 0 && attempts < 50) {
      await first.announce({ ...RUN, attempt: ++attempts });
      await trainer.finish();
      await settle();
    }
    expect(first.seen.guard[0]?.code).toBe('PRIVACY_BUDGET');
    // 4 steps of z = 1.2 at q = 0.1: several fit into ε = 3, and not many.
    expect(trainer.calls.length).toBe(attempts - 1);
    expect(attempts).toBeGreaterThan(4);
    await first.client.stop();
    const again = new Claiming();
    const side = first.coordinator;
    const second = await start({ trainer: again, coordinatorSide: side, ...ownLimits(privacyOf(ledger)) });
    side.session.send(side.announce({ ...RUN, attempt: attempts + 1 }));
    await settle();
    await settle();
    expect(again.calls).toHaveLength(0);
    expect(second.seen.guard.map(({ code }) => code)).toEqual(['PRIVACY_BUDGET']);
    await second.client.stop();
  });

  it('whose training fails costs nothing, since nothing has left', async () => {
    const trainer = new Claiming();
    const { entries, client } = await announced(trainer, privacyOf());
    await trainer.finish(new SottoError('TRAIN_NON_FINITE', 'as it happens'));
    await settle();
    expect((await entries())[1]).toEqual({ type: 'settled', id: 'records 1.1', events: [] });
    await client.stop();
  });

  it('a trainer that releases more than it announced is caught before the upload; the ledger has the truth', async () => {
    const trainer = new Claiming();
    const { entries, seen, client, coordinator } = await announced(trainer, privacyOf());
    trainer.realised = [{ ...RELEASE, noiseMultiplier: 0.3 }];
    await trainer.finish();
    await settle();
    expect(seen.guard.map(({ code }) => code)).toEqual(['PRIVACY_LEDGER']);
    expect(coordinator.session.of('inputChunk')).toHaveLength(0);
    expect((await entries())[1]?.events).toEqual([expect.objectContaining({ noiseMultiplier: 0.3 })]);
    await client.stop();
  });

  it('a trainer that does not say afterwards what it released has released what it announced', async () => {
    const trainer = new Claiming();
    trainer.realised = undefined;
    const { entries, client } = await announced(trainer, privacyOf());
    await trainer.finish();
    await settle();
    expect((await entries())[1]?.events).toEqual([event()]);
    await client.stop();
  });
});

describe('promises that nobody keeps', () => {
  it('a client without a budget of its own leaves a private task alone', async () => {
    const trainer = new Claiming();
    const { seen, client } = await announced(trainer, undefined);
    expect(trainer.calls).toHaveLength(0);
    expect(seen.guard).toEqual([
      expect.objectContaining({ code: 'PRIVACY_BUDGET', text: expect.stringContaining('policy.privacy: {record:') }),
    ]);
    await client.stop();
  });

  it('a task that asks for DP-SGD is not trained by a trainer that claims nothing', async () => {
    const trainer = new Claiming([]);
    const { seen, client } = await announced(trainer, privacyOf(), { dpSgd: { steps: 4 } });
    expect(trainer.calls).toHaveLength(0);
    expect(seen.error.map(({ code }) => code)).toEqual(['TRAIN_UNSUPPORTED']);
    await client.stop();
  });

  it.each([
    [{ epsilon: 0, delta: 1e-5 }, 'PRIVACY_EPSILON'],
    [{ epsilon: 1, delta: 0 }, 'PRIVACY_DELTA'],
    [{ epsilon: 1, delta: 1 }, 'PRIVACY_DELTA'],
  ])('a budget of %j is none, and no client is made of it', async (budget, code) => {
    const made = announced(new Claiming(), privacyOf(memoryLedgers(), budget));
    await expect(made).rejects.toThrow(new RegExp(code));
  });
});
