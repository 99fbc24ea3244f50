// Attacks on a federation, as values. Start with attack.ts; a configuration names them by spec.ts.

export * from './attack.js';
export { type FreeRide, freeRider } from './free-rider.js';
export { type LabelFlip, labelFlip } from './label-flip.js';
export { gaussian } from './noise.js';
export { boosted, innerProduct, signFlip } from './sign-flip.js';
export { type AttackSpec, createAttack, createFleetAttack } from './spec.js';
export { type VectorAbuse, vectorAbuse } from './vector-abuse.js';
