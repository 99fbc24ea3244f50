// Plays one plan in a world of real coordinators and clients on virtual time, and says what broke. Same plan, same run, to the byte.
// Not here: what a seed expands to (ops.ts), the verdict on what was observed (checks.ts), making a failing plan small (shrink.ts).

import { type Identity, identityOf } from '../../protocol/crypto/identity.js';
import { Secret } from '../../protocol/crypto/secret.js';
import type { Millis } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { reservationId } from '../../protocol/privacy/round-events.js';
import type { CampaignOutcome } from '../../server/index.js';
import { Random } from '../random.js';
import { checkAtRest } from './checks.js';
import { ClientNode } from './client-node.js';
import { CoordinatorNode } from './coordinator-node.js';
import type { Life } from './life.js';
import { Network } from './network.js';
import { Observed, type Violation } from './observed.js';
import { Operator } from './operator.js';
import type { Op, Plan } from './ops.js';
import { rememberingPrimitives } from './remembered.js';
import { Scheduler, type Stopped } from './scheduler.js';
import type { Seams } from './seams.js';
import { TASK } from './tasks.js';

export interface Played {
  readonly violations: readonly Violation[];
  /** Equal where two runs were the same, step by step and byte by byte. */
  readonly fingerprint: string;
  readonly steps: number;
  readonly virtualMs: Millis;
  readonly outcome: CampaignOutcome['type'] | Stopped;
  readonly committed: number;
  readonly void: number;
  /** Starts of the coordinator. */
  readonly starts: number;
  /** Operations that came to pass, by kind. */
  readonly ops: Readonly<Record<string, number>>;
}

/** Longest that a world may take to come to its end: an hour of its own time. */
const LIMITS = { steps: 40_000, untilMs: 3_600_000 };
const LIMITS_OF_REST = { steps: 2 * LIMITS.steps, untilMs: 2 * LIMITS.untilMs };
/** After a fault: reconnects, a handshake that times out, a silent peer that is found out, a phase that runs into its deadline. */
const RECOVERY_MS = 120_000;

export async function simulate(plan: Plan, seams: Seams = {}): Promise<Played> {
  const world = new SimWorld(plan, seams);
  return world.play();
}

class SimWorld {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #observed: Observed;
  readonly #coordinator: CoordinatorNode;
  readonly #clients: readonly ClientNode[];
  readonly #operator: Operator;
  readonly #identity: Identity;
  readonly #counts: Record<string, number> = {};
  #next = 0;
  #disturbedUntil: Millis = -1;
  /** Dead or away, with the start that is planned. */
  readonly #downMs = new Map<string, { readonly ms: Millis; readonly silent: boolean }>();

  constructor(plan: Plan, seams: Seams) {
    const { settings } = plan;
    const random = Random.fromSeed(`world ${settings.seed}`).fork('run');
    this.#plan = plan;
    this.#scheduler = new Scheduler(random.fork('ties'));
    const scheduler = this.#scheduler;
    this.#observed = new Observed(() => scheduler.now);
    const observed = this.#observed;
    this.#network = new Network(scheduler, random.fork('network'), settings.latencyMs, observed);
    const network = this.#network;
    const identity = (name: string): Identity =>
      identityOf(nativePrimitives, new Secret(random.fork(`identity ${name}`).bytes(32)));
    this.#identity = identity('coordinator');
    const shared = { settings, scheduler, network, observed, seams, died: (life: Life) => this.#died(life) };
    this.#coordinator = new CoordinatorNode({
      ...shared,
      identity: this.#identity,
      random: random.fork('coordinator'),
      disturbedUntil: () => this.#disturbedUntil,
      mayBeLeftOut: (id) => settings.loud.includes(this.#indexOf(id)),
    });
    const primitives = rememberingPrimitives();
    this.#clients = Array.from(
      { length: settings.clients },
      (_, index) =>
        new ClientNode({
          ...shared,
          index,
          primitives,
          identity: identity(`client ${index}`),
          coordinator: this.#identity,
          random: random.fork(`client ${index}`),
        }),
    );
    this.#operator = new Operator({ scheduler, observed, coordinator: this.#coordinator });
    observed.guardOf = (client) => this.#clients[client]?.disk.guard;
    observed.charged = (by, run) => {
      if (settings.task !== 'noise') return true;
      const id = reservationId(TASK, run);
      if (by === 'coordinator') return this.#coordinator.rowOf(`privacy/${id}`) !== undefined;
      return this.#clients[by]?.disk.ledger.some((entry) => entry.id === id) === true;
    };
    scheduler.trace = seams.trace;
    scheduler.onStep = (step) => this.#due(step);
  }

  #indexOf(id: string): number {
    return this.#clients.findIndex((client) => client.has(id));
  }

  async play(): Promise<Played> {
    const uncaught = (error: unknown): void =>
      this.#observed.violate('uncaught', error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.on('unhandledRejection', uncaught);
    process.on('uncaughtException', uncaught);
    try {
      this.#coordinator.start();
      for (const client of this.#clients) client.start();
      const stopped = await this.#scheduler.run(() => this.#isOver, LIMITS);
      if (stopped !== 'done') this.#stuck(stopped);
      else await this.#rest();
      await this.#verdict(stopped);
      return this.#told(stopped);
    } finally {
      process.off('unhandledRejection', uncaught);
      process.off('uncaughtException', uncaught);
    }
  }

  /** The campaign is over, everybody who is there has heard of it, and nobody is still to come back. */
  get #isOver(): boolean {
    if (this.#observed.violations.length > 0) return true;
    return (
      this.#coordinator.up &&
      this.#coordinator.outcome !== undefined &&
      this.#clients.every((client) => this.#operator.keepsOut(client) || (client.up && client.ended !== undefined))
    );
  }

  /** Everything that was begun ends: stops the coordinator and lets its stores close. */
  async #rest(): Promise<void> {
    if (this.#observed.violations.length > 0) return;
    this.#scheduler.onStep = () => {};
    const waiting = new Set(this.#clients.filter((client) => this.#operator.keepsOut(client)));
    for (const client of waiting) client.leave(() => waiting.delete(client));
    const left = await this.#scheduler.run(() => waiting.size === 0, LIMITS_OF_REST);
    if (left !== 'done') this.#observed.violate('never rests', `clients that are kept out do not leave: ${left}`);
    // Who has heard that all is over may still have a thread that trains or masks for a round: what that holds, it erases when it ends.
    const nodes = [this.#coordinator, ...this.#clients];
    const quiet = await this.#scheduler.run(() => nodes.every(({ life }) => life?.busy !== true), LIMITS_OF_REST);
    if (quiet !== 'done') this.#observed.violate('never rests', quiet);
    const engine = this.#coordinator.up ? await this.#coordinator.leftovers() : [];
    if (engine.length > 0) this.#observed.violate('vector kept', `the coordinator still holds ${engine.join()}`);
    for (const client of this.#clients) {
      for (const what of client.up ? client.leftovers() : [])
        this.#observed.violate('vector kept', `client ${client.index} still holds ${what}`);
      const { ended } = client;
      const toldSo = client.shutOut && client.keys.some((id) => this.#observed.shut.has(id));
      const mayFail = this.#counts['guards fail'] !== undefined || this.#observed.meddled || toldSo;
      if (ended?.how === 'failed' && !mayFail)
        this.#observed.violate('client ended', `client ${client.index}: ${ended.text}`);
    }
    let gone = false;
    this.#coordinator.stop(() => {
      gone = true;
    });
    // A crash that was due may still come: then it has ended, too.
    const stopped = await this.#scheduler.run(() => gone || !this.#coordinator.up, LIMITS_OF_REST);
    if (stopped !== 'done') this.#observed.violate('stop hangs', `the coordinator did not stop: ${stopped}`);
  }

  async #verdict(stopped: Stopped): Promise<void> {
    const before = this.#observed.violations.length;
    await checkAtRest({
      disk: this.#coordinator.disk.disk,
      coordinator: this.#identity,
      settings: this.#plan.settings,
      observed: this.#observed,
      clients: this.#clients,
      indexOf: (id) => this.#indexOf(id),
      ended: stopped === 'done' && before === 0,
    });
  }

  #stuck(stopped: Stopped): void {
    const waiting = this.#clients.filter(({ ended }) => ended === undefined).map(({ index }) => index);
    const campaign = this.#coordinator.outcome?.type ?? 'running';
    this.#observed.violate(
      'never ends',
      `${stopped}: campaign ${campaign}, clients that go on: ${waiting.join() || 'none'}`,
    );
  }

  #told(stopped: Stopped): Played {
    const { violations, reports } = this.#observed;
    return {
      violations,
      fingerprint: this.#scheduler.fingerprint,
      steps: this.#scheduler.steps,
      virtualMs: Math.round(this.#scheduler.now),
      outcome: this.#coordinator.outcome?.type ?? stopped,
      committed: reports.committed,
      void: reports.void,
      starts: this.#coordinator.starts,
      ops: this.#counts,
    };
  }

  // ---- what goes wrong

  #due(step: number): void {
    const { ops } = this.#plan;
    for (let op = ops[this.#next]; op !== undefined && op.at <= step; op = ops[this.#next]) {
      this.#next++;
      this.#counts[op.op] = (this.#counts[op.op] ?? 0) + 1;
      this.#scheduler.note(`at ${step}: ${JSON.stringify(op)}`);
      this.#apply(op);
    }
  }

  #disturb(forMs: Millis): void {
    this.#disturbedUntil = Math.max(this.#disturbedUntil, this.#scheduler.now + forMs + RECOVERY_MS);
  }

  #apply(op: Op): void {
    const network = this.#network;
    switch (op.op) {
      case 'crash': {
        const node = op.who === 'coordinator' ? this.#coordinator : this.#client(op.who);
        this.#disturb(op.downMs);
        if (node.life?.alive !== true) return;
        this.#downMs.set(node.life.name, { ms: op.downMs, silent: op.silent });
        node.life.dieAfter(op.touches);
        return;
      }
      case 'crash in a write': {
        const { life, disk } = this.#coordinator;
        this.#disturb(op.downMs);
        if (life?.alive !== true) return;
        this.#downMs.set(life.name, { ms: op.downMs, silent: op.silent });
        disk.deadly = { what: op.what, writes: op.writes };
        return;
      }
      case 'stop':
        this.#disturb(op.downMs);
        this.#coordinator.stop(() => this.#later(op.downMs, this.#coordinator));
        return;
      case 'leave': {
        const client = this.#client(op.client);
        this.#disturb(op.awayMs);
        client.leave(() => this.#later(op.awayMs, client));
        return;
      }
      case 'cut':
        this.#disturb(0);
        network.cut(this.#client(op.client).index, op.lose, op.deaf);
        return;
      case 'cut at a chunk':
        // When it comes is known when it has come.
        this.#disturb(Number.POSITIVE_INFINITY);
        network.cutAtChunk(this.#client(op.client).index);
        return;
      case 'partition':
        this.#disturb(op.forMs);
        for (const client of op.clients) network.hold(this.#client(client).index, op.forMs);
        return;
      case 'slow':
        this.#disturb(op.forMs + op.byMs);
        network.slow(this.#client(op.client).index, op.byMs, op.forMs);
        return;
      case 'duplicate':
      case 'corrupt':
        // The coordinator cannot tell a bad network from a bad client, and sends it away for good where it looks like a proof.
        this.#disturb(Number.POSITIVE_INFINITY);
        this.#observed.meddled = true;
        if (op.op === 'duplicate') network.duplicate(this.#client(op.client).index, op.way);
        else network.corrupt(this.#client(op.client).index, op.way, op.byte);
        return;
      case 'slow disk':
        this.#disturb(op.forMs + op.byMs);
        this.#coordinator.disk.extraMs = op.byMs;
        this.#coordinator.disk.extraUntil = this.#scheduler.now + op.forMs;
        return;
      case 'disk fails':
        this.#disturb(Number.POSITIVE_INFINITY);
        this.#coordinator.disk.fails = op.how;
        return;
      case 'guards fail':
        this.#disturb(Number.POSITIVE_INFINITY);
        this.#client(op.client).disk.fails = true;
        return;
      case 'slow training':
        this.#disturb(Number.POSITIVE_INFINITY);
        this.#client(op.client).slowTrainingMs = op.byMs;
        return;
      case 'engine fails':
        this.#disturb(Number.POSITIVE_INFINITY);
        this.#coordinator.engineFails = true;
        return;
      case 'roll back':
        // Who refuses it drops out of every later round.
        this.#disturb(this.#plan.settings.refusesRollBack.length > 0 ? Number.POSITIVE_INFINITY : 0);
        this.#operator.rollBack(op.back);
        return;
      case 'pause':
        this.#disturb(op.forMs);
        this.#operator.pause(op.forMs);
        return;
      case 'quarantine':
        this.#disturb(0);
        this.#operator.quarantine(this.#client(op.client), op.rounds);
        return;
      case 'exclude':
        this.#disturb(op.forMs);
        this.#operator.exclude(this.#client(op.client), op.forMs);
        return;
      case 'revoke':
        this.#disturb(op.forMs);
        this.#operator.revoke(this.#client(op.client), op.forMs);
        return;
      case 'new key': {
        const client = this.#client(op.client);
        this.#disturb(op.awayMs);
        // What the coordinator has not written down it may not know after its next start: a key that it does not know cannot move.
        if (this.#coordinator.rowOf(`client/${client.clientId}`) === undefined) return;
        client.leave(() => {
          client.changeKey();
          this.#later(op.awayMs, client);
        });
        return;
      }
      default:
        op satisfies never;
    }
  }

  #client(number: number): ClientNode {
    // safe: a world has clients, and the index is below their number
    return this.#clients[number % this.#clients.length]!;
  }

  /** Whoever dies is started again, after the time that its crash said. */
  #died(life: Life): void {
    const node = [this.#coordinator, ...this.#clients].find((one) => one.life === life);
    const planned = this.#downMs.get(life.name);
    this.#network.died(life, planned?.silent ?? false);
    if (planned === undefined || node === undefined) return;
    this.#downMs.delete(life.name);
    this.#disturb(planned.ms);
    this.#later(planned.ms, node);
  }

  #later(ms: Millis, node: ClientNode | CoordinatorNode): void {
    this.#scheduler.after(ms, 'starts again', () => {
      if (!node.up) node.start();
    });
  }
}
