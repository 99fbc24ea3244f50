// The processes of a fleet: that they start, refuse what cannot be, and never outlive whoever started them.
// Not here: what the clients in them do (simulation.test.ts).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { nativeRng } from '../../protocol/native/index.js';
import type { AttackSpec } from '../../simulations/attacks/spec.js';
import { type FleetOptions, startFleet } from '../../simulations/fleet/fleet.js';
import type { MemberOrder } from '../../simulations/fleet/messages.js';

const MINUTE = 60_000;
const member = (position: number, attack?: AttackSpec): MemberOrder => ({
  position,
  name: `client-0${position}`,
  secret: nativeRng(32),
  rows: Uint32Array.of(0, 1, 2),
  ...(attack && { attack: { spec: attack, rank: 0, attackers: 1, conspiracy: 0, allies: [] } }),
});
const options = (members: readonly MemberOrder[]): FleetOptions => ({
  source: { set: 'synthetic', examples: 50, inputs: 4, classes: 2 },
  model: { kind: 'softmax', input: 4, classes: 2 },
  seed: 1,
  members,
  processes: 2,
  listens: false,
  onCut: () => undefined,
  onTrained: () => undefined,
  onTrouble: () => undefined,
  onLedger: () => undefined,
  onSpent: () => undefined,
});
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
/** Processes take a moment to go; the test's own limit ends a wait in vain. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(lives)) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('the processes of a fleet', () => {
  it(
    'end when they are told to, once and twice',
    async () => {
      const fleet = await startFleet(options([member(0), member(1), member(2)]));
      expect(fleet.pids).toHaveLength(2);
      expect(fleet.pids.every(lives)).toBe(true);
      await fleet.end();
      await fleet.end();
      expect(fleet.pids.some(lives)).toBe(false);
    },
    MINUTE,
  );

  it(
    'give up with the reason where one of them cannot load',
    async () => {
      const impossible = options([member(0), member(1, { kind: 'sign-flip', boost: 0 })]);
      await expect(startFleet(impossible)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('boost is 0; it must be a number above 0'),
      });
    },
    MINUTE,
  );

  it(
    'fail the fleet when one of them is killed',
    async () => {
      const fleet = await startFleet(options([member(0), member(1)]));
      const [pid = 0] = fleet.pids;
      process.kill(pid, 'SIGKILL');
      await expect(fleet.failed).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') });
      await fleet.end();
      expect(fleet.pids.some(lives)).toBe(false);
    },
    MINUTE,
  );

  it(
    'do not outlive a parent that is killed with no chance to tell them',
    async () => {
      const modules = new URL('../../simulations/fleet/fleet.js', import.meta.url);
      const order = JSON.stringify({ ...options([]), processes: 2 });
      const script = `
        const { startFleet } = await import(${JSON.stringify(modules.href)});
        const member = (position) => ({ position, name: 'c' + position, secret: new Uint8Array(32).fill(position + 1), rows: Uint32Array.of(0) });
        const fleet = await startFleet({ ...${order}, members: [member(0), member(1)], onCut() {}, onTrouble() {}, onLedger() {}, onSpent() {} });
        console.log(JSON.stringify(fleet.pids));
        setInterval(() => {}, 1000);`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pids = JSON.parse(line.toString()) as number[];
      expect(pids).toHaveLength(2);
      expect(pids.every(lives)).toBe(true);
      parent.kill('SIGKILL');
      await gone(pids);
    },
    MINUTE,
  );
});
