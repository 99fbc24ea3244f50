// Worlds in one process. world.ts: a network in memory for tests and simulations that run in real time. simulate.ts: everything on
// virtual time, from a seed, with faults, checked.

export type { Violation } from './observed.js';
export { type Op, type Plan, planOf, type Settings } from './ops.js';
export type { Seams } from './seams.js';
export { type Shrunk, shrink } from './shrink.js';
export { type Played, simulate } from './simulate.js';
export { createWorld, type World } from './world.js';
