// A network in memory for tests and for simulations without processes. world.ts is all of it.

export { createWorld, type World } from './world.js';
