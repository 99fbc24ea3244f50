// Attacks on a federation, as values. Start with attack.ts; a configuration names them by spec.ts.

export { type Alie, alie, alieZ, littleIsEnough } from './alie.js';
export * from './attack.js';
export { type Backdoor, backdoor, type Dba, dba, modelReplacement, replacement } from './backdoor.js';
export { answers, type DropoutAbuse, dropoutAbuse, lateInput } from './dropout-abuse.js';
export { during, type Period } from './during.js';
export { type Equivocation, equivocation } from './equivocation.js';
export { falseComplaint } from './false-complaint.js';
export {
  drawWithin,
  type FangKrum,
  type FangKrumSettings,
  fangIntervals,
  fangKrum,
  fangKrumAttack,
  fangPartialIntervals,
  fangTrim,
  fangTrimPartial,
  type Interval,
  krumSelects,
} from './fang.js';
export { type FreeRide, freeRider } from './free-rider.js';
export { innerProduct, ipm } from './ipm.js';
export { type LabelFlip, labelFlip } from './label-flip.js';
export { type Found, LINE_SEARCH, type LineSearch, searchLine, searchTwice } from './line-search.js';
export { type Learnt, learn, mimic, mimicTarget } from './mimic.js';
export {
  type HidesInDistances,
  minMax,
  minMaxAttack,
  minSum,
  minSumAttack,
  type Perturbation,
  type Perturbed,
} from './min-max.js';
export { gaussian } from './noise.js';
export { noiseEvasion } from './noise-evasion.js';
export { type Optimised, optAlie, optIpm, optimisedAttack, type Pipeline } from './optimised.js';
export { type MessageView, maskOffset, type Place, resigned, type SketchView, victimsOf } from './place.js';
export { replayInput } from './replay-input.js';
export { boosted, signFlip } from './sign-flip.js';
export { type SketchCollusion, sketchCollusion } from './sketch-collusion.js';
export { type SketchLie, sketchLie } from './sketch-lie.js';
export { type AttackSpec, checkAttack, createAttack, type Informed } from './spec.js';
export { type Sybil, sybil } from './sybil.js';
export {
  cornerPatch,
  DBA_LOCAL,
  DBA_TARGET,
  type Pixel,
  patch,
  stamped,
  type Trigger,
  together,
  triggeredTest,
} from './triggers.js';
export { type UnmaskLie, unmaskLie } from './unmask-lie.js';
export { type VectorAbuse, vectorAbuse } from './vector-abuse.js';
export { type WrongShares, wrongShares } from './wrong-shares.js';
