// The seam between the driver and the client's protocol machine: two functions over a state that the driver does not look into.
// Tests drive it with a fake of n rounds, red teams with one that lies. Not here: the real one (protocol/participant).
import { startParticipant, stepParticipant } from '../protocol/participant/participant.js';
import type { ParticipantEffect, ParticipantEvent, ParticipantSetup } from '../protocol/participant/types.js';

export interface MachineStep<State> {
  readonly state: State;
  readonly effects: readonly ParticipantEffect[];
}
/** Consumes the state that it is given. Must be total: a throw is a bug and ends the run. */
export interface ParticipantMachine<State = unknown> {
  start(setup: ParticipantSetup): MachineStep<State>;
  step(state: State, event: ParticipantEvent): MachineStep<State>;
}

type Own = ReturnType<typeof startParticipant>['state'];
export const participantMachine: ParticipantMachine = {
  start: startParticipant,
  step: (state, event) => stepParticipant(state as Own, event), // safe: `start` above made it
};
