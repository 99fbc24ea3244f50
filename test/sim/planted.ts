// Bugs that are there on purpose, each put between or over the real parts while a world is played, never in what ships: a simulation
// that does not find them proves nothing (operations.md §7 bar 1). Not here: the worlds (simulations/world).

import { Backoff } from '../../client/reconnect.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { EngineWork } from '../../protocol/secagg/jobs.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import { DurableChainStore } from '../../server/audit/chain-store.js';
import type { Fact } from '../../server/audit/events.js';
import { AuditLog } from '../../server/audit/log.js';
import { Gate } from '../../server/driver/gate.js';
import { Judge } from '../../server/driver/judge.js';
import { RoundRunner } from '../../server/driver/round-runner.js';
import { type Op, type Plan, planOf, type Seams, simulate } from '../../simulations/world/index.js';

export interface Planted {
  readonly bug: string;
  /** Made anew for each world. */
  readonly seams?: () => Seams;
  /** Worlds that have what the bug is about. The others are not played, and count as seeds in which it was not found. */
  readonly where?: (plan: Plan) => boolean;
  /** Changes a part of the product while worlds are played. Gives what changes it back. */
  readonly patch?: () => () => void;
}
export interface Hunt {
  readonly bug: string;
  /** Seeds until it was found; absent: it was not. */
  readonly found?: number;
  readonly as?: string;
}

/** Replaces a method until the returned function is called. */
function replace<K extends string, T extends Record<K, unknown>>(
  target: T,
  name: K,
  make: (real: T[K]) => T[K],
): () => void {
  const real = target[name];
  target[name] = make(real);
  return () => {
    target[name] = real;
  };
}

/** `true` at every n-th call. */
const everyNth = (n: number): (() => boolean) => {
  let calls = 0;
  return () => ++calls % n === 0;
};

const decides =
  (...ops: readonly Op['op'][]) =>
  ({ ops: planned }: Plan): boolean =>
    planned.some(({ op }) => ops.includes(op));
const learns =
  (...tasks: readonly Plan['settings']['task'][]) =>
  ({ settings }: Plan): boolean =>
    tasks.includes(settings.task);

export const PLANTED: readonly Planted[] = [
  {
    bug: 'the disk acknowledges a write before it is flushed',
    seams: () => ({
      backend: (inner) => ({
        ...inner,
        async write(batch) {
          inner.write(batch).catch(() => undefined);
        },
      }),
    }),
  },
  {
    bug: 'an attempt is announced before it is written down',
    patch: () =>
      replace(
        AuditLog.prototype,
        'record',
        (real) =>
          async function early(this: AuditLog, facts, ...rest) {
            const written = real.call(this, facts, ...rest);
            if (!facts.some(({ type }) => type === 'attempt-started')) return written;
            written.catch(() => undefined);
            return { seq: 0, hash: '0'.repeat(64) as Awaited<typeof written>['hash'] };
          },
      ),
  },
  {
    bug: 'unmasking is asked for before that is written down',
    patch: () =>
      replace(
        AuditLog.prototype,
        'record',
        (real) =>
          async function early(this: AuditLog, facts, ...rest) {
            const written = real.call(this, facts, ...rest);
            if (!facts.some(({ type }) => type === 'unmasking-asked')) return written;
            written.catch(() => undefined);
            return { seq: 0, hash: '0'.repeat(64) as Awaited<typeof written>['hash'] };
          },
      ),
  },
  {
    bug: 'a coordinator that starts again has forgotten that unmasking was asked for',
    seams: () => ({
      disk(disk) {
        const row = disk.flushed.rows.get('campaign');
        if (row === undefined) return;
        const text = new TextDecoder().decode(row).replace('"opened":true', '"opened":false');
        disk.flushed.rows.set('campaign', new TextEncoder().encode(text));
      },
    }),
  },
  {
    bug: 'the guard store says saved and keeps nothing',
    seams: () => ({ guards: (inner) => ({ ...inner, save: async () => undefined }) }),
  },
  {
    bug: 'a client sends before its guard record is saved',
    seams: () => ({
      guards: (inner) => ({
        ...inner,
        async save(coordinator, record) {
          inner.save(coordinator, record).catch(() => undefined);
        },
      }),
    }),
  },
  {
    bug: 'every tenth input is acknowledged and not added',
    seams: () => {
      const now = everyNth(10);
      return {
        engine: (inner) => ({
          ...inner,
          run: async (work) => (work.type === 'fold' && now() ? { ok: true } : inner.run(work)),
        }),
      };
    },
  },
  {
    bug: 'the engine of the coordinator keeps sums after forget',
    seams: () => ({ engine: (inner) => ({ ...inner, forget: async () => undefined }) }),
  },
  {
    bug: 'the engine of a client keeps its vector after forget',
    seams: () => ({ clientEngine: (inner) => ({ ...inner, forget: () => undefined }) }),
  },
  {
    bug: 'secrets are not wiped',
    patch: () => replace(Secret.prototype, 'wipe', () => () => undefined),
  },
  {
    bug: 'a client opens both shares of a peer when it is asked',
    seams: () => ({
      machine: (inner) => {
        const both = <T extends Awaited<ReturnType<typeof inner.step>>>(step: T): T => ({
          ...step,
          effects: step.effects.flatMap((effect) =>
            effect.type === 'send' && effect.message.kind === 'unmask'
              ? [effect, { ...effect, message: flipped(effect.message) }]
              : [effect],
          ),
        });
        return {
          start: (setup) => inner.start(setup),
          step(state, event) {
            const step = inner.step(state, event);
            return step instanceof Promise ? step.then(both) : both(step);
          },
        };
      },
    }),
  },
  {
    bug: 'a coordinator that starts again counts the attempts of a round anew',
    seams: () => ({
      disk(disk) {
        const row = disk.flushed.rows.get('campaign');
        if (row === undefined) return;
        const text = new TextDecoder().decode(row).replace(/"attempt":\d+/, '"attempt":0');
        disk.flushed.rows.set('campaign', new TextEncoder().encode(text));
      },
    }),
  },
  {
    bug: 'a model is stored after the record that names it',
    seams: () => ({
      backend: (inner) => ({
        ...inner,
        async write(batch) {
          await inner.write({ ...batch, blobs: [] });
          inner.write({ events: [], rows: [], blobs: batch.blobs }).catch(() => undefined);
        },
      }),
    }),
  },
  {
    bug: 'every round message is handled twice',
    patch: () =>
      replace(
        RoundRunner.prototype,
        'message',
        (real) =>
          function twice(this: RoundRunner, from, body) {
            real.call(this, from, body);
            real.call(this, from, body);
          },
      ),
  },
  {
    bug: 'every fortieth alarm of the coordinator is lost',
    seams: () => {
      const now = everyNth(40);
      return { clock: (inner) => ({ ...inner, at: (time, ring) => (now() ? () => undefined : inner.at(time, ring)) }) };
    },
  },
  {
    bug: 'a client gives up after two tries to connect',
    patch: () => {
      const failed = new WeakMap<Backoff, number>();
      const back = replace(
        Backoff.prototype,
        'next',
        (real) =>
          function next(this: Backoff) {
            failed.set(this, (failed.get(this) ?? 0) + 1);
            return (failed.get(this) ?? 0) > 2 ? 1e9 : real.call(this);
          },
      );
      const reset = replace(
        Backoff.prototype,
        'reset',
        (real) =>
          function again(this: Backoff) {
            failed.delete(this);
            real.call(this);
          },
      );
      return () => {
        back();
        reset();
      };
    },
  },
  // ---- what operators decide
  {
    bug: 'a coordinator that starts again has forgotten that it is paused',
    where: decides('pause'),
    seams: () => ({ disk: (disk) => void disk.flushed.rows.delete('hold') }),
  },
  {
    bug: 'a revocation is acknowledged before it is written down',
    where: decides('revoke'),
    patch: () => replace(Gate.prototype, 'durable', () => async () => undefined),
  },
  {
    bug: 'a coordinator that starts again has forgotten whom it keeps out',
    where: decides('revoke', 'new key'),
    seams: () => ({
      disk(disk) {
        for (const [key, row] of disk.flushed.rows) {
          if (!key.startsWith('client/')) continue;
          const text = new TextDecoder().decode(row).replace('"revoked":true', '"revoked":false');
          disk.flushed.rows.set(key, new TextEncoder().encode(text));
        }
      },
    }),
  },
  {
    bug: 'a client follows a roll-back that its policy refuses',
    where: decides('roll back'),
    seams: () => ({ policy: (policy) => ({ ...policy, rollBack: 'signed' }) }),
  },
  {
    bug: 'a roll-back gives the step that was to be undone',
    where: decides('roll back'),
    patch: () =>
      replace(
        DurableChainStore.prototype,
        'append',
        (real) =>
          function same(this: DurableChainStore, link, ...rest) {
            if (link.record.type !== 'rollback') return real.call(this, link, ...rest);
            const { modelBefore: modelAfter } = link.record;
            return real.call(this, { ...link, record: { ...link.record, modelAfter } }, ...rest);
          },
      ),
  },
  // ---- sketches
  {
    bug: 'the filters over sketches leave nobody out',
    where: learns('sketches'),
    patch: () => replace(Judge.prototype, 'select', () => async () => []),
  },
  {
    bug: 'an input that was left out is added all the same',
    where: learns('sketches'),
    seams: () => {
      let fold: Extract<EngineWork, { type: 'fold' }> | undefined;
      return {
        engine: (inner) => ({
          ...inner,
          run(work, ...rest) {
            if (work.type === 'fold') fold = work;
            return inner.run(work.type === 'drop' && fold !== undefined ? { ...fold, slot: work.slot } : work, ...rest);
          },
        }),
      };
    },
  },
  // ---- noise
  {
    bug: 'a client sends its input before it has paid for it',
    where: learns('noise'),
    seams: () => ({
      ledgers: (inner) => ({
        ...inner,
        async append(...entry) {
          inner.append(...entry).catch(() => undefined);
        },
      }),
    }),
  },
  {
    bug: 'the price of a model is written down after the model',
    where: learns('noise'),
    patch: () => {
      const waiting = new WeakMap<AuditLog, readonly Fact[]>();
      return replace(
        AuditLog.prototype,
        'record',
        (real) =>
          async function late(this: AuditLog, facts, ...rest) {
            const isPrice = facts.some(({ type }) => type === 'privacy-settled');
            if (isPrice) waiting.set(this, facts);
            const price = waiting.get(this);
            if (isPrice) return { seq: 0, hash: '0'.repeat(64) as Awaited<ReturnType<typeof real>>['hash'] };
            const written = real.call(this, facts, ...rest);
            if (price === undefined || !facts.some(({ type }) => type === 'model-recorded')) return written;
            waiting.delete(this);
            real.call(this, price).catch(() => undefined);
            return written;
          },
      );
    },
  },
  {
    bug: 'a client leaves its noise out',
    where: learns('noise'),
    seams: () => ({
      clientEngine: (inner) => ({
        ...inner,
        run(work, update) {
          if (work.type !== 'mask') return inner.run(work, update);
          const { noise: _, ...silent } = work;
          return inner.run(silent, update);
        },
      }),
    }),
  },
  // ---- uploads of more than one chunk
  {
    bug: 'a chunk is taken without a look at its hash, and every third one is damaged',
    where: learns('chunks'),
    seams: () => {
      const now = everyNth(3);
      return {
        engine: (inner) => ({
          ...inner,
          run(work, ...rest) {
            if (work.type !== 'chunk' || !now()) return inner.run(work, ...rest);
            const section = work.section.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
            return inner.run({ ...work, section, hash: nativePrimitives.sha256(section) }, ...rest);
          },
        }),
      };
    },
  },
  // ---- rules over groups
  {
    bug: 'the mean is published where the task promises a rule that stands bad groups',
    where: learns('median', 'trimmed mean'),
    seams: () => ({
      engine: (inner) => ({ ...inner, aggregate: (work) => inner.aggregate({ ...work, rule: { name: 'mean' } }) }),
    }),
  },
  {
    bug: 'one group enters the rule twice',
    where: learns('median', 'trimmed mean'),
    seams: () => ({
      engine: (inner) => ({
        ...inner,
        aggregate: (work) => inner.aggregate({ ...work, groups: [...work.groups, ...work.groups.slice(0, 1)] }),
      }),
    }),
  },
];

type Unmask = Extract<ClientRoundMessage, { kind: 'unmask' }>;
const flipped = (message: Unmask): Unmask => ({
  ...message,
  opened: message.opened.map((share) => ({ ...share, type: share.type === 'b' ? 's' : 'b' })),
});

/** Plays seeds 1, 2, … until the bug shows. */
export async function hunt({ bug, seams, patch, where }: Planted, seeds: number): Promise<Hunt> {
  const undo = patch?.();
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      const plan = planOf(seed);
      if (where?.(plan) === false) continue;
      const [violation] = (await simulate(plan, seams?.())).violations;
      if (violation !== undefined) return { bug, found: seed, as: `${violation.kind}: ${violation.text}` };
    }
    return { bug };
  } finally {
    undo?.();
  }
}

export async function huntAll(seeds: number): Promise<Hunt[]> {
  const hunts: Hunt[] = [];
  for (const planted of PLANTED) hunts.push(await hunt(planted, seeds));
  return hunts;
}
