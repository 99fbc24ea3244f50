// Uploads against a running coordinator: credit, its absence, cuts, stalls, and a budget that is too small for everybody.
// Not here: the rules of who may send (tickets.test.ts), the client's own side (test/client/rounds.test.ts).

import { describe, expect, it } from 'vitest';
import { UPLOAD_STALLED_MS } from '../../protocol/limits.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { ClientRoundMessage, Message } from '../../protocol/wire/messages.js';
import { CLOSE } from '../../server/index.js';
import { taskOf } from '../protocol/world.js';
import type { RawClient } from '../server/raw-client.js';
import { arrange, meanOf } from '../server/setting.js';

/** Inputs of six chunks, two more than anybody has credit for at first. */
const DIMENSION = 5 * 131_072 + 9;
const INPUT_BYTES = 2 * DIMENSION + 2;
/** Nothing here is late by accident, and R3 stays open for those who come back until the clock is moved. */
const patient = (config: TaskConfig, masked = 0): TaskConfig => {
  const windows = Object.entries(config.windows).map(([name, one]) => [
    name,
    { ...one, time: { min: name === 'masked' ? masked : 0, max: 60_000 } },
  ]);
  return { ...config, windows: Object.fromEntries(windows) as TaskConfig['windows'] };
};
const credits = (client: RawClient | undefined): number =>
  client?.received.filter(({ kind }) => kind === 'credit').length ?? 0;
const resumes = (client: RawClient | undefined) =>
  client?.received.flatMap((message) => (message.kind === 'resume' ? [message.chunks] : []));

describe('a chunk without credit', () => {
  const early = ({ run }: ClientRoundMessage, index: number): Message => ({
    kind: 'inputChunk',
    run,
    index,
    section: new Uint8Array(8),
  });
  it.each<[string, number, (message: ClientRoundMessage) => readonly Message[]]>([
    ['before the input is announced', 5, (masked) => [early(masked, 0), masked]],
    ['ahead of the credit', DIMENSION, (masked) => [masked, early(masked, 5)]],
    ['of another run', 5, (masked) => [masked, early({ ...masked, run: { ...masked.run, attempt: 7 } }, 0)]],
  ])('%s: its sender is named and dropped, and the others finish with their exact sum', async (_, dimension, deed) => {
    const setting = await arrange({
      config: taskOf({ size: 5, dimension }),
      client: (i) => (i === 2 ? { deed: (message) => (message.kind === 'masked' ? deed(message) : undefined) } : {}),
    });
    const [report] = (await setting.run()).rounds;
    expect(report?.excluded).toEqual([{ client: setting.idOf(2), phase: 'masked', code: 'UPLOAD_NO_CREDIT' }]);
    expect(report?.survivors).toHaveLength(4);
    expect([...setting.coordinator.model()].slice(0, 9)).toEqual(meanOf(setting, report?.survivors ?? []).slice(0, 9));
    expect(await setting.clients[2]?.closed).toBe(CLOSE.violation);
  });
});

it('the same chunk over and over is a flood like any other', async () => {
  const setting = await arrange({
    config: taskOf({ size: 8 }),
    client: (i) => ({ deed: (m) => (i === 2 && m.kind === 'inputChunk' ? Array<Message>(400).fill(m) : undefined) }),
  });
  const [report] = (await setting.run()).rounds;
  expect(setting.notices).toContainEqual(
    expect.objectContaining({ type: 'offence', client: setting.idOf(2), code: 'SESSION_FLOOD' }),
  );
  // Its input had come whole before that.
  expect(report?.outcome).toEqual({ type: 'committed' });
});

it('an upload that stalls makes way after 20 s with its code; its client comes back and is in the sum', async () => {
  let silent = true;
  const setting = await arrange({
    config: patient(taskOf({ size: 4, dimension: DIMENSION }), 30_000),
    client: (i) => ({
      comeBack: 1,
      deed: ({ kind }) => (silent && i === 3 && kind === 'inputChunk' ? [] : undefined),
    }),
  });
  const [, , , slow] = setting.clients;
  setting.when(
    () => setting.clients.filter((one) => one.has('inputTaken')).length === 3 && credits(slow) > 0,
    () => {
      setting.clock.advance(UPLOAD_STALLED_MS - 1);
      expect(slow?.closes).toEqual([]);
      silent = false;
      setting.clock.advance(1);
    },
  );
  setting.when(
    () => slow?.has('inputTaken') === true,
    () => setting.clock.advance(30_000),
  );
  const [report] = (await setting.run()).rounds;
  expect(slow?.closes[0]).toEqual({ code: CLOSE.tooSlow, reason: 'UPLOAD_STALLED' });
  expect(slow?.received).toContainEqual(expect.objectContaining({ kind: 'fault', code: 'UPLOAD_STALLED' }));
  expect(report).toMatchObject({ attempts: 1, excluded: [], dropped: [] });
  expect(report?.survivors).toContain(setting.idOf(3));
  expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
});

describe('a line that is cut in the middle of an upload', () => {
  /** Client 0 is cut when two of its chunks are verified; the others upload then; it comes back when they are through. */
  async function cutInTheMiddle(uploadBytes: number, profile: 'cohort' | 'open') {
    const sent: number[] = [];
    const late: (() => void)[] = [];
    let first = true;
    const setting = await arrange({
      config: patient(
        taskOf({ size: 4, dimension: profile === 'open' ? (DIMENSION + 1) / 2 : DIMENSION, profile }),
        1_000,
      ),
      coordinator: { uploadBytes },
      client: (i) => ({
        deed: (message, client) => {
          if (i > 0 && first && (message.kind === 'masked' || message.kind === 'plain')) {
            late.push(() => client.send(message));
            return [];
          }
          if (i > 0 || message.kind !== 'inputChunk') return undefined;
          if (first && message.index > 1) return [];
          sent.push(message.index);
          return undefined;
        },
      }),
    });
    const [cut, ...others] = setting.clients;
    // The second credit says that two chunks are in.
    setting.when(
      () => credits(cut) === 2 && late.length === 3,
      () => {
        first = false;
        cut?.cut();
      },
    );
    setting.when(
      () => (cut?.closes.length ?? 0) > 0,
      () => {
        for (const go of late) go();
      },
    );
    setting.when(
      () => others.every((one) => one.has('inputTaken')),
      () => void cut?.join(),
    );
    setting.when(
      () => setting.clients.every((one) => one.has('inputTaken')),
      () => setting.clock.advance(1_000),
    );
    const [report] = (await setting.run()).rounds;
    expect(report).toMatchObject({ attempts: 1, excluded: [], dropped: [] });
    expect(report?.survivors).toHaveLength(4);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
    return { sent, resumed: resumes(cut) };
  }

  it.each(['cohort', 'open'] as const)('goes on with the first chunk that is missing (profile %s)', async (profile) => {
    expect(await cutInTheMiddle(4 * INPUT_BYTES, profile)).toEqual({ sent: [0, 1, 2, 3, 4, 5], resumed: [[0, 1]] });
  });

  it.each(['cohort', 'open'] as const)(
    'where the others needed its room, what had come is gone, and it sends all of it again (profile %s)',
    async (profile) => {
      const all = [0, 1, 2, 3, 4, 5];
      expect(await cutInTheMiddle(INPUT_BYTES, profile)).toEqual({ sent: [0, 1, ...all], resumed: [[]] });
    },
  );
});
