// The parent's end of a fleet: forks the processes, deals the clients to them, and speaks to all of them as one.
// Not here: the clients (member.ts), the coordinator, which stays in the parent (../run.ts).

import { type ChildProcess, fork } from 'node:child_process';
import type { ModelSpec } from '../../client/tfjs/spec.js';
import { SottoError } from '../../protocol/errors.js';
import type { DataSettings } from '../config.js';
import type { Others } from './gathering.js';
import type { CampaignOrder, FromChild, MemberOrder, ToChild } from './messages.js';

export interface FleetOptions {
  readonly source: DataSettings['source'];
  readonly model: ModelSpec;
  readonly seed: number | string;
  readonly members: readonly MemberOrder[];
  readonly processes: number;
  readonly onCut: (message: FromChild & { type: 'cut' }) => void;
  readonly onTrouble: (message: FromChild & { type: 'trouble' }) => void;
  /** Honest clients tell what they learn: some attack is shown it. Conspirators tell each other whether or not. */
  readonly listens: boolean;
  readonly onTrained: (message: FromChild & { type: 'trained' }) => void;
  readonly onLedger: (message: FromChild & { type: 'ledger' }) => void;
  readonly onSpent: (message: FromChild & { type: 'spent' }) => void;
}

export interface Fleet {
  /** Process ids, for whoever watches. */
  readonly pids: readonly number[];
  /** Never resolves; rejects when a process dies or gives up before `end`. */
  readonly failed: Promise<never>;
  /** Resolves when every client runs; they connect by themselves. */
  join(campaign: CampaignOrder): Promise<void>;
  /** Shows the attackers of one conspiracy what it waits for. */
  share(others: Others): void;
  /** An attempt of `round` has ended: scripted dropouts of it may come back. */
  over(round: number): void;
  /** Resolves when every client has stopped. The processes stay, with their data, for another campaign. */
  leave(): Promise<void>;
  /** Resolves when every process has ended. Safe to call twice, and after a failure. */
  end(): Promise<void>;
}

/** How long a process may take to end by itself before it is killed, ms. Stopping waits for a batch of training at most. */
const END_MS = 5_000;

/** Resolves when the data are loaded everywhere. @throws SottoError what a child met: DATA_MISSING, CONFIG_INVALID, … */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { members, processes, source, model, seed, listens } = options;
  const count = Math.min(processes, members.length);
  const over = (round: number): void => {
    for (const child of children) child.tell({ type: 'over', round });
  };
  const children = Array.from({ length: count }, () => new Child(options, over));
  const failed = Promise.race(children.map((child) => child.failed));
  // Whoever awaits something of the fleet hears of it there; alone it must not end the program.
  failed.catch(() => undefined);
  const all = async (message: (index: number) => ToChild, answer: FromChild['type']): Promise<void> => {
    await Promise.all(children.map((child, index) => child.ask(message(index), answer)));
  };
  const mine = (index: number) => (position: number) => position % count === index;
  const fleet: Fleet = {
    pids: children.map(({ pid }) => pid),
    failed,
    join: (campaign) =>
      all((index) => {
        const dropouts = campaign.dropouts.filter(({ client }) => mine(index)(client));
        return { type: 'join', campaign: { ...campaign, dropouts } };
      }, 'joined'),
    share: (others) => {
      const waits = (index: number) => others.conspirators.some(({ client }) => mine(index)(client));
      for (const [index, child] of children.entries()) if (waits(index)) child.tell({ type: 'others', others });
    },
    over,
    leave: () => all(() => ({ type: 'leave' }), 'left'),
    end: async () => {
      await Promise.all(children.map((child) => child.end()));
    },
  };
  try {
    await all((index) => {
      const own = members.filter(({ position }) => mine(index)(position));
      return { type: 'load', source, model, seed, members: own, listens };
    }, 'loaded');
    return fleet;
  } catch (error) {
    await fleet.end();
    throw error;
  }
}

type Listeners = Pick<FleetOptions, 'onCut' | 'onTrouble' | 'onTrained' | 'onLedger' | 'onSpent'>;

class Child {
  readonly failed: Promise<never>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #ending = false;
  /** The one question that is open, by the type of its answer. */
  #waiting: { readonly answer: FromChild['type']; readonly resolve: () => void } | undefined;

  constructor({ onCut, onTrouble, onTrained, onLedger, onSpent }: Listeners, onAborted: (round: number) => void) {
    // Structured clones, so that keys and index lists cross as typed arrays. Flags of the parent (inspector, loaders) do not.
    const child = fork(new URL('./child.js', import.meta.url), [], { serialization: 'advanced', execArgv: [] });
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    this.failed = new Promise((_, reject) => {
      child.on('message', (message: FromChild) => {
        switch (message.type) {
          case 'cut':
            return onCut(message);
          case 'trouble':
            return onTrouble(message);
          case 'trained':
            return onTrained(message);
          case 'ledger':
            return onLedger(message);
          case 'spent':
            return onSpent(message);
          case 'aborted':
            return onAborted(message.round);
          case 'failed':
            return reject(new SottoError(message.code, message.text, message.details));
          default: {
            const waiting = this.#waiting;
            if (waiting?.answer !== message.type) return;
            this.#waiting = undefined;
            waiting.resolve();
          }
        }
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (!this.#ending)
          reject(new SottoError('INTERNAL', `a fleet process ended (${signal ?? `exit code ${code}`})`));
      });
    });
    this.failed.catch(() => undefined);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  tell(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message);
  }

  ask(message: ToChild, answer: FromChild['type']): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#waiting = { answer, resolve };
    });
    this.tell(message);
    return Promise.race([answered, this.failed]);
  }

  async end(): Promise<void> {
    this.#ending = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.tell({ type: 'end' });
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
