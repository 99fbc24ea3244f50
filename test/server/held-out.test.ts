// What each group does on the coordinator's own data: measured on the way that a round takes, against plain sums. The judgement of the
// gains is monitor.test.ts's.

import { describe, expect, it } from 'vitest';
import type { RoundResult } from '../../protocol/round/types.js';
import { gainsOf } from '../../server/driver/held-out.js';
import { MONITOR_DEFAULTS } from '../../server/index.js';
import { taskOf } from '../protocol/world.js';
import { arrange } from './setting.js';

const results = (ids: readonly number[]): RoundResult => ({
  groups: ids.map((group) => ({ group, source: { type: 'sum', accumulator: `${group}` }, survivors: [] })),
  voided: [],
  transcript: new Uint8Array(32) as never,
  facts: { done: [], voided: [] },
  commitNonce: '',
});

describe('held-out gains', () => {
  it('are of the plain means without each group, by group, and of the class that moves most', async () => {
    const before = Float32Array.of(1, 1);
    // Of all three groups; without group 4; without 7; without 9, which pulls far away.
    const means = [
      [3, 0],
      [4, 0],
      [4, 0],
      [1, 0],
    ].map((mean) => Float32Array.from(mean));
    const seen: number[][] = [];
    const gains = await gainsOf(results([4, 7, 9]), before, means, async (weights) => {
      seen.push([...weights]);
      const x = weights[0] ?? 0;
      // Class 0 moves a little, class 1 much, class 2 has no examples.
      return { examples: 1, loss: x * x, accuracy: 0, recalls: [0.5 - x / 100, 1 - x / 10, Number.NaN] };
    });
    expect(seen).toEqual([
      [4, 1],
      [5, 1],
      [5, 1],
      [2, 1],
    ]);
    expect([...gains.keys()]).toEqual([4, 7, 9]);
    // Without 9 the loss is 4 in place of 16: it does harm. Without 4 it would be 25.
    expect(gains.get(9)?.heldOutGain).toBe(4 - 16);
    expect(gains.get(4)?.heldOutGain).toBe(25 - 16);
    expect(gains.get(9)?.recallGain).toBeCloseTo(0.6 - 0.8, 12);
    expect(gains.get(4)?.recallGain).toBeCloseTo(0.6 - 0.5, 12);
  });

  it('are measured in a real round before the next one starts: all groups, then all but each; the rule of the task is another', async () => {
    const config = taskOf({ size: 2, count: 5, rule: { name: 'median', faulty: 2 } });
    const measured: number[][] = [];
    const setting = await arrange({
      config,
      coordinator: {
        monitor: { ...MONITOR_DEFAULTS, heldOut: true },
        evaluate: async (weights) => {
          measured.push([...weights]);
          return { examples: 1, loss: 1, accuracy: 0.5 };
        },
      },
    });
    const [report] = (await setting.run()).rounds;
    const groups = (report?.groups ?? []).map(({ members }) =>
      setting.updates.filter((_, i) => members.includes(setting.idOf(i))),
    );
    const meanOf = (rows: readonly Float32Array[]): number[] =>
      Array.from(rows[0] ?? [], (_, c) => rows.reduce((sum, row) => sum + (row[c] ?? 9), 0) / rows.length);
    const close = (a: readonly number[] = [], b: readonly number[]): void => {
      expect(a).toHaveLength(b.length);
      for (const [c, value] of b.entries()) expect(a[c]).toBeCloseTo(value, 5);
    };
    // One for all, five without one each, and the evaluation of the model itself.
    expect(measured).toHaveLength(7);
    close(measured[0], meanOf(groups.flat()));
    for (const [i, left] of groups.entries())
      close(measured[i + 1], meanOf(groups.filter((one) => one !== left).flat()));
    close(measured[6], [...setting.coordinator.model()]);
  });

  it('cost nothing where nobody asked', async () => {
    let calls = 0;
    const evaluate = async () => ({ examples: ++calls, loss: 1, accuracy: 0.5 });
    const setting = await arrange({ config: taskOf({ size: 2, count: 5 }), coordinator: { evaluate } });
    await setting.run();
    expect(calls).toBe(1);
  });
});
