// Some thousand thin clients in one process: they connect when they are told, so many handshakes at a time, and stay. Not a test.

import type { ChildProcess } from 'node:child_process';
import { ThinClient } from '../host/thin-client.js';
import { identityNumber } from '../kill/setting.js';

export interface CrowdPlan {
  readonly url: string;
  readonly task: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** Handshakes at a time. */
  readonly inFlight: number;
}
export type ToCrowd = { readonly type: 'connect' } | { readonly type: 'cut' };
export type FromCrowd =
  | { readonly type: 'prepared' }
  /** All are in. */
  | {
      readonly type: 'in';
      readonly ms: number;
      /** Of this process. */
      readonly cpuMs: number;
      /** Tries that came to nothing, by what was said; each comes back after a while, as clients do. */
      readonly again: Readonly<Record<string, number>>;
      /** From the first try of one client to its place in the pool. */
      readonly handshakeMs: { readonly median: number; readonly p99: number };
    }
  | { readonly type: 'lost'; readonly code: number };

/** How long one that did not get in stays away: a client's first wait. */
const BACK_MS = { least: 500, most: 1_500 };

const tell = (message: FromCrowd): void => {
  if (process.connected) process.send?.(message);
};

process.once('disconnect', () => process.exit(0));
process.once('message', (message) => start(message as CrowdPlan));

function start(plan: CrowdPlan): void {
  const identities = Array.from({ length: plan.to - plan.from }, (_, i) => identityNumber(plan.seed, plan.from + i));
  const coordinator = identityNumber(plan.seed, -1).id;
  let inside: ThinClient[] = [];
  let cutting = false;

  async function connectAll(): Promise<void> {
    const began = performance.now();
    const cpu = process.cpuUsage();
    cutting = false;
    const again: Record<string, number> = {};
    const took: number[] = [];
    const waiting = [...identities];
    const one = async (): Promise<void> => {
      for (let identity = waiting.pop(); identity !== undefined; identity = waiting.pop()) {
        const first = performance.now();
        for (;;) {
          const came = await ThinClient.connect({
            url: plan.url,
            identity,
            coordinator,
            task: plan.task,
            trusting: true,
          });
          if (came.type === 'in') {
            took.push(performance.now() - first);
            inside.push(came.client);
            came.client.lost = (code) => {
              if (!cutting) tell({ type: 'lost', code });
            };
            break;
          }
          const why = came.type === 'busy' ? 'busy' : came.text;
          again[why] = (again[why] ?? 0) + 1;
          const told = came.type === 'busy' ? came.retryAfterMs : undefined;
          const wait = told ?? BACK_MS.least + Math.random() * (BACK_MS.most - BACK_MS.least);
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    };
    await Promise.all(Array.from({ length: plan.inFlight }, one));
    took.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(took[Math.floor(share * (took.length - 1))] ?? 0);
    const { user, system } = process.cpuUsage(cpu);
    tell({
      type: 'in',
      ms: performance.now() - began,
      cpuMs: (user + system) / 1_000,
      again,
      handshakeMs: { median: at(0.5), p99: at(0.99) },
    });
  }

  process.on('message', (raw) => {
    const message = raw as ToCrowd;
    if (message.type === 'connect') void connectAll();
    else {
      cutting = true;
      for (const client of inside) client.cut();
      inside = [];
    }
  });
  tell({ type: 'prepared' });
}

/** The parent's side: resolves with the next message of this type. */
export function next<T extends FromCrowd['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromCrowd, { type: T }>> {
  return new Promise((resolve, reject) => {
    const hear = (raw: unknown): void => {
      const message = raw as FromCrowd;
      if (message.type !== type) return;
      child.off('message', hear);
      child.off('exit', died);
      resolve(message as Extract<FromCrowd, { type: T }>);
    };
    const died = (): void => reject(new Error('a process of clients ended'));
    child.on('message', hear);
    child.once('exit', died);
  });
}
