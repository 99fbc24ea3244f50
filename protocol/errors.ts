// Every error code of Sotto, with whom it blames and whether trying again helps. docs/errors.md is made from this table.
// error-codes.ts too: `npm run docs` after adding one.
// Not here: where they are raised. A code is AREA_REASON and never changes its meaning once released.

/** Who caused it: `remote` the sender of the bad value, `local` this side, `config` whoever wrote the settings, `nobody` chance or time. */
export type Blame = 'remote' | 'local' | 'config' | 'nobody';
export interface ErrorSpec {
  readonly blame: Blame;
  readonly retry: 'never' | 'later' | 'next-attempt' | 'next-round';
  readonly says: string;
}

export const ERRORS = {
  // wire
  WIRE_MALFORMED: { blame: 'remote', retry: 'never', says: 'the bytes are no frame of this protocol' },
  WIRE_VERSION: {
    blame: 'remote',
    retry: 'never',
    says: 'the frame has a protocol version that this side does not speak',
  },
  WIRE_TOO_LARGE: { blame: 'remote', retry: 'never', says: 'the frame, its header or a section is over its limit' },
  WIRE_SCHEMA: {
    blame: 'remote',
    retry: 'never',
    says: 'a field of the header is missing, unknown, or out of its range',
  },
  WIRE_UNKNOWN_TYPE: { blame: 'remote', retry: 'never', says: 'the frame names a message type that does not exist' },
  // session
  AUTH_BAD_PROOF: { blame: 'remote', retry: 'never', says: 'the signature over the challenge is wrong' },
  AUTH_NOT_ENROLLED: { blame: 'remote', retry: 'never', says: 'the identity is not on the roster of this coordinator' },
  AUTH_TOKEN: {
    blame: 'remote',
    retry: 'never',
    says: 'the enrolment token is not of this coordinator and task, used up, expired or revoked',
  },
  AUTH_REVOKED: {
    blame: 'remote',
    retry: 'never',
    says: 'the identity was revoked by an operator of this coordinator',
  },
  AUTH_ROTATION: {
    blame: 'remote',
    retry: 'never',
    says: 'the identity cannot move to this key: the old key has not signed it, is not known here, or the new one is known already',
  },
  AUTH_WRONG_COORDINATOR: {
    blame: 'remote',
    retry: 'never',
    says: 'the coordinator is not the one this client has pinned',
  },
  AUTH_HAND_OVER: {
    blame: 'remote',
    retry: 'never',
    says: "the coordinator's new key is not taken: its hand-over is not signed by the pinned key, goes back, or the policy refuses it",
  },
  AUTH_TIMEOUT: { blame: 'remote', retry: 'later', says: 'the peer did not authenticate in time' },
  AUTH_REPLACED: { blame: 'nobody', retry: 'never', says: 'a newer connection of the same identity took over' },
  SESSION_UNEXPECTED: {
    blame: 'remote',
    retry: 'never',
    says: 'the message does not belong to this state of the connection',
  },
  SESSION_BUSY: {
    blame: 'nobody',
    retry: 'later',
    says: 'the coordinator has no room; come back after the given time',
  },
  SESSION_FLOOD: { blame: 'remote', retry: 'later', says: 'the peer sent more messages than a client has reason to' },
  UPLOAD_NO_CREDIT: {
    blame: 'remote',
    retry: 'never',
    says: 'a chunk came that the coordinator had not given credit for; send what `credit` names, and nothing before it',
  },
  UPLOAD_STALLED: {
    blame: 'remote',
    retry: 'later',
    says: 'an upload made no progress, so its turn went to the next; connect again and it goes on where it was',
  },
  SESSION_EXCLUDED: {
    blame: 'remote',
    retry: 'never',
    says: 'the client was proven to have broken the protocol and sits out',
  },
  SESSION_UNKNOWN_TASK: {
    blame: 'remote',
    retry: 'never',
    says: 'the coordinator does not run the task that was asked for',
  },
  SESSION_UNKNOWN_BLOB: { blame: 'remote', retry: 'never', says: 'no blob with that hash is kept' },
  // administration
  ADMIN_UNAUTHENTICATED: {
    blame: 'remote',
    retry: 'never',
    says: 'the request carries no credentials of this coordinator, or they have expired; sign in again',
  },
  ADMIN_FORBIDDEN: {
    blame: 'remote',
    retry: 'never',
    says: 'the role of these credentials does not allow it, or the request came from another site',
  },
  ADMIN_INVALID: { blame: 'remote', retry: 'never', says: 'the request of an administrator has a wrong field' },
  ADMIN_UNKNOWN: { blame: 'remote', retry: 'never', says: 'there is no such thing at this coordinator' },
  ADMIN_UNKNOWN_CLIENT: { blame: 'remote', retry: 'never', says: 'no client with that id has been here' },
  ADMIN_NO_EVIDENCE: {
    blame: 'remote',
    retry: 'never',
    says: 'a ban rests on signed messages that prove something; statistics are good for a quarantine',
  },
  ADMIN_CONFLICT: {
    blame: 'remote',
    retry: 'later',
    says: 'that cannot be done in the state that the coordinator is in',
  },
  ADMIN_BUSY: { blame: 'nobody', retry: 'later', says: 'too many requests of that kind; wait as long as told' },
  ADMIN_NOT_READY: { blame: 'local', retry: 'later', says: 'the coordinator has not started yet, or has ended' },
  // round, at the coordinator
  ROUND_WRONG_PHASE: { blame: 'remote', retry: 'never', says: 'the message belongs to another phase of the round' },
  ROUND_TOO_LATE: { blame: 'nobody', retry: 'next-round', says: 'the phase had closed when the message came' },
  ROUND_DUPLICATE: {
    blame: 'remote',
    retry: 'never',
    says: 'a second, different contribution by one client to one phase',
  },
  ROUND_NOT_IN_ROSTER: { blame: 'remote', retry: 'never', says: 'the sender is not in the roster of this round' },
  ROUND_WRONG_ROUND: { blame: 'remote', retry: 'never', says: 'the message belongs to another round or attempt' },
  ROUND_BAD_SIGNATURE: {
    blame: 'remote',
    retry: 'never',
    says: 'the signature does not fit the sender, the round and the content',
  },
  ROUND_BAD_KEYS: { blame: 'remote', retry: 'never', says: 'a key is of low order, repeated, or of the wrong length' },
  ROUND_BAD_SHARES: { blame: 'remote', retry: 'never', says: 'the shares do not cover exactly the peers of the group' },
  ROUND_BAD_VECTOR: {
    blame: 'remote',
    retry: 'never',
    says: 'the vector has the wrong length, ring, chunk hash or a non-finite value',
  },
  ROUND_BAD_UNMASK: { blame: 'remote', retry: 'never', says: 'an opened share does not match what was committed to' },
  ROUND_DISAGREE: {
    blame: 'remote',
    retry: 'never',
    says: 'the client signed other survivor sets than those it was sent',
  },
  ROUND_QUORUM: {
    blame: 'nobody',
    retry: 'next-attempt',
    says: 'fewer clients than the threshold finished a phase by its deadline',
  },
  ROUND_TOO_FEW_GROUPS: {
    blame: 'nobody',
    retry: 'next-attempt',
    says: 'fewer groups are left than the aggregation rule needs',
  },
  ROUND_LYING_COMMITMENT: {
    blame: 'remote',
    retry: 'next-round',
    says: 'a secret rebuilt from verified shares does not match its commitment',
  },
  SKETCH_MALFORMED: { blame: 'remote', retry: 'never', says: 'the sketch has another size than the task asks for' },
  SKETCH_MISSING: {
    blame: 'nobody',
    retry: 'next-round',
    says: 'no sketch came in time; the input was left out like a dropout',
  },
  SKETCH_NORM: {
    blame: 'remote',
    retry: 'next-round',
    says: 'the sketch shows an update longer than the clipping norm allows',
  },
  SKETCH_MISMATCH: {
    blame: 'nobody',
    retry: 'next-round',
    says: 'two members claim different projections of their common mask; one of them lies',
  },
  SKETCH_OUTLIER: { blame: 'nobody', retry: 'next-round', says: 'the rule in sketch space left the update out' },
  SKETCH_LIE: {
    blame: 'remote',
    retry: 'next-round',
    says: 'the claimed sketch is not that of the signed input: proven from signed messages',
  },
  ROUND_CANCELLED: { blame: 'nobody', retry: 'later', says: 'the coordinator gave the round up' },
  // guards of the client
  GUARD_SIGNATURE: { blame: 'remote', retry: 'never', says: 'the coordinator signed something that does not verify' },
  GUARD_STALE_ROUND: {
    blame: 'remote',
    retry: 'never',
    says: 'the (round, attempt) is not above the last one this client took part in',
  },
  GUARD_ANSWERED: {
    blame: 'remote',
    retry: 'next-round',
    says: 'this client already answered an unmasking request of this round',
  },
  GUARD_POLICY: { blame: 'remote', retry: 'never', says: 'the announced settings are below what this client demands' },
  GUARD_ROSTER: {
    blame: 'remote',
    retry: 'never',
    says: 'the roster, its root or the place of this client in it is wrong',
  },
  GUARD_KEYS: {
    blame: 'remote',
    retry: 'never',
    says: 'a key book is forged, incomplete, repeated, or shows this client another key of its own',
  },
  GUARD_SHARES: {
    blame: 'remote',
    retry: 'never',
    says: 'the forwarded shares are below the threshold, forged, or reflected',
  },
  GUARD_SETS: {
    blame: 'remote',
    retry: 'never',
    says: 'the survivor sets are not nested, leave this client out, or are below the threshold',
  },
  GUARD_SKETCH: {
    blame: 'remote',
    retry: 'never',
    says: 'the coordinator asked for a second sketch, or for one of other sets than it had',
  },
  GUARD_CONSISTENCY: {
    blame: 'remote',
    retry: 'never',
    says: 'fewer than the threshold signed the same survivor sets',
  },
  GUARD_MODEL_CHAIN: {
    blame: 'remote',
    retry: 'never',
    says: 'the model does not follow from the previous one and the published aggregates',
  },
  GUARD_MASKED_ONCE: { blame: 'local', retry: 'next-attempt', says: 'an encoded update may be masked only once' },
  GUARD_PARTICIPATION: { blame: 'local', retry: 'later', says: 'the participation cap of this client is reached' },
  // secure aggregation arithmetic
  SECAGG_NON_FINITE: { blame: 'local', retry: 'never', says: 'the update holds a value that is not finite' },
  SECAGG_LENGTH: { blame: 'local', retry: 'never', says: 'the update does not have the dimension of the task' },
  SECAGG_LOW_ORDER: { blame: 'remote', retry: 'never', says: 'the key agreement gave the all-zero value' },
  SECAGG_TOO_FEW_SHARES: { blame: 'local', retry: 'never', says: 'fewer shares than the threshold' },
  // aggregation
  AGGREGATE_EMPTY: { blame: 'local', retry: 'never', says: 'a rule was given no input' },
  AGGREGATE_SHAPE: { blame: 'local', retry: 'never', says: 'the inputs of a rule differ in length' },
  AGGREGATE_NON_FINITE: {
    blame: 'remote',
    retry: 'next-round',
    says: 'an input of a rule holds a value that is not finite',
  },
  AGGREGATE_WEIGHT: { blame: 'local', retry: 'never', says: 'the weight of an input is not a positive number' },
  AGGREGATE_PRECONDITION: {
    blame: 'config',
    retry: 'never',
    says: 'the rule cannot promise anything with so many faulty among so few inputs',
  },
  AGGREGATE_NOBODY_LEFT: {
    blame: 'nobody',
    retry: 'next-round',
    says: 'the rule trusts none of its inputs; the round is skipped',
  },
  // server optimiser
  OPTIMIZER_SHAPE: {
    blame: 'local',
    retry: 'never',
    says: 'aggregate, model and state of the optimiser differ in length',
  },
  OPTIMIZER_NON_FINITE: {
    blame: 'remote',
    retry: 'next-round',
    says: 'the aggregate, or the model or state it would give, is not finite',
  },
  // configuration
  CONFIG_INVALID: { blame: 'config', retry: 'never', says: 'a setting is missing, unknown, or out of its range' },
  CONFIG_UNREADABLE: { blame: 'config', retry: 'never', says: 'the configuration file cannot be read or parsed' },
  CONFIG_THRESHOLD: {
    blame: 'config',
    retry: 'never',
    says: 'the threshold does not fit the size of the group and the colluders assumed',
  },
  CONFIG_GROUP_SIZE: { blame: 'config', retry: 'never', says: 'the group is too small or too large' },
  CONFIG_RING: {
    blame: 'config',
    retry: 'never',
    says: 'the sum of the encoded updates would overflow the largest ring',
  },
  CONFIG_RULE_PROFILE: { blame: 'config', retry: 'never', says: 'the aggregation rule means nothing in this profile' },
  CONFIG_RULE_COUNT: {
    blame: 'config',
    retry: 'never',
    says: 'too many faulty inputs are assumed for the number of inputs',
  },
  CONFIG_PHASE_WINDOW: {
    blame: 'config',
    retry: 'never',
    says: 'a phase window has a minimum above its maximum or below the threshold',
  },
  CONFIG_SKETCH: {
    blame: 'config',
    retry: 'never',
    says: 'the verified sketches do not fit the group, the model or the security asked for',
  },
  PRIVACY_REUSED: {
    blame: 'local',
    retry: 'never',
    says: 'one draw of noise was about to enter two sums, whose difference would cancel it',
  },
  PRIVACY_FLOOR: {
    blame: 'nobody',
    retry: 'next-attempt',
    says: 'fewer members are left than the noise was made for; the sum stays closed',
  },
  GUARD_PRIVACY: {
    blame: 'remote',
    retry: 'never',
    says: 'the announced noise, its price or the survivors are below what this client allows itself',
  },
  CONFIG_PRIVACY: {
    blame: 'config',
    retry: 'never',
    says: 'the noise, the losses it must stand, the grid or the budget do not fit together',
  },
  CONFIG_OPTIMIZER: {
    blame: 'config',
    retry: 'never',
    says: 'a hyper-parameter of the server optimiser is out of its range',
  },
  // privacy
  PRIVACY_EVENT: {
    blame: 'config',
    retry: 'never',
    says: 'a release of unknown type, or with a parameter outside its domain, has no price',
  },
  PRIVACY_CLAIM: {
    blame: 'config',
    retry: 'never',
    says: 'the protection is claimed against somebody whom it does not bind',
  },
  PRIVACY_MIXED: {
    blame: 'local',
    retry: 'never',
    says: 'events of different units, neighbours or observers are separate statements and have no common price',
  },
  PRIVACY_DELTA: { blame: 'config', retry: 'never', says: 'delta is not between 0 and 1, or used up by the sketches' },
  PRIVACY_EPSILON: { blame: 'config', retry: 'never', says: 'epsilon is not a finite number above 0' },
  PRIVACY_PLD_RANGE: {
    blame: 'config',
    retry: 'never',
    says: 'delta is too small for the accountant of privacy loss distributions',
  },
  PRIVACY_ACCOUNTANT: {
    blame: 'config',
    retry: 'never',
    says: 'the accountant does not exist or cannot price these events',
  },
  PRIVACY_NO_CONVERGENCE: {
    blame: 'config',
    retry: 'never',
    says: 'a computation of the accountants did not converge',
  },
  PRIVACY_SHARES: {
    blame: 'config',
    retry: 'never',
    says: 'too few noise shares would count in the sum of a group',
  },
  PRIVACY_BUDGET: {
    blame: 'nobody',
    retry: 'never',
    says: 'the worst case of the round would exceed the privacy budget, so it does not start',
  },
  PRIVACY_LEDGER: {
    blame: 'local',
    retry: 'never',
    says: 'an entry does not follow from the privacy ledger: reserved twice, settled twice, or never reserved',
  },
  PRIVACY_CALIBRATION: { blame: 'config', retry: 'never', says: 'no amount of noise keeps the plan within its budget' },
  // training and data
  TRAIN_BACKEND: { blame: 'local', retry: 'never', says: 'the training backend that was asked for did not start' },
  TRAIN_UNSUPPORTED: {
    blame: 'config',
    retry: 'never',
    says: 'the model uses an operation that does not train on this backend',
  },
  TRAIN_UNBOUNDED: {
    blame: 'config',
    retry: 'never',
    says: "the model has a layer whose gradient cannot be clipped record by record, or one that mixes a batch's records",
  },
  MODEL_MALFORMED: {
    blame: 'local',
    retry: 'never',
    says: 'the model file is damaged, hostile, of another format, or of another model',
  },
  MODEL_UNPROVEN: {
    blame: 'remote',
    retry: 'never',
    says: 'the manifest of a model has no valid signature, another signer, or does not name these weights',
  },
  TRAIN_NON_FINITE: { blame: 'local', retry: 'next-round', says: 'the loss or the update became non-finite' },
  TRAIN_SHAPE: { blame: 'config', retry: 'never', says: 'weights, manifest, model or data do not fit together' },
  TRAIN_FAILED: { blame: 'local', retry: 'next-round', says: 'the trainer threw an error of its own' },
  TRAIN_ABORTED: { blame: 'nobody', retry: 'later', says: 'training was stopped before it ended' },
  TRAIN_WORKER: { blame: 'local', retry: 'next-round', says: 'the worker that trains ended or could not start' },
  DATA_MISSING: { blame: 'local', retry: 'never', says: 'the data set is not installed' },
  DATA_MALFORMED: { blame: 'local', retry: 'never', says: 'the data set is damaged or of another format' },
  DATA_PARTITION: { blame: 'config', retry: 'never', says: 'the data cannot be partitioned as asked' },
  // drivers
  TRANSPORT_UNAVAILABLE: {
    blame: 'local',
    retry: 'never',
    says: 'this runtime has no WebSocket and no transport was given',
  },
  CHAIN_STALLED: {
    blame: 'remote',
    retry: 'later',
    says: 'the coordinator did not send a part of the model chain that it was asked for',
  },
  CLIENT_RUNNING: { blame: 'local', retry: 'never', says: 'run was called on a client that runs or has run' },
  TRANSPORT_SLOW: { blame: 'remote', retry: 'later', says: 'the peer did not take its messages in time' },
  TRANSPORT_CLOSED: { blame: 'nobody', retry: 'later', says: 'the connection closed' },
  STORE_WRITE: {
    blame: 'local',
    retry: 'later',
    says: 'durable state could not be written; nothing was sent that depends on it',
  },
  STORE_CORRUPT: { blame: 'local', retry: 'never', says: 'durable state is damaged or of another format' },
  STORE_FULL: {
    blame: 'local',
    retry: 'later',
    says: 'durable state has reached its byte limit; raise it or free space, and restart',
  },
  STORE_LATCHED: {
    blame: 'local',
    retry: 'later',
    says: 'an earlier write failed, so the store takes no further one until a restart',
  },
  STORE_LOCKED: { blame: 'local', retry: 'later', says: 'another process works on the same data directory' },
  STORE_MISSING: {
    blame: 'local',
    retry: 'never',
    says: 'the data directory says that it holds a store, and the store is gone or empty',
  },
  STORE_FORMAT: {
    blame: 'local',
    retry: 'never',
    says: 'the data directory was written by another version of the format, or for another task or coordinator',
  },
  AUDIT_INVALID: {
    blame: 'remote',
    retry: 'never',
    says: 'the folder is no export of an audit log, or not a whole one',
  },
  STORE_BLOB: {
    blame: 'local',
    retry: 'never',
    says: 'a stored model, aggregate or optimiser state is missing, or its bytes do not have its hash',
  },
  ENGINE_FAILED: { blame: 'local', retry: 'next-attempt', says: 'the vector worker failed; no client did wrong' },
  CAMPAIGN_STALLED: { blame: 'nobody', retry: 'later', says: 'too many attempts in a row failed' },
  INTERNAL: { blame: 'local', retry: 'never', says: 'a bug of ours; please report it' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether this version knows a code. What comes over the wire need only look like one (wire/fields.ts). */
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text);

/** What a typed error carries beside its code. Never a key, share, mask, update or token. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>;

/**
 * The one exception type of Sotto. Thrown for configuration, programmer and local faults;
 * what a peer sends never throws out of the core, it gives a `refuse` effect or a `failed` state.
 */
export class SottoError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(`${code}: ${message}`);
    this.name = 'SottoError';
    this.code = code;
    this.details = details;
  }
}
