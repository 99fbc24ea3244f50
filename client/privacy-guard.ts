// The client's own privacy ledger at work: reserves the worst case before anything is computed that could be released, settles at what
// was released, and refuses where its own budget does not cover it, whatever the coordinator says. Every entry is durable before what
// it stands for can leave. Not here: prices (protocol/privacy), where the ledger is kept (ledger-store.ts), noise (whoever trains).

import { SottoError } from '../protocol/errors.js';
import type { ClientId } from '../protocol/ids.js';
import { checkBudget } from '../protocol/privacy/domain.js';
import type { Budgets, PrivacyBudget, PrivacyEvent, PrivacyUnit } from '../protocol/privacy/events.js';
import {
  type Appended,
  createCurves,
  eventsInForce,
  type Ledger,
  ledgerOf,
  reserve,
  settle,
  spentOf,
} from '../protocol/privacy/ledger.js';
import { asSottoError } from './connection.js';
import type { LedgerStore } from './ledger-store.js';

/** What this client allows itself in one task (`policy.privacy`), and where it writes down what it has spent (`ledgers`). */
export interface ClientPrivacy {
  readonly budgets: Budgets;
  readonly ledger: LedgerStore;
}

/** For the local user: what has been spent so far, by the bound that stops the client. Nothing of it is sent. */
export interface PrivacySpent {
  readonly unit: PrivacyUnit;
  readonly epsilon: number;
  readonly delta: number;
  readonly budget: PrivacyBudget;
}

export class PrivacyGuard {
  readonly #task: string;
  readonly #privacy: ClientPrivacy;
  readonly #curves = createCurves();
  readonly #ledgers = new Map<ClientId, Ledger>();

  /** @throws SottoError PRIVACY_EPSILON, PRIVACY_DELTA for a budget that is none */
  constructor(task: string, privacy: ClientPrivacy) {
    for (const budget of Object.values(privacy.budgets)) checkBudget(budget);
    this.#task = task;
    this.#privacy = privacy;
  }

  /**
   * Resolves when the reservation is durable: only then may the work begin whose result it stands for.
   * @param events at the worst; at least one
   * @throws SottoError PRIVACY_BUDGET where the budget does not cover them, or there is none; PRIVACY_LEDGER; STORE_WRITE, STORE_CORRUPT
   */
  async reserve(coordinator: ClientId, id: string, events: readonly PrivacyEvent[]): Promise<void> {
    const { budgets } = this.#privacy;
    for (const { unit } of events)
      if (budgets[unit] === undefined)
        throw new SottoError(
          'PRIVACY_BUDGET',
          `the task releases something about every ${unit}, and this client has no limit for it; give it policy.privacy: {${unit}: {epsilon, delta}} and durable \`ledgers\``,
          { unit },
        );
    const ledger = await this.#ledger(coordinator);
    await this.#keep(coordinator, reserve(ledger, id, events, budgets, this.#curves));
  }

  /**
   * Resolves when the ledger says what was released: only then may it leave. None: it was thrown away.
   * @throws SottoError PRIVACY_LEDGER where it is more than was reserved (it is written down all the same); STORE_WRITE
   */
  async settle(coordinator: ClientId, id: string, events: readonly PrivacyEvent[]): Promise<void> {
    const settled = settle(await this.#ledger(coordinator), id, events, this.#curves);
    await this.#keep(coordinator, settled);
    if (settled.exceeds)
      throw new SottoError('PRIVACY_LEDGER', `${id} releases more than was announced and reserved; it is not sent`, {
        id,
      });
  }

  /** ε so far against the coordinator. */
  async spent(coordinator: ClientId, unit: PrivacyUnit): Promise<PrivacySpent | undefined> {
    const budget = this.#privacy.budgets[unit];
    if (budget === undefined) return undefined;
    const events = eventsInForce(await this.#ledger(coordinator)).filter((event) => event.unit === unit);
    return { unit, epsilon: spentOf(events, budget, this.#curves), delta: budget.delta, budget };
  }

  async #ledger(coordinator: ClientId): Promise<Ledger> {
    const known = this.#ledgers.get(coordinator);
    if (known !== undefined) return known;
    const loaded = ledgerOf(await this.#privacy.ledger.load(coordinator, this.#task));
    this.#ledgers.set(coordinator, loaded);
    return loaded;
  }

  async #keep(coordinator: ClientId, { ledger, entry }: Appended): Promise<void> {
    try {
      await this.#privacy.ledger.append(coordinator, this.#task, entry);
    } catch (error) {
      throw asSottoError(error, 'STORE_WRITE');
    }
    this.#ledgers.set(coordinator, ledger);
  }
}
