// Whoever operates the coordinator of a world: decides what a plan says, repeats a decision that a crash has swallowed, and takes back
// what was meant for a while. Not here: what its decisions must lead to (check-decisions.ts), when it makes them (ops.ts).

import { type ErrorCode, SottoError } from '../../protocol/errors.js';
import type { Millis } from '../../protocol/ids.js';
import type { Act, Coordinator } from '../../server/index.js';
import type { ClientNode } from './client-node.js';
import type { CoordinatorNode } from './coordinator-node.js';
import type { Observed } from './observed.js';
import type { Scheduler } from './scheduler.js';

export interface OperatorSetup {
  readonly scheduler: Scheduler;
  readonly observed: Observed;
  readonly coordinator: CoordinatorNode;
}

const AGAIN_MS = 500;
const BY = 'ops';
const ACT: Act = { by: BY, reason: 'the plan says so' };
/** What a coordinator may answer an operator whose wish it cannot fulfil now. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ADMIN_CONFLICT',
  'ADMIN_UNKNOWN_CLIENT',
  'CONFIG_INVALID',
  'STORE_BLOB',
]);

export class Operator {
  readonly #setup: OperatorSetup;
  /** Revoked, and not yet let in again. */
  readonly #out = new Set<ClientNode>();

  constructor(setup: OperatorSetup) {
    this.#setup = setup;
  }

  /** Nobody can wait for it to come back. */
  keepsOut(client: ClientNode): boolean {
    return this.#out.has(client);
  }

  /** To the model `back` records before the newest one. */
  rollBack(back: number): void {
    this.#once(({ admin }) => {
      const links = admin.links();
      admin.rollBack(links.at(Math.max(0, links.length - 1 - back))?.record.round ?? 0, ACT);
    });
  }

  pause(forMs: Millis): void {
    this.#once(({ admin }) => admin.pause(ACT));
    this.#later(forMs, () => this.#resume());
  }

  quarantine(client: ClientNode, rounds: number): void {
    this.#once(({ admin }) => admin.quarantine(client.clientId, rounds, ACT));
  }

  /** @param forMs until an appeal is granted; 0: none is */
  exclude(client: ClientNode, forMs: Millis): void {
    this.#once(({ admin }) => admin.exclude(client.clientId, ACT));
    if (forMs > 0) this.#later(forMs, () => this.#once(({ admin }) => admin.appeal(client.clientId, true, ACT)));
  }

  /** @param forMs until it is let in again; 0: never */
  revoke(client: ClientNode, forMs: Millis): void {
    const { observed, coordinator } = this.#setup;
    const id = client.clientId;
    this.#out.add(client);
    observed.shut.add(id);
    this.#until(
      ({ access }) => access.revoke(id, BY, ACT.reason),
      () => {
        if (!coordinator.rowOf(`client/${id}`)?.includes('"revoked":true'))
          observed.violate('decision not durable', `client ${client.index} is revoked, and its row does not say so`);
        if (forMs > 0) this.#later(forMs, () => this.#readmit(client, id));
      },
    );
  }

  #readmit(client: ClientNode, id: ClientNode['clientId']): void {
    this.#until(
      ({ access }) => access.readmit(id, BY, ACT.reason),
      () => {
        this.#out.delete(client);
        this.#letBack(client);
      },
    );
  }

  /** It may hear only now that it was kept out. */
  #letBack(client: ClientNode): void {
    if (this.#out.has(client) || this.#setup.coordinator.outcome !== undefined) return;
    if (client.up && client.shutOut) client.startAgain();
    this.#later(AGAIN_MS, () => this.#letBack(client));
  }

  /** Until it is on the disk: a coordinator that starts again may still be held. */
  #resume(): void {
    const { coordinator } = this.#setup;
    const { running } = coordinator;
    const held = running === undefined || running.admin.status().hold.type === 'paused';
    if (!held && coordinator.rowOf('hold') === undefined) return;
    if (running !== undefined && held) running.admin.resume(ACT);
    this.#later(AGAIN_MS, () => this.#resume());
  }

  /** As soon as there is a coordinator; what a crash swallows then is lost. */
  #once(act: (coordinator: Coordinator) => unknown): void {
    const { running } = this.#setup.coordinator;
    if (running === undefined) {
      this.#later(AGAIN_MS, () => this.#once(act));
      return;
    }
    try {
      act(running);
    } catch (error) {
      if (!(error instanceof SottoError) || !REFUSALS.has(error.code))
        this.#setup.observed.violate('operator', String(error));
    }
  }

  /** Again and again, until it is acknowledged. */
  #until(act: (coordinator: Coordinator) => Promise<void>, then: () => void): void {
    const { coordinator } = this.#setup;
    const { running, life } = coordinator;
    let answered = false;
    /** The first answer counts; the death of whoever was asked is one. */
    const answer = (what: () => void): void => {
      if (answered) return;
      answered = true;
      what();
    };
    const again = (): void => this.#later(AGAIN_MS, () => this.#until(act, then));
    const watch = (): void => {
      if (coordinator.life !== life || !coordinator.up) answer(again);
      else if (!answered) this.#later(AGAIN_MS, watch);
    };
    if (running === undefined) {
      again();
      return;
    }
    act(running).then(
      () => answer(then),
      () => answer(again),
    );
    watch();
  }

  #later(ms: Millis, then: () => void): void {
    this.#setup.scheduler.after(ms, 'the operator', then);
  }
}
