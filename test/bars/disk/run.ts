// Bar 11 (operations.md §7): damage to copies of a real store, writes that fail under a running coordinator, a full disk. Whatever
// happens, a coordinator opens complete and verified, or refuses with a typed error that says what to do; it never dies by a signal, never
// loses what it acknowledged, never serves a wrong model. Not here: the damage (damage.ts, faults.ts), the victim (victim-process.ts).

import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listBackups } from '../../../server/data/backups.js';
import { spawn } from '../host/host.js';
import { generator } from '../random.js';
import { type Damage, drawn, inRows, named, pagewise } from './damage.js';
import { faultAt, goOn, liveOnce, smallDisk } from './faults.js';
import { clientsOf, startOn } from './setting.js';
import type { FromVictim, ToVictim } from './victim-process.js';

export interface DiskOptions {
  /** Copies that are cut anywhere (a third) or have one bit changed, beside the named ones. */
  readonly damages: number;
  /** Copies that are cut at a border of the last so many pages, and as many with a page of zeros. */
  readonly pages: number;
  /** Copies with one bit changed in the value of a state row: none of them may open. */
  readonly rows: number;
  /** The n-th commit fails, and the n-th flush, for n up to this. */
  readonly faults: number;
  /** Of the original. */
  readonly rounds: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface DiskResult {
  readonly seed: number;
  readonly damages: number;
  /** Opened complete, opened with an old blob left out, refused by code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Refused ones that the doctor brought back to the newest backup. */
  readonly restored: number;
  readonly faults: number;
  /** With what coordinators ended whose writes failed. */
  readonly faultCodes: Readonly<Record<string, number>>;
  /** With what it ended on a file system that was really full. */
  readonly fullDisk: string;
  readonly failed: readonly string[];
  readonly ok: boolean;
}

type Opened = Extract<FromVictim, { type: 'opened' }>;

/** Of the drawn copies that are refused, each so-manieth goes through the doctor; of the named ones all do. */
const RESTORED = 5;

export async function diskBar({ damages, pages, rows, faults, rounds, seed, say }: DiskOptions): Promise<DiskResult> {
  const root = mkdtempSync(join(tmpdir(), 'sotto-disk-'));
  const random = generator(seed);
  const failed: string[] = [];
  const outcomes: Record<string, number> = {};
  const faultCodes: Record<string, number> = {};
  const count = (counts: Record<string, number>, what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const victim = new Victim();
  let restored = 0;
  try {
    const original = join(root, 'original');
    await makeOriginal(original, seed, rounds);
    const whole = await victim.ask({ type: 'open', directory: copyOf(original, join(root, 'whole')), seed });
    if (whole === 'died' || whole.type !== 'opened')
      throw new Error(`the original does not open: ${JSON.stringify(whole)}`);
    const once = named();
    const all = [
      ...once,
      ...pagewise(original, pages, random),
      ...drawn(original, damages, random),
      ...(await inRows(original, rows, random)),
    ];
    let refused = 0;
    for (const [n, one] of all.entries()) {
      const directory = copyOf(original, join(root, `case-${n}`));
      await one.damage(directory);
      const answer = await victim.ask({ type: 'open', directory, seed });
      const wrong = judge(one, answer, whole);
      count(outcomes, outcomeOf(answer));
      if (wrong !== undefined) failed.push(`${one.name}: ${wrong}`);
      const remedy = answer !== 'died' && answer.type === 'refused' && /doctor/.test(answer.text);
      if (remedy && (n < once.length || refused++ % RESTORED === 0)) {
        const why = await bringBack(victim, directory, seed, whole);
        if (why === undefined) restored++;
        else failed.push(`${one.name}: ${why}; it was refused with ${JSON.stringify(answer)}`);
      }
      rmSync(directory, { recursive: true, force: true });
      if (n % 50 === 49) say(`${n + 1} of ${all.length} damaged copies, ${failed.length} failed`);
    }

    for (let i = 0; i < 2 * faults; i++) {
      const n = 1 + Math.floor(i / 2);
      const { name, faults: at } = faultAt(n, i % 2 === 0 ? 'commit' : 'flush', random() < 0.5 ? 'ENOSPC' : 'EIO');
      const directory = join(root, `fault-${i}`);
      // Each round writes more often than that.
      const enough = 2 + Math.ceil(n / 4);
      const lived = await liveOnce(directory, seed + i, enough, at);
      const { code, text } = lived;
      const wrong = await goOn(directory, seed + i, enough + 2, lived).catch((error: unknown) => [
        `the next start failed: ${String(error)}`,
      ]);
      count(faultCodes, code ?? 'none');
      if (code === undefined || !['STORE_WRITE', 'STORE_FULL', 'STORE_LATCHED'].includes(code))
        failed.push(`${name}: ended with ${code} ${text}`);
      for (const one of wrong) failed.push(`${name}: ${one}`);
      rmSync(directory, { recursive: true, force: true });
      if (i % 20 === 19) say(`${i + 1} of ${2 * faults} campaigns with a failing write, ${failed.length} failed`);
    }
    const fullDisk = await fillDisk(join(root, 'small'), seed, failed);
    return {
      seed,
      damages: all.length,
      outcomes,
      restored,
      faults: 2 * faults,
      faultCodes,
      fullDisk,
      failed: failed.slice(0, 20),
      ok: failed.length === 0,
    };
  } finally {
    victim.end();
    rmSync(root, { recursive: true, force: true });
  }
}

const copyOf = (from: string, to: string): string => {
  cpSync(from, to, { recursive: true });
  return to;
};

async function makeOriginal(directory: string, seed: number, rounds: number): Promise<void> {
  const coordinator = await startOn({ directory, seed, rounds });
  const ends = clientsOf(coordinator, seed, new Map()).map((client) => client.run());
  await coordinator.done;
  await Promise.all(ends);
  await coordinator.stop('the original is made');
}

const outcomeOf = (answer: FromVictim | 'died'): string => {
  if (answer === 'died') return 'died';
  if (answer.type === 'refused') return answer.code;
  return answer.type === 'opened' && answer.quarantined > 0 ? 'opened without an old blob' : 'opened';
};

/** @returns what is wrong */
function judge(one: Damage, answer: FromVictim | 'died', whole: Opened): string | undefined {
  if (answer === 'died') return 'the process died';
  if (answer.type === 'restored' || answer.type === 'lived') return 'nobody asked for that';
  if (answer.type === 'refused') {
    if (one.fate === 'must open') return `refused with ${answer.code}: ${answer.text}`;
    if (!one.codes.includes(answer.code)) return `refused with ${answer.code}: ${answer.text}`;
    const remedy = /doctor|restore|use |stop it/.test(answer.text);
    return remedy ? undefined : `no remedy in "${answer.text}"`;
  }
  if (one.fate === 'must refuse') return 'opened';
  if (answer.badRows.length > 0) return `opened with row ${answer.badRows[0]} that is not what the events make of it`;
  if (answer.wrong.length > 0) return `serves ${answer.wrong.length} blobs with other bytes`;
  if (answer.newest !== whole.newest) return 'the newest model is another one';
  if (!answer.served.includes(whole.newest)) return 'the newest model is not served';
  // What the first opening of the original wrote itself is not of the original: two events at its start and two at its end.
  const common = Math.min(answer.events.length, whole.events.length) - 4;
  for (let i = 0; i < common; i++) if (answer.events[i] !== whole.events[i]) return `event ${i + 1} is another one`;
  return answer.events.length < whole.events.length
    ? `${whole.events.length - answer.events.length} events lost`
    : undefined;
}

/** The doctor goes back to the newest backup, and that opens. */
async function bringBack(victim: Victim, directory: string, seed: number, whole: Opened): Promise<string | undefined> {
  const backup = listBackups(directory)[0];
  const seq = Number(/seq-(\d+)$/.exec(backup ?? '')?.[1] ?? 0);
  const answer = await victim.ask({ type: 'restore', directory });
  if (answer === 'died') return 'the doctor died';
  if (answer.type !== 'restored') return `the doctor says ${JSON.stringify(answer)}`;
  if (answer.seq !== seq && !answer.markerOnly)
    return `the doctor went back to event ${answer.seq}, the newest backup has ${seq}`;
  const opened = await victim.ask({ type: 'open', directory, seed });
  if (opened === 'died' || opened.type !== 'opened') return `restored, and does not open: ${JSON.stringify(opened)}`;
  const same = opened.events
    .slice(0, answer.markerOnly ? whole.events.length - 4 : seq)
    .every((hash, i) => hash === whole.events[i]);
  return same ? undefined : 'restored, and the log is another one';
}

/** A process that opens what it is told, and another one when it has died. */
class Victim {
  #child: ChildProcess | undefined;

  ask(order: ToVictim): Promise<FromVictim | 'died'> {
    this.#child ??= spawn(new URL('./victim-process.js', import.meta.url));
    const child = this.#child;
    return new Promise((resolve) => {
      const died = (): void => {
        this.#child = undefined;
        resolve('died');
      };
      child.once('exit', died);
      child.once('message', (answer) => {
        child.off('exit', died);
        resolve(answer as FromVictim);
      });
      child.send(order);
    });
  }

  end(): void {
    this.#child?.kill('SIGKILL');
  }
}

/** In a process of its own: whether that outlives it is part of the question. */
async function fillDisk(path: string, seed: number, failed: string[]): Promise<string> {
  const disk = smallDisk(path, 360);
  if (disk === undefined) return 'skipped: this process may not mount a small file system';
  const victim = new Victim();
  try {
    const directory = join(path, 'data');
    const answer = await victim.ask({ type: 'live', directory, seed, rounds: 200 });
    victim.end();
    if (answer === 'died' || answer.type !== 'lived') {
      failed.push(`a full disk: ${answer === 'died' ? 'the coordinator died' : JSON.stringify(answer)}`);
      return 'died';
    }
    const { code, text } = answer.lived;
    disk.grow();
    for (const one of await goOn(directory, seed, 202, answer.lived)) failed.push(`a full disk: ${one}`);
    if (code === undefined) failed.push('a full disk: the campaign went through; make it smaller');
    return code === undefined ? 'none' : text;
  } finally {
    victim.end();
    disk.end();
  }
}
