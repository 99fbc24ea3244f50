// One coordinator on which many cases are played, each in a round of its own: three honest members, and a fourth that is the attacker or,
// where somebody outside the round attacks, honest as well. A round is held in one phase while the case is played. Not a test. Not
// here: the cases (cases.ts), what must hold (run.ts).

import { generateIdentity } from '../../../protocol/crypto/identity.js';
import { type ClientId, fromHex } from '../../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../../protocol/native/index.js';
import type { WaitingPhase } from '../../../protocol/task.js';
import type { ClientRoundMessage, RunRef } from '../../../protocol/wire/messages.js';
import { type Coordinator, inProcessEngine, type RoundReport, startCoordinator } from '../../../server/index.js';
import { MemoryDisk, memoryBackend } from '../../../server/store/memory-backend.js';
import { openAuditStore } from '../../../server/store/store.js';
import type { AuditEvent, Store } from '../../../server/store/types.js';
import { gridUpdate, taskOf } from '../../protocol/tasks.js';
import { RawClient } from '../../server/raw-client.js';

export const MEMBERS = 4;
const PATIENCE_MS = 20_000;

/** What a member says in a phase. */
const SAYS: Record<WaitingPhase, readonly ClientRoundMessage['kind'][]> = {
  keys: ['keys'],
  shares: ['shares'],
  // Its chunks come once they have credit.
  masked: ['masked', 'inputChunk'],
  consistency: ['consistent'],
  unmask: ['unmask'],
};

export interface Player {
  readonly client: RawClient;
  readonly id: ClientId;
  readonly update: Float32Array<ArrayBuffer>;
}

export class MatrixWorld {
  readonly coordinator: Coordinator;
  readonly store: Store;
  /** The last one is the one that holds its part back. */
  readonly honest: Player[] = [];
  readonly reports: RoundReport[] = [];
  /** Everything that the honest said in the last round, by kind, for whoever wants to say it again. */
  readonly before = new Map<string, ClientRoundMessage>();
  readonly said = new Map<string, ClientRoundMessage>();
  #holding: WaitingPhase | undefined;
  readonly #held = new Map<RawClient, ClientRoundMessage[]>();
  readonly #heard: string[] = [];

  private constructor(coordinator: Coordinator, store: Store) {
    this.coordinator = coordinator;
    this.store = store;
    coordinator.on('round', (report) => this.reports.push(report));
    // One round for each case: no other starts by itself.
    const pause = (): void => coordinator.admin.pause({ by: 'the bar', reason: 'one case at a time' });
    coordinator.on('attempt', pause);
    pause();
    coordinator.on('contribution', ({ client, part }) => this.#heard.push(`${client} ${part}`));
  }

  static async open(): Promise<MatrixWorld> {
    const config = taskOf({ size: MEMBERS });
    const long = { count: { min: MEMBERS - 1, max: MEMBERS }, time: { min: 0, max: 600_000 } };
    const windows = Object.fromEntries(Object.keys(config.windows).map((phase) => [phase, long]));
    let store: Store | undefined;
    const coordinator = await startCoordinator({
      task: { ...config, windows: windows as typeof config.windows },
      initialWeights: new Float32Array(config.dimension),
      identity: generateIdentity(nativePrimitives, nativeRng),
      listen: { host: '127.0.0.1', port: 0 },
      roster: { kind: 'open' },
      campaign: {
        rounds: 1_000_000,
        attemptsPerRound: 1,
        clients: { min: MEMBERS, waitMs: 600_000 },
        overSelection: 1,
        pauseMs: 0,
      },
      random: () => 0.5,
      engine: inProcessEngine(),
      data: { directory: 'in memory', backupRounds: 0 },
      openData: async ({ identity, limitBytes }) => {
        const backend = memoryBackend(new MemoryDisk());
        const opened = openAuditStore({ backend, primitives: nativePrimitives, identity, limitBytes });
        store = opened;
        return { store: opened, restored: undefined, begun() {}, backup: async () => {}, close: () => opened.close() };
      },
    });
    if (store === undefined) throw new Error('the coordinator opened no store');
    const world = new MatrixWorld(coordinator, store);
    for (let i = 0; i < MEMBERS - 1; i++) world.honest.push(await world.join(i));
    return world;
  }

  /** @param seat says which update it has */
  player(seat: number): Player {
    const { dimension } = taskOf({ size: MEMBERS });
    const update = Float32Array.from(gridUpdate(dimension, seat));
    const client = new RawClient({
      url: this.coordinator.url,
      identity: generateIdentity(nativePrimitives, nativeRng),
      coordinator: fromHex(this.coordinator.id),
      update,
      deed: (message, self) => this.#deed(message, self),
    });
    return { client, id: client.identity.id, update };
  }

  async join(seat: number): Promise<Player> {
    const player = this.player(seat);
    await player.client.join();
    return player;
  }

  #deed(message: ClientRoundMessage, self: RawClient): readonly ClientRoundMessage[] | undefined {
    const holds = this.#holding !== undefined && SAYS[this.#holding].includes(message.kind);
    if (holds && (self === this.honest.at(-1)?.client || !this.honest.some(({ client }) => client === self))) {
      this.#held.set(self, [...(this.#held.get(self) ?? []), message]);
      return [];
    }
    if (self === this.honest[0]?.client) this.said.set(message.kind, message);
    return undefined;
  }

  /** A round in which the last honest member and everybody but the first two hold back what belongs to this phase. */
  async holdAt(phase: WaitingPhase, fourth: Player): Promise<RunRef> {
    for (const [kind, message] of this.said) this.before.set(kind, message);
    this.said.clear();
    this.#held.clear();
    this.#heard.length = 0;
    this.#holding = phase;
    const announced = fourth.client.next('announce');
    await fourth.client.join();
    await this.until('four members', () => this.coordinator.admin.status().checkedIn === MEMBERS);
    this.coordinator.admin.resume({ by: 'the bar', reason: 'the next case' });
    const { run } = await announced;
    const last = this.honest.at(-1);
    await this.until(`everybody to be in ${phase}`, () => {
      const [first, second] = this.honest;
      const done = [first, second].every(
        (one) =>
          this.#heard.includes(`${one?.id} ${phase}`) &&
          (phase !== 'masked' ||
            one?.client.received.some((m) => m.kind === 'inputTaken' && m.run.round === run.round)),
      );
      return done && [last, fourth].every((one) => one && this.held(one).length > 0);
    });
    return run;
  }

  /** What a player has held back. */
  held(player: Player): readonly ClientRoundMessage[] {
    return this.#held.get(player.client) ?? [];
  }

  /** Everybody who is still there says what it has held back, but for what it has said already; the round ends. */
  async release(
    players: readonly Player[],
    said: (player: Player, message: ClientRoundMessage) => boolean = () => false,
  ): Promise<RoundReport> {
    this.#holding = undefined;
    const before = this.reports.length;
    for (const player of players)
      for (const message of this.held(player)) if (!said(player, message)) player.client.send(message);
    await this.until('the round to end', () => this.reports.length > before);
    const report = this.reports.at(-1);
    if (report === undefined) throw new Error('no report');
    return report;
  }

  async leave(player: Player): Promise<void> {
    player.client.bye();
    await player.client.closed;
  }

  events(after: number): AuditEvent[] {
    const head = this.store.head()?.seq ?? 0;
    return head > after ? [...this.store.events(after + 1, head)] : [];
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async close(): Promise<void> {
    for (const { client } of this.honest) client.bye();
    await this.coordinator.stop('the cases are over');
  }
}
