// What to do about an error, by its code: one or two sentences in the words of an operator or a user. Codes without one get the advice
// of their blame (page.ts). Not here: what a code means (protocol/errors.ts).

import type { ErrorCode } from '../../../protocol/errors.js';

export const REMEDIES: Readonly<Partial<Record<ErrorCode, string>>> = {
  WIRE_VERSION: 'Bring both sides to the same version of Sotto; `sotto --version` says which one runs.',
  WIRE_TOO_LARGE:
    'A peer of the same version never sends this. Look for a proxy that changes frames, or for a hostile peer.',
  AUTH_BAD_PROOF:
    'The peer does not hold the key that it names. Check that the identity file was not mixed up; else refuse the peer.',
  AUTH_NOT_ENROLLED:
    'Ask the operator to put the public id of this client (`sotto keys show <file>`) under `roster.clients`, or use the identity that is there.',
  AUTH_TOKEN:
    'Ask the operator for a new one: `sotto tokens new --task <name>`. A token is good for some clients, one task and some days.',
  AUTH_REVOKED:
    'The operator has put this identity out. Only the operator can say why; another identity has to be let in by the operator.',
  AUTH_WRONG_COORDINATOR:
    'Compare the id with what the operator published. If it is right, something between you and the coordinator answers in its place: do not go on. A coordinator that really has a new key shows a hand-over by the old one (`sotto keys hand-over`), or its operator says so through another channel.',
  AUTH_HAND_OVER:
    'Ask the operator, by another way, for the id of the coordinator. If it is the one that is there, give it as `--coordinator` (in code: `coordinator`) with the same `--guards` folder; else do not go on.',
  AUTH_TIMEOUT:
    'Try again. If it happens often, the line is too slow for the hello of 5 s, or a proxy swallows the first message.',
  AUTH_REPLACED: 'Run one process for each identity. Two with the same identity file throw each other out.',
  SESSION_BUSY:
    'The client waits and comes back by itself. An operator can raise the limits on connections or add memory.',
  SESSION_EXCLUDED:
    'What this client signed proves that it broke the protocol. Update it; if it is honest, report it with its log.',
  SESSION_UNKNOWN_TASK: 'Use the name under `task:` in the settings of the coordinator; `sotto status` shows it.',
  ADMIN_UNAUTHENTICATED:
    'Give a token of `sotto keys token` with --token-file or in SOTTO_ADMIN_TOKEN, or, on the machine of the coordinator, the one-time code that it printed (--code).',
  ADMIN_FORBIDDEN:
    'Use a token with the role operator, and call the coordinator by the name or address that it listens on.',
  ADMIN_INVALID: 'The answer names the field and what it must be.',
  ADMIN_UNKNOWN:
    'Check the address; older models make way for newer ones, and a coordinator without `dataDir` keeps no log.',
  ADMIN_UNKNOWN_CLIENT: '`sotto clients` lists the ids of everybody who was here.',
  ADMIN_NO_EVIDENCE: 'Quarantine the client instead, for as many rounds as you need.',
  ADMIN_CONFLICT:
    'The answer says in which state the coordinator is; `sotto status` shows it. Wait until it has changed, or start it again.',
  ADMIN_BUSY: 'Wait some seconds and try again.',
  ADMIN_NOT_READY: 'Wait until the coordinator prints its address, or start it.',
  GUARD_POLICY:
    'This client refuses on purpose: the task is weaker than its policy. Raise the settings of the task, or, if you agree with them, lower the policy (for `sotto client`: --min-group, --max-clip-norm, --allow-open).',
  GUARD_PRIVACY:
    'The round would cost more than this client allows itself (for `sotto client`: --max-epsilon, --max-record-epsilon). Raise its own budget only if you mean to; the refusal is what the budget is for.',
  GUARD_STALE_ROUND:
    'The coordinator went back in time, or this folder of guards belongs to another coordinator. Give each task and coordinator its own --guards folder.',
  GUARD_MODEL_CHAIN:
    'The coordinator shows a model that does not follow from what it published. After a deliberate roll-back clients follow with --accept-roll-back; else do not go on.',
  GUARD_PARTICIPATION: 'The client has taken part in as many rounds as it allows (--max-rounds).',
  ROUND_QUORUM:
    'The next attempt starts by itself. If it happens often: more clients, longer `windows.*.deadlineMs`, or over-selection.',
  ROUND_TOO_FEW_GROUPS:
    'The next attempt starts by itself. If it happens often: larger groups lose less, or lower `rule.faulty`.',
  SECAGG_NON_FINITE: 'The trainer gave NaN or Infinity. Lower the learning rate and look at the data.',
  SECAGG_LENGTH:
    'The trainer gave an update of another length than the model has. Clients and coordinator must use the same `model:`.',
  AGGREGATE_PRECONDITION: 'Lower `rule.faulty`, or have more groups or clients: the message says how many.',
  CONFIG_INVALID: 'The message names file, line, field and what it must be; docs/configuration.md lists every setting.',
  CONFIG_UNREADABLE: 'Check the path and that you may read it. A file of settings is YAML or JSON of at most 1 MiB.',
  CONFIG_THRESHOLD:
    'Fewer colluders or a larger group: 2t > size + colluders has to hold for a threshold t that dropouts leave.',
  CONFIG_GROUP_SIZE: 'A group needs 8 clients to hide one (3 with `trust: trusted`), and has at most 128.',
  CONFIG_RING: 'Fewer `encoding.bits`, a smaller `encoding.range`, or a smaller group.',
  CONFIG_RULE_PROFILE:
    'Robust rules need several inputs: profile `grouped` (or `open`). Profile `sketch` chooses clients by their sketches instead.',
  CONFIG_RULE_COUNT: 'Lower `rule.faulty` or have more groups: the message says how many are needed.',
  CONFIG_PHASE_WINDOW: 'Keep quorum ≤ enough ≤ group.size and not below the threshold.',
  CONFIG_SKETCH:
    'The message says what does not fit: fewer rows or clients, a larger model, or `sketch.malicious` lower.',
  CONFIG_PRIVACY:
    'The message names the field. `sotto privacy plan <settings>` shows what the settings mean before anybody trains.',
  CONFIG_OPTIMIZER: 'docs/configuration.md gives the range of each hyper-parameter.',
  PRIVACY_BUDGET:
    'This is the end that the budget was for. Go on only with a new budget that everybody concerned has agreed to.',
  PRIVACY_EPSILON: 'Give an ε above 0, for example 3.',
  PRIVACY_DELTA: 'Give a δ between 0 and 1, below one in the number of records or clients, for example 1e-6.',
  PRIVACY_CALIBRATION: 'Fewer rounds, a larger cohort, a larger ε, or a smaller sampling rate.',
  PRIVACY_LEDGER:
    'The ledger file was changed or cut. Restore it from a backup; never delete it to go on, since it remembers what was spent.',
  TRAIN_BACKEND:
    'Install the peer packages: npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-wasm',
  TRAIN_UNSUPPORTED: 'The message names the layer or operation. Replace it, or train on another backend.',
  TRAIN_UNBOUNDED: 'The message names the layer. Under DP-SGD use GroupNorm or LayerNorm in place of BatchNorm.',
  TRAIN_NON_FINITE: 'Lower the learning rate and look at the data of this client.',
  TRAIN_SHAPE:
    'Clients and coordinator must use the same `model:`, and the data its input shape and number of classes.',
  TRAIN_FAILED: 'The message is that of your trainer; SOTTO_DEBUG=1 shows where it was thrown.',
  TRAIN_WORKER: 'Usually memory: fewer `fleet.processes`, a smaller batch, or a larger machine.',
  MODEL_MALFORMED:
    'Make the file again. Of TensorFlow.js, `tensorflowjs_converter --output_format=tfjs_layers_model` makes what Sotto reads.',
  MODEL_UNPROVEN:
    'Do not use the model as if it were proven. Get it again from the coordinator, with `--identity` of that coordinator at export.',
  DATA_MISSING: 'The message says what to install, or which file is not there.',
  DATA_MALFORMED:
    'The message names file, row and column. Numbers need a decimal point, labels must be among the classes.',
  DATA_PARTITION: 'Fewer clients, more examples, or another `data.partition`.',
  TRANSPORT_UNAVAILABLE: 'In Node import `sotto/client` (it brings ws); elsewhere hand in a transport.',
  TRANSPORT_CLOSED:
    'Is the coordinator running, at this address and port, with ws:// or wss:// as it listens? A client that was connected comes back by itself.',
  TRANSPORT_SLOW: 'The line is slower than the windows allow. Longer `windows.*.deadlineMs`, or a smaller model.',
  CHAIN_STALLED:
    'Try again later; if it stays, the coordinator has lost a part of its model chain: `sotto doctor` looks.',
  CLIENT_RUNNING:
    'One process (or browser tab) for each identity and folder of guards. Make a new client object for a new run.',
  STORE_WRITE: 'Look at free space, rights, and whether the file or folder is there already: nothing is overwritten.',
  STORE_CORRUPT:
    '`sotto doctor <data>` says what is damaged and goes back to the newest sound backup with --restore. An identity file: restore your copy, or `chmod 600` it.',
  STORE_FULL: 'Raise `data.limitBytes` or free space, then start again.',
  STORE_LATCHED: 'Free space on the disk, then start again: everything that was acknowledged is there.',
  STORE_LOCKED:
    'Stop the coordinator that works there, or name another directory. If there is none, the lock of a dead process is taken over by itself.',
  STORE_MISSING:
    'Restore the directory from a backup: `sotto doctor <data> --restore`. Starting empty would lose what was promised.',
  STORE_FORMAT: 'Use the identity and the task that the directory was made with, or a new directory.',
  STORE_BLOB: 'The rest goes on; `sotto doctor <data>` names what is lost.',
  AUDIT_INVALID: 'Export again, to a new folder: `sotto export <data> <folder> --identity <file>`.',
  CAMPAIGN_STALLED:
    'Too few clients stayed, `campaign.giveUpAfter` times in a row. Look at `sotto rounds` for the reasons, then start again: the coordinator goes on from its last model. Without that setting a coordinator never gives up.',
  INTERNAL: 'Set SOTTO_DEBUG=1 for the stack, and please report it.',
};
