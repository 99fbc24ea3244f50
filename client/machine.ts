// The seam between the driver and the client's protocol machine: two functions over a state that the driver does not look into.
// Tests drive it with a fake of n rounds, red teams with one that lies. Not here: the real one (protocol/participant).
import type { Answerer } from '../protocol/crypto/asking.js';
import { startAsking, stepAsking } from '../protocol/participant/participant.js';
import type { ParticipantState } from '../protocol/participant/state.js';
import type { ParticipantEffect, ParticipantEvent, ParticipantSetup } from '../protocol/participant/types.js';
import { runAsking } from './asking.js';

export interface MachineStep<State> {
  readonly state: State;
  readonly effects: readonly ParticipantEffect[];
}
type Now<T> = T | Promise<T>;
/**
 * Consumes the state that it is given. Must be total: a throw or a rejection is a bug and ends the run. A step may take its time
 * (WebCrypto answers later); the driver gives it nothing else until it is done.
 */
export interface ParticipantMachine<State = unknown> {
  start(setup: ParticipantSetup): Now<MachineStep<State>>;
  step(state: State, event: ParticipantEvent): Now<MachineStep<State>>;
}

/** The protocol's own, with public-key operations done by `answerer`. */
export const participantMachine = (answerer: Answerer): ParticipantMachine => ({
  start: (setup) => runAsking(startAsking(setup), answerer),
  step: (state, event) => runAsking(stepAsking(state as ParticipantState, event), answerer), // safe: `start` above made it
});
