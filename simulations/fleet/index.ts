// Many real clients in a few processes. fleet.ts starts them, member.ts is one of them, plan.ts says who leaves when.

export { type DroppingOptions, type DroppingTransport, droppingTransport } from './dropping.js';
export { type Fleet, type FleetOptions, startFleet } from './fleet.js';
export { type Conspiracy, Gathering, type GatheringOptions, Mail, type Others, type Shown } from './gathering.js';
export { type HostileOptions, hostileEngine, hostileTrainer } from './hostile.js';
export { hostileMachine, type Insight, noInsight } from './hostile-machine.js';
export type { CampaignOrder, MemberOrder } from './messages.js';
export { type Dropout, dropoutsOf, PHASES, type PlanRequest, planDropouts } from './plan.js';
