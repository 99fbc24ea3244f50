// What `sotto status`, `sotto rounds` and `sotto clients` tell, wherever it comes from: a running coordinator, its log, or a simulation.
// What a source does not know is null. Types alone.

export interface StatusTold {
  readonly source: 'coordinator' | 'log' | 'run';
  readonly task: string;
  readonly profile: string | null;
  readonly rule: string | null;
  readonly dimension: number | null;
  readonly coordinator: string | null;
  /** Of a running coordinator; `stopped` of a log, `finished` and so on of a run. */
  readonly phase: string;
  readonly says: string;
  /** Rounds that ended, and those that were planned. */
  readonly round: number;
  readonly rounds: number | null;
  readonly committed: number;
  readonly connected: number | null;
  readonly clients: number;
  readonly quarantined: number | null;
  readonly banned: number | null;
  /** Updates that the coordinator left out of a sum. */
  readonly leftOut: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly model: string | null;
  readonly bytesUp: number | null;
  readonly bytesDown: number | null;
}

export interface RoundTold {
  readonly round: number;
  readonly outcome: 'committed' | 'void' | 'unfinished';
  readonly says: string;
  readonly attempts: number;
  readonly invited: number;
  readonly counted: number;
  readonly dropped: number;
  readonly excluded: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly seconds: number | null;
  readonly bytesUp: number | null;
  readonly bytesDown: number | null;
  readonly model: string | null;
}

export interface ClientTold {
  readonly id: string;
  /** `quarantined` until the round `until`. */
  readonly status: 'active' | 'quarantined' | 'banned' | 'revoked';
  readonly until: number | null;
  readonly online: boolean | null;
  readonly invited: number;
  readonly counted: number;
  readonly dropped: number;
  readonly excluded: number;
  readonly suspicion: number | null;
}

export interface Look {
  readonly status: StatusTold;
  /** Oldest first. */
  readonly rounds: readonly RoundTold[];
  readonly clients: readonly ClientTold[];
}
