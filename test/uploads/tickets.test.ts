// Who may send when: the tickets as a pure machine, against a model that counts memory by itself. Not here: real connections (uploads.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_UPLOAD_BYTES } from '../../protocol/limits.js';
import { deriveTask } from '../../protocol/task.js';
import { Uploads } from '../../server/driver/uploads.js';
import { uploadBudget } from '../../server/uploads/budget.js';
import {
  openTickets,
  stepTickets,
  type TicketEvent,
  type TicketSettings,
  type TicketState,
  ticketsFor,
} from '../../server/uploads/tickets.js';
import { taskOf } from '../protocol/world.js';
import { ManualClock } from '../server/manual-clock.js';

const SETTINGS: TicketSettings = { held: 3, parallel: 2, credits: 4, paceMs: 1_000, stalledMs: 20_000 };
const CHUNKS = 6;
const name = (i: number) => `client ${i}` as ClientId;

/** A coordinator's memory and its clients, by hand: what has come of each input, what each may send. */
class Model {
  state: TicketState;
  now = 0;
  readonly settings: TicketSettings;
  readonly credited = new Map<ClientId, number[]>();
  readonly taken = new Map<ClientId, Set<number>>();
  readonly connected = new Set<ClientId>();
  readonly done = new Set<ClientId>();
  /** Credits, evictions and stalls, as they came. */
  readonly log: string[] = [];
  mostInMemory = 0;

  constructor(settings = SETTINGS) {
    this.settings = settings;
    this.state = openTickets(settings);
  }

  post(event: TicketEvent): void {
    const step = stepTickets(this.state, event);
    this.state = step.state;
    for (const effect of step.effects) {
      if (effect.type === 'wakeAt') continue;
      this.log.push(
        effect.type === 'credit' ? `credit ${effect.client}: ${effect.chunks}` : `${effect.type} ${effect.client}`,
      );
      if (effect.type === 'credit') {
        if (!this.connected.has(effect.client)) throw new Error('credit for nobody');
        this.credited.get(effect.client)?.push(...effect.chunks);
        if ((this.credited.get(effect.client)?.length ?? 0) > this.settings.credits) throw new Error('too much credit');
      }
      if (effect.type === 'evict') {
        if (this.connected.has(effect.client)) throw new Error('evicted while connected');
        this.taken.delete(effect.client);
      }
      if (effect.type === 'stalled') this.connected.delete(effect.client);
      if (effect.type === 'stalled') this.post({ type: 'gone', client: effect.client, now: this.now });
    }
  }

  come(i: number): void {
    const client = name(i);
    if (this.done.has(client) || this.connected.has(client)) return;
    this.connected.add(client);
    this.credited.set(client, []);
    const taken = this.taken.get(client);
    const chunks = Array.from({ length: CHUNKS }, (_, at) => at).filter((at) => !taken?.has(at));
    this.post({ type: 'upload', client, chunks, now: this.now });
  }

  /** The oldest chunk that it may send comes and is verified. @returns whether there was one */
  send(i: number): boolean {
    const client = name(i);
    const index = this.connected.has(client) ? this.credited.get(client)?.shift() : undefined;
    if (index === undefined) return false;
    const taken = this.taken.get(client) ?? new Set<number>();
    this.taken.set(client, taken.add(index));
    this.mostInMemory = Math.max(this.mostInMemory, this.taken.size);
    if (this.taken.size > this.settings.held) throw new Error('more inputs in memory than the budget has room for');
    this.post({ type: 'arrived', client, index, now: this.now });
    const missing = CHUNKS - taken.size;
    if (missing === 0) {
      this.taken.delete(client);
      this.done.add(client);
      this.connected.delete(client);
    }
    this.post({ type: 'uploaded', client, missing, now: this.now });
    return true;
  }

  again(i: number): void {
    const client = name(i);
    const [index] = this.taken.get(client) ?? [];
    if (index === undefined || !this.connected.has(client)) return;
    this.post({ type: 'arrived', client, index, now: this.now });
    this.post({ type: 'uploaded', client, missing: CHUNKS - (this.taken.get(client)?.size ?? 0), now: this.now });
  }

  lose(i: number): void {
    if (this.connected.delete(name(i))) this.post({ type: 'gone', client: name(i), now: this.now });
  }

  memory(tight: number): void {
    this.post({ type: 'memory', tight: tight > 0, now: this.now });
  }

  wait(ms: number): void {
    this.now += ms;
    this.post({ type: 'tick', now: this.now });
  }
}

describe('tickets', () => {
  it('however clients come, send, repeat, stall and vanish: never more in memory or ahead than allowed, and in the end everybody is through', () => {
    const op = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), i: fc.nat({ max: 7 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('come' as const), i: fc.nat({ max: 7 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), i: fc.nat({ max: 7 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), i: fc.nat({ max: 7 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('memory' as const), i: fc.nat({ max: 1 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('wait' as const), i: fc.constantFrom(1, 900, 1_100, 20_000) }),
      },
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 120 }), fc.constantFrom(1, 2, 3, 5), (ops, held) => {
        const model = new Model({ ...SETTINGS, held });
        for (const one of ops) model[one.do](one.i);
        // From here on everybody is honest.
        for (let turn = 0; turn < 40 * CHUNKS && model.done.size < 8; turn++) {
          for (let i = 0; i < 8; i++) {
            model.come(i);
            model.send(i);
          }
          model.wait(500);
        }
        expect(model.done.size).toBe(8);
      }),
      { seed: 5, numRuns: 400 },
    );
  });

  it('the first two go on, the others wait until one is through', () => {
    const model = new Model();
    for (let i = 0; i < 4; i++) model.come(i);
    expect(model.log).toEqual(['credit client 0: 0,1,2,3', 'credit client 1: 0,1,2,3']);
    while (model.send(0));
    expect(model.log.slice(2)).toEqual(['credit client 0: 4,5', 'credit client 2: 0,1,2,3']);
  });

  it('whoever is slow does not keep others from beginning, as long as there is memory', () => {
    const model = new Model();
    for (let i = 0; i < 5; i++) model.come(i);
    model.wait(1_000);
    // One more only: three inputs fit.
    expect(model.log.slice(2)).toEqual(['credit client 2: 0,1,2,3']);
  });

  it('unused credit for 20 s ends the turn; until then nothing does, and who has sent all that it may is not slow', () => {
    const model = new Model();
    model.come(0);
    model.wait(19_999);
    model.send(0);
    model.wait(19_999);
    expect(model.log).toEqual(['credit client 0: 0,1,2,3']);
    model.wait(1);
    expect(model.log.at(-1)).toBe('stalled client 0');
    // All that it had credit for is here and is being checked: it is our turn.
    const busy = new Model({ ...SETTINGS, credits: 2 });
    busy.come(1);
    for (const index of [0, 1]) busy.post({ type: 'arrived', client: name(1), index, now: 0 });
    busy.wait(60_000);
    expect(busy.log).toEqual(['credit client 1: 0,1']);
  });

  it('a cut upload goes on before those who have not begun, from where it was; one that stalled goes behind them', () => {
    const cut = new Model();
    for (let i = 0; i < 4; i++) cut.come(i);
    cut.send(0);
    cut.lose(0);
    cut.come(0);
    cut.lose(1);
    expect(cut.log.slice(2)).toEqual(['credit client 2: 0,1,2,3', 'credit client 0: 1,2,3,4']);
    const stalled = new Model();
    for (let i = 0; i < 4; i++) stalled.come(i);
    stalled.wait(20_000);
    const since = stalled.log.length;
    stalled.come(0);
    while (stalled.send(2));
    while (stalled.send(3));
    const order = stalled.log.slice(since).filter((line) => /^credit client 0/.test(line) || /client 3: 0/.test(line));
    expect(order.at(-1)).toBe('credit client 0: 0,1,2,3');
  });

  it('what is left of those who are gone makes room when it is needed, the oldest first, and not before', () => {
    const model = new Model();
    for (const i of [0, 1, 2]) {
      model.come(i);
      model.send(i);
      model.lose(i);
    }
    expect(model.log.filter((line) => line.startsWith('evict'))).toEqual([]);
    model.come(3);
    expect(model.log.slice(-2)).toEqual(['evict client 0', 'credit client 3: 0,1,2,3']);
    model.come(0);
    expect(model.log.slice(-2)).toEqual(['evict client 1', 'credit client 0: 0,1,2,3']);
  });

  it('where memory is tight none is begun beside another, one goes on all the same, and the rest begin once it is not', () => {
    const model = new Model();
    model.memory(1);
    for (let i = 0; i < 3; i++) model.come(i);
    model.wait(5_000);
    expect(model.log).toEqual(['credit client 0: 0,1,2,3']);
    // Somebody looks again, though nothing comes.
    expect(model.state.wakeAt).toBe(6_000);
    while (model.send(0));
    expect(model.log.at(-1)).toBe('credit client 1: 0,1,2,3');
    // What lies there already needs no more room.
    model.send(1);
    model.lose(1);
    model.come(1);
    expect(model.log.slice(-2)).toEqual(['credit client 2: 0,1,2,3', 'credit client 1: 1,2,3,4']);
    const other = new Model();
    other.memory(1);
    for (let i = 0; i < 3; i++) other.come(i);
    other.memory(0);
    expect(other.log).toEqual(['credit client 0: 0,1,2,3', 'credit client 1: 0,1,2,3']);
  });

  it('a coordinator asks for its memory at every event, and by the clock while somebody waits for it', () => {
    const clock = new ManualClock();
    let tight = true;
    const credited: ClientId[] = [];
    const handlers = {
      credit: (to: ClientId) => void credited.push(to),
      stalled: () => {},
      evict: () => {},
      broken: (error: unknown) => {
        throw error;
      },
    };
    const uploads = new Uploads(clock, handlers, undefined, () => tight);
    const run = { round: 1, attempt: 1, group: 0 };
    for (const i of [0, 1])
      uploads.offered({ type: 'upload', client: name(i), run, bytes: 4 << 20, chunks: [0, 1, 2, 3] });
    clock.advance(1_000);
    expect(credited).toEqual([name(0)]);
    tight = false;
    clock.advance(1_000);
    expect(credited).toEqual([name(0), name(1)]);
    uploads.stop();
  });

  it('the same chunk again earns no credit', () => {
    const model = new Model();
    model.come(0);
    model.send(0);
    for (let n = 0; n < 20; n++) model.again(0);
    expect(model.log).toEqual(['credit client 0: 0,1,2,3']);
  });
});

describe('the budget of unfinished inputs', () => {
  it('64 inputs of 4 MiB, 16 at a time; one of any size; small ones up to 256 at a time', () => {
    expect(ticketsFor(4 << 20)).toEqual({ held: 64, parallel: 16 });
    expect(ticketsFor(MAX_UPLOAD_BYTES + 1)).toEqual({ held: 1, parallel: 16 });
    expect(ticketsFor(1_000).parallel).toBe(256);
    expect(ticketsFor(4 << 20, 10 << 20).held).toBe(2);
  });

  it('is a quarter of the memory of the process, and a task whose inputs do not fit is refused with the sum', () => {
    const task = taskOf({ size: 8, dimension: 1 << 20 });
    const derived = deriveTask(task);
    expect(uploadBudget(task, derived)).toBe(MAX_UPLOAD_BYTES);
    expect(uploadBudget(task, derived, 512 << 20)).toBe(128 << 20);
    const open = taskOf({ size: 8, dimension: 1 << 20, profile: 'open' });
    const refused = (): number => uploadBudget(open, deriveTask(open), 63 << 20);
    expect(refused).toThrow(SottoError);
    expect(refused).toThrow('8 inputs, which this task has to keep until its round is over, of 4 MiB need 64 MiB');
    expect(uploadBudget(open, deriveTask(open), 64 << 20)).toBe(16 << 20);
  });
});
