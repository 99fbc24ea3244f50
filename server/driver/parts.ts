// What a running coordinator is put together from. Not here: putting it together (start.ts), running it (coordinator.ts).

import { handOverBytes } from '../../protocol/chain/hand-over.js';
import { PING_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type HandOverFact, handOverOf } from '../audit/coordinator-keys.js';
import type { Durable } from '../audit/durable.js';
import type { CampaignEffect, CampaignEvent, CampaignState } from '../campaign/types.js';
import type { ChainStore } from '../chain/store.js';
import type { Engine } from '../engine/types.js';
import type { SessionSetup } from '../session/types.js';
import type { Clock } from './clock.js';
import type { ConnectionHandlers } from './connection.js';
import type { MachineSpec } from './mailbox.js';
import type { CoordinatorOptions, Logger } from './options.js';
import type { Publisher } from './publisher.js';

/** What `startCoordinator` has made and checked. */
export interface Parts {
  readonly options: CoordinatorOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: Engine;
  readonly store: ChainStore;
  readonly publisher: Publisher;
  /** Absent: nothing outlives this process. */
  readonly durable: Durable | undefined;
  /** Of unfinished inputs. */
  readonly uploadBytes: number;
  readonly verify: ConnectionHandlers['verify'];
  readonly firstStep: MachineSpec<CampaignState, CampaignEvent, CampaignEffect>['first'];
}

export function sessionSetup(
  { identity, task, rng = nativeRng }: CoordinatorOptions,
  admit: SessionSetup['admit'],
  handOvers: readonly HandOverFact[],
): SessionSetup {
  return {
    identity,
    primitives: nativePrimitives,
    rng,
    admit,
    task: task.task,
    pingMs: PING_MS,
    ...(handOvers.length > 0 && { handOvers: handOverBytes(handOvers.flatMap((one) => handOverOf(one) ?? [])) }),
  };
}
