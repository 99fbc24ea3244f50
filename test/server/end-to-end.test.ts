// A whole coordinator over loopback: real sockets, real crypto, real masks; only the training is a fixed vector.
// Not here: the machines alone (campaign.test.ts, session.test.ts, test/protocol), hostile connections (connections.test.ts).

import { describe, expect, it } from 'vitest';
import { recordHash, verifyRecord } from '../../protocol/chain/record.js';
import { fromHex, toHex } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { WaitingPhase } from '../../protocol/task.js';
import type { MessageKind } from '../../protocol/wire/messages.js';
import { inProcessEngine, workerEngine } from '../../server/index.js';
import { taskOf } from '../protocol/world.js';
import { arrange, meanOf, type Setting } from './setting.js';

/** The message with which a client does its part of a phase. */
const PART: Record<WaitingPhase, MessageKind> = {
  keys: 'keys',
  shares: 'shares',
  masked: 'masked',
  consistency: 'consistent',
  unmask: 'unmask',
};

/** Marks that nothing is held back any more. */
const release = (): void => {};

describe('a round over real sockets', () => {
  it('gives exactly the mean of everybody when everybody stays', async () => {
    const setting = await arrange({ config: taskOf({ size: 8 }) });
    const result = await setting.run();
    expect(result.outcome).toEqual({ type: 'rounds', round: 1 });
    const [report] = result.rounds;
    expect(report?.survivors).toHaveLength(8);
    expect(report?.bytesUp).toBeGreaterThan(0);
    expect(report?.bytesDown).toBeGreaterThan(0);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
  });

  it('does the same with the vectors in worker threads, and leaves nothing in them', async () => {
    const engine = workerEngine(2);
    const setting = await arrange({
      config: taskOf({ size: 4, count: 3, dimension: 70_000 }),
      coordinator: { engine },
    });
    const held = setting.coordinator.done.then(() => engine.held());
    const result = await setting.run();
    expect(result.rounds[0]?.survivors).toHaveLength(12);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, result.rounds[0]?.survivors ?? []));
    expect(await held).toEqual([]);
  });

  it.each(['keys', 'shares', 'masked', 'consistency', 'unmask'] as const)(
    'loses one client in phase %s, names it and the phase, and sums exactly over the survivors',
    async (phase) => {
      const setting = await arrange({
        config: taskOf({ size: 8 }),
        client: (i) => (i === 3 ? { deed: ({ kind }) => (kind === PART[phase] ? 'cut' : undefined) } : {}),
      });
      const result = await setting.run();
      const [report] = result.rounds;
      expect(result.rounds).toHaveLength(1);
      expect(report?.attempts).toBe(1);
      expect(report?.dropped).toEqual([{ client: setting.idOf(3), phase }]);
      const stillIn = phase === 'consistency' || phase === 'unmask';
      expect(report?.survivors.includes(setting.idOf(3))).toBe(stillIn);
      expect(report?.survivors).toHaveLength(stillIn ? 8 : 7);
      expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
    },
  );

  it.each(['keys', 'shares', 'masked'] as const)(
    'takes a client back that lost its line in phase %s: it resumes and survives',
    async (phase) => {
      let cut = false;
      // Somebody keeps the phase open until it is back.
      const late: (() => void)[] = [];
      const setting = await arrange({
        config: taskOf({ size: 8 }),
        client: (i) => ({
          comeBack: i === 5 ? 1 : 0,
          deed: (message, client) => {
            const part = message.kind === PART[phase] || (phase === 'masked' && message.kind === 'inputChunk');
            if (i === 6 && part && !late.includes(release)) {
              late.push(() => client.send(message));
              return [];
            }
            if (i !== 5 || cut || !part) return undefined;
            cut = true;
            return 'cut';
          },
        }),
      });
      setting.coordinator.on('client', ({ type, ...notice }) => {
        if (!cut || type !== 'checkedIn' || !('client' in notice) || notice.client !== setting.idOf(5)) return;
        setTimeout(() => {
          for (const send of late.splice(0)) send();
          late.push(release);
        }, 0);
      });
      const result = await setting.run();
      expect(cut).toBe(true);
      expect(result.rounds[0]?.dropped).toEqual([]);
      expect(result.rounds[0]?.survivors).toHaveLength(8);
      expect([...setting.coordinator.model()]).toEqual(meanOf(setting, result.rounds[0]?.survivors ?? []));
    },
  );

  it('starts another attempt when too many were silent, and those may be in it', async () => {
    const silent = ['masked', 'inputChunk'];
    const setting = await arrange({
      config: taskOf({ size: 8 }),
      client: (i) => ({
        deed: ({ kind, run }) => (i < 3 && silent.includes(kind) && run.attempt === 1 ? [] : undefined),
      }),
    });
    // Five inputs are in, nobody else speaks: the deadline of the phase passes.
    setting.when(
      () => setting.clients.filter((client) => client.has('inputTaken')).length === 5,
      () => setting.clock.advance(1_000),
    );
    const result = await setting.run();
    const [report] = result.rounds;
    expect(report?.attempts).toBe(2);
    expect(report?.outcome).toEqual({ type: 'committed' });
    expect(report?.survivors).toHaveLength(8);
    expect(report?.dropped.map(({ phase }) => phase)).toEqual(['masked', 'masked', 'masked']);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
  });

  it('makes a chain of signed records in which each names the one before and the model it gave', async () => {
    const setting = await arrange({ config: taskOf({ size: 4 }), campaign: { rounds: 3 } });
    const result = await setting.run();
    const chain = setting.coordinator.chain();
    expect(chain.map(({ type, round }) => `${type} ${round}`)).toEqual([
      'genesis 0',
      'update 1',
      'update 2',
      'update 3',
    ]);
    const key = fromHex(setting.coordinator.id);
    for (const [i, record] of chain.entries()) {
      expect(verifyRecord(nativePrimitives, key, record)).toBe(true);
      const before = chain[i - 1];
      if (before === undefined) continue;
      expect(toHex(record.previous)).toBe(toHex(recordHash(nativePrimitives, before)));
      expect(toHex(record.modelBefore)).toBe(toHex(before.modelAfter));
    }
    expect(result.rounds.map(({ modelHash }) => modelHash)).toEqual(chain.slice(1).map((r) => toHex(r.modelAfter)));
    for (const client of setting.clients) {
      expect(client.received.filter(({ kind }) => kind === 'outcome')).toHaveLength(3);
      expect(client.received.at(-1)?.kind).toBe('finished');
    }
  });

  /** Cuts half of group 0 when the attempt starts; lets the deadline pass when the other groups wait for it. */
  function loseGroup0(setting: Setting, others: number): void {
    setting.coordinator.on('attempt', ({ groups }) => {
      for (const id of groups[0]?.members.slice(0, 2) ?? []) {
        setting.clients.find(({ identity }) => identity.id === id)?.cut();
      }
    });
    setting.when(
      () => setting.phases.filter((line) => line.endsWith('committed')).length === others,
      () => setting.clock.advance(1_000),
    );
  }

  it('voids a group that loses too many and goes on with the others while the rule allows it', async () => {
    const setting = await arrange({ config: taskOf({ size: 4, count: 4, rule: { name: 'median', faulty: 1 } }) });
    loseGroup0(setting, 3); // 2 of 4 are below t = 3
    const result = await setting.run();
    const [report] = result.rounds;
    expect(report?.voidedGroups.map(({ group }) => group)).toEqual([0]);
    expect(report?.survivors).toHaveLength(12);
    expect(report?.rule.at(-1)).toMatchObject({ stage: 'median', faulty: 1 });
  });

  it('a rule that the groups left cannot keep is never run: the round is void and the model stays', async () => {
    const setting = await arrange({
      config: taskOf({ size: 4, count: 3, rule: { name: 'trimmed-mean', faulty: 1 } }),
      campaign: { attemptsPerRound: 1 },
    });
    loseGroup0(setting, 2);
    const result = await setting.run();
    expect(result.rounds[0]?.outcome).toMatchObject({ type: 'void', code: 'ROUND_TOO_FEW_GROUPS' });
    expect(setting.coordinator.chain()).toHaveLength(1);
  });

  it('runs the open profile: a value that is not finite is refused with its sender, the median is over the others', async () => {
    const config = taskOf({ size: 5, profile: 'open', rule: { name: 'median', faulty: 1 }, dimension: 3 });
    const masked = { ...config.windows.masked, count: { min: 3, max: 5 } };
    const setting = await arrange({
      config: { ...config, windows: { ...config.windows, masked } },
      client: (i) => (i === 2 ? { update: Float32Array.from([0, Number.NaN, 0]) } : {}),
    });
    const result = await setting.run();
    const [report] = result.rounds;
    expect(report?.excluded).toEqual([{ client: setting.idOf(2), phase: 'masked', code: 'ROUND_BAD_VECTOR' }]);
    expect(report?.survivors).toHaveLength(4);
    const rows = setting.updates.filter((_, i) => i !== 2);
    const middle = [0, 1, 2].map((k) => {
      const sorted = rows.map((row) => row[k] ?? Number.NaN).sort((a, b) => a - b);
      return Math.fround(((sorted[1] ?? Number.NaN) + (sorted[2] ?? Number.NaN)) / 2);
    });
    expect([...setting.coordinator.model()]).toEqual(middle);
  });

  it('reports accuracy from the hook, stops at the goal, and a failing hook costs no round', async () => {
    const setting = await arrange({
      config: taskOf({ size: 3 }),
      campaign: { rounds: 9, stopAt: { accuracy: 0.9 } },
      coordinator: {
        evaluate: async (_, round) => {
          if (round === 1) throw new Error('no data yet');
          return { examples: 10, loss: 1 / round, accuracy: round === 3 ? 0.95 : 0.5 };
        },
      },
    });
    const result = await setting.run();
    expect(result.outcome).toEqual({ type: 'accuracy', round: 3, accuracy: 0.95 });
    expect(result.rounds.map(({ accuracy }) => accuracy)).toEqual([undefined, 0.5, 0.95]);
    expect(setting.reports).toEqual(result.rounds);
  });

  it('does not let the next round wait for an evaluation when nothing depends on it', async () => {
    const events: string[] = [];
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const setting = await arrange({
      config: taskOf({ size: 3 }),
      campaign: { rounds: 2 },
      coordinator: {
        evaluate: async (_, round) => {
          if (round === 1) await gate;
          return { examples: 1, loss: 0, accuracy: 0 };
        },
      },
    });
    setting.coordinator.on('attempt', ({ round }) => {
      events.push(`attempt ${round}`);
      if (round === 2) release();
    });
    setting.coordinator.on('round', ({ round }) => events.push(`report ${round}`));
    await setting.run();
    expect(events).toEqual(['attempt 1', 'attempt 2', 'report 1', 'report 2']);
  });

  it('stopped in the middle of a round: aborts it, tells the members, closes every socket, keeps the model', async () => {
    const setting = await arrange({
      config: taskOf({ size: 4 }),
      client: (i) => (i === 0 ? { deed: ({ kind }) => (kind === 'masked' ? [] : undefined) } : {}),
      coordinator: { engine: inProcessEngine() },
    });
    setting.coordinator.on('fact', ({ fact }) => {
      if (fact.type === 'phase' && fact.phase === 'masked') void setting.coordinator.stop('maintenance');
    });
    await Promise.all(setting.clients.map((one) => one.join()));
    const result = await setting.coordinator.done;
    await setting.coordinator.stop('again');
    expect(result.outcome).toEqual({ type: 'stopped', round: 0, reason: 'maintenance' });
    expect(result.rounds[0]?.outcome).toMatchObject({ type: 'void', code: 'ROUND_CANCELLED' });
    expect(await Promise.all(setting.clients.map(({ closed }) => closed))).toEqual([1001, 1001, 1001, 1001]);
    for (const client of setting.clients) expect(client.has('abort')).toBe(true);
    expect([...setting.coordinator.model()]).toEqual([0, 0, 0, 0, 0]);
  });
});
