// Made from errors.ts by `npm run docs`: whom codes blame, without their texts, which a page in a browser need not load.
import type { ErrorCode } from './errors.js';

const NOBODYS: ReadonlySet<string> = new Set(
  `
AUTH_REPLACED
SESSION_BUSY
ROUND_TOO_LATE
ROUND_QUORUM
ROUND_TOO_FEW_GROUPS
SKETCH_MISSING
SKETCH_MISMATCH
SKETCH_OUTLIER
ROUND_CANCELLED
PRIVACY_FLOOR
PRIVACY_BUDGET
TRAIN_ABORTED
TRANSPORT_CLOSED
`
    .trim()
    .split('\n'),
);

/** Whether a code that a client meets blames nobody: chance or time. */
export const isNobodysFault = (code: ErrorCode): boolean => NOBODYS.has(code);
