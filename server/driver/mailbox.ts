// Runs one pure machine: events in, one step at a time, its effects in order. An event that comes while effects run waits its turn,
// so no step ever sees a half-run one. Not here: what any machine does.

export interface MachineSpec<State, Event, Effect> {
  readonly first: { readonly state: State; readonly effects: readonly Effect[] };
  readonly step: (state: State, event: Event) => { readonly state: State; readonly effects: readonly Effect[] };
  readonly run: (effect: Effect) => void;
  /** `step` or an effect threw: our bug. The machine takes no further events. */
  readonly broken: (error: unknown) => void;
}

export class Mailbox<State, Event, Effect> {
  readonly #spec: MachineSpec<State, Event, Effect>;
  readonly #events: Event[] = [];
  #state: State;
  #busy = false;
  #broken = false;

  constructor(spec: MachineSpec<State, Event, Effect>) {
    this.#spec = spec;
    this.#state = spec.first.state;
  }

  /** Runs the first effects. Apart from the constructor, so that they may refer to this mailbox. */
  open(): void {
    this.#busy = true;
    this.#runAll(this.#spec.first.effects);
    this.#drain();
  }

  get state(): State {
    return this.#state;
  }

  post(event: Event): void {
    if (this.#broken) return;
    this.#events.push(event);
    if (!this.#busy) {
      this.#busy = true;
      this.#drain();
    }
  }

  #drain(): void {
    for (let event = this.#events.shift(); event !== undefined && !this.#broken; event = this.#events.shift()) {
      try {
        const step = this.#spec.step(this.#state, event);
        this.#state = step.state;
        this.#runAll(step.effects);
      } catch (error) {
        this.#break(error);
      }
    }
    this.#busy = false;
  }

  #runAll(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#broken) return;
      try {
        this.#spec.run(effect);
      } catch (error) {
        this.#break(error);
      }
    }
  }

  #break(error: unknown): void {
    this.#broken = true;
    this.#events.length = 0;
    this.#spec.broken(error);
  }
}
