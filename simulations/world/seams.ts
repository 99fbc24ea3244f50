// Where a world lets its maker stand between the real parts: to plant bugs and see that they are found, or to try another part.
// Each gets the part that the world would use. Not here: any bug (they live with the tests).

import type { ClientEngine, GuardStore, LedgerStore, Timers } from '../../client/index.js';
import type { ParticipantMachine } from '../../client/machine.js';
import type { Policy } from '../../protocol/participant/types.js';
import type { Clock, Engine } from '../../server/index.js';
import type { MemoryDisk } from '../../server/store/memory-backend.js';
import type { Backend } from '../../server/store/types.js';

export interface Seams {
  /** Told of each step of the world: its time and what it is. */
  readonly trace?: (line: string) => void;
  readonly guards?: (inner: GuardStore) => GuardStore;
  readonly ledgers?: (inner: LedgerStore) => LedgerStore;
  readonly policy?: (inner: Policy) => Policy;
  readonly clientEngine?: (inner: ClientEngine) => ClientEngine;
  readonly machine?: (inner: ParticipantMachine) => ParticipantMachine;
  readonly timers?: (inner: Timers) => Timers;
  readonly clock?: (inner: Clock) => Clock;
  readonly engine?: (inner: Engine) => Engine;
  readonly backend?: (inner: Backend) => Backend;
  /** Before each start of the coordinator. */
  readonly disk?: (disk: MemoryDisk) => void;
}
