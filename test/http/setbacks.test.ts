// What operators see of a campaign that nobody comes to, and how they let it try again. Not here: how it counts (test/server/setbacks).

import { afterEach, expect, it } from 'vitest';
import { SETBACKS_BEFORE_PAUSE } from '../../protocol/limits.js';
import { taskOf } from '../protocol/world.js';
import { type HttpDesk, openDesk } from './desk.js';

let open: HttpDesk | undefined;
afterEach(async () => open?.end());

const WAIT_MS = 20_000; // of test/server/setting.ts

it('nobody comes: status and metrics count, the board warns once a round and once more when it is no longer chance, and it stays ready', async () => {
  open = await openDesk({ tokens: [] });
  const { http, setting, ask } = open;
  const { attached } = http.attach(setting.coordinator, {
    task: taskOf({ size: 4 }),
    campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 1, waitMs: 1 }, overSelection: 1, pauseMs: 0 },
    evaluates: false,
    version: 'test',
  });
  const told: number[] = [];
  setting.coordinator.on('setback', ({ inARow }) => told.push(inARow));
  const waits = SETBACKS_BEFORE_PAUSE + 3;
  for (let i = 0; i < waits; i++) setting.clock.advance(WAIT_MS);
  expect(told).toEqual(Array.from({ length: waits }, (_, i) => i + 1));
  expect(setting.coordinator.admin.status()).toMatchObject({ phase: 'waiting', round: 1, setbacks: waits });
  attached.refresh();
  const alerts = attached.board.table.all('alert').filter(({ kind }) => kind === 'setback');
  expect(alerts.map(({ level }) => level)).toEqual(['warning', 'critical']);
  expect(alerts[0]?.says).toMatch(/^nothing came of 1 try, it goes on waiting for clients; 0 clients are here/);
  expect(await (await ask('/metrics')).text()).toContain(`\nsotto_setbacks ${waits}\n`);
  // Clients may come in, which is what it waits for.
  expect((await ask('/readyz')).status).toBe(200);
  setting.coordinator.admin.resume({ by: 'anna', reason: 'the network is back' });
  expect(setting.coordinator.admin.status()).toMatchObject({ phase: 'waiting', setbacks: 0 });
});
