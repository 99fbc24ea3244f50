// What a person sees while rounds run, as text: a few lines that are redrawn on a terminal, one line for each round elsewhere.
// Not here: where events come from (simulate.ts, coordinator.ts), the terminal (live.ts), the table at the end (table.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import type { GroupPhase } from '../../protocol/round/types.js';
import { percent, seconds, size } from './format.js';
import type { Colors } from './io.js';

/** Clients by the name that people shall see: a position in a fleet, the start of a key. */
export type ViewEvent =
  | { readonly type: 'started'; readonly rounds: number; readonly groups: number; readonly text: string }
  | { readonly type: 'attempt'; readonly round: number; readonly attempt: number }
  | { readonly type: 'phase'; readonly round: number; readonly group: number; readonly phase: GroupPhase }
  | { readonly type: 'dropped'; readonly client: string; readonly phase: string }
  | { readonly type: 'excluded'; readonly client: string; readonly phase: string; readonly code: ErrorCode }
  | { readonly type: 'round'; readonly round: RoundLine };

export interface RoundLine {
  readonly round: number;
  readonly attempts: number;
  readonly void: boolean;
  readonly accuracy?: number | undefined;
  readonly loss?: number | undefined;
  /** The largest ε of a client so far; absent where nothing is claimed. */
  readonly spent?: number | undefined;
  readonly cohort: number;
  readonly survivors: number;
  readonly dropped: readonly { readonly client: string; readonly phase: string }[];
  readonly excluded: readonly { readonly client: string; readonly phase: string; readonly code: ErrorCode }[];
  readonly seconds: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** The phases a person waits for, in order; a group in `committed` waits for the others, so it counts as masked. */
const STEPS = ['keys', 'shares', 'masked', 'consistency', 'unmask'] as const;
const STEP_OF: Readonly<Record<GroupPhase, number>> = {
  keys: 0,
  shares: 1,
  masked: 2,
  committed: 3,
  sketch: 3,
  screened: 3,
  consistency: 3,
  agreed: 4,
  unmask: 4,
  opening: 5,
  done: 5,
  failed: 5,
};
const BAR_WIDTH = 24;

/** Collects events; `lines` is the picture of now, `said` what is to be printed for good after an event. */
export class RunView {
  readonly #paint: Colors;
  #rounds = 0;
  #groups = 1;
  #done = 0;
  #round = 1;
  #attempt = 1;
  #phases = new Map<number, GroupPhase>();
  #lost: string[] = [];
  #accuracy: number | undefined;

  constructor(paint: Colors) {
    this.#paint = paint;
  }

  /** @returns lines to print for good: above the live picture on a terminal, as they are elsewhere */
  apply(event: ViewEvent): string[] {
    switch (event.type) {
      case 'started':
        this.#rounds = event.rounds;
        this.#groups = event.groups;
        return [event.text];
      case 'attempt':
        this.#round = event.round;
        this.#attempt = event.attempt;
        this.#phases = new Map();
        this.#lost = [];
        return event.attempt > 1 ? [this.#paint.yellow(`round ${event.round}: attempt ${event.attempt}`)] : [];
      case 'phase':
        if (event.round !== this.#round) this.#phases = new Map();
        this.#round = event.round;
        this.#phases.set(event.group, event.phase);
        return [];
      case 'dropped':
        this.#lost.push(`${event.client} ${event.phase}`);
        return [];
      case 'excluded':
        this.#lost.push(`${event.client} ${event.phase} (${event.code})`);
        return [];
      case 'round':
        this.#done = event.round.round;
        this.#round = event.round.round + 1;
        this.#attempt = 1;
        this.#phases = new Map();
        this.#lost = [];
        this.#accuracy = event.round.accuracy ?? this.#accuracy;
        return [this.#roundLine(event.round)];
      default:
        return event satisfies never;
    }
  }

  lines(): string[] {
    if (this.#rounds === 0 || this.#done >= this.#rounds) return [];
    const filled = Math.round((this.#done / this.#rounds) * BAR_WIDTH);
    const bar = this.#paint.green('━'.repeat(filled)) + this.#paint.dim('─'.repeat(BAR_WIDTH - filled));
    const accuracy = this.#accuracy === undefined ? '' : `  accuracy ${percent(this.#accuracy)}`;
    const attempt = this.#attempt > 1 ? ` attempt ${this.#attempt}` : '';
    return [
      `${bar} round ${Math.min(this.#round, this.#rounds)}/${this.#rounds}${attempt}${accuracy}`,
      this.#stepsLine(),
      this.#lost.length === 0
        ? this.#paint.dim('  everybody is here')
        : `  left: ${this.#paint.yellow(this.#lost.join(', '))}`,
    ];
  }

  #stepsLine(): string {
    const reached = STEPS.map((_, step) => [...this.#phases.values()].filter((phase) => STEP_OF[phase] > step).length);
    const cells = STEPS.map((name, step) => {
      const done = reached[step] ?? 0;
      if (done >= this.#groups) return this.#paint.green(`${name} ✓`);
      const before = step === 0 ? this.#phases.size : (reached[step - 1] ?? 0);
      return before > 0 ? this.#paint.cyan(`${name} ${done}/${this.#groups}`) : this.#paint.dim(name);
    });
    return `  ${cells.join(this.#paint.dim(' › '))}`;
  }

  #roundLine(round: RoundLine): string {
    const p = this.#paint;
    const accuracy = round.accuracy === undefined ? '' : `  accuracy ${p.bold(percent(round.accuracy))}`;
    const loss = round.loss === undefined ? '' : `  loss ${round.loss.toFixed(3)}`;
    const left =
      round.dropped.length === 0 ? '' : `  left: ${round.dropped.map((d) => `${d.client} ${d.phase}`).join(', ')}`;
    const out =
      round.excluded.length === 0
        ? ''
        : `  ${p.red('excluded')}: ${round.excluded.map((e) => `${e.client} ${e.phase} ${e.code}`).join(', ')}`;
    const state = round.void ? p.red('  void') : '';
    const spent = round.spent === undefined ? '' : `  ε ${round.spent.toFixed(2)}`;
    return `round ${round.round}${state}${accuracy}${loss}${spent}  ${round.survivors}/${round.cohort} in  up ${size(round.bytesUp)}  ${seconds(round.seconds)}${left}${out}`;
  }
}
