// The only home of a bound: each with its unit and reason. Enforced before allocation, tested on both sides.

/** One frame on the wire, bytes: a 256 KiB section and 64 KiB for what precedes it (a frame with a full header has no section). `maxPayload` of the socket. */
export const MAX_FRAME_BYTES = 320 * 1024;
/** Header of one frame, bytes. The largest legal ones: a hash list of MAX_CHUNKS (72.4 KiB) and the share book of 128 members (127 × 578 bytes, 71.7 KiB). */
export const MAX_HEADER_BYTES = 80 * 1024;
/** One chunk of a vector or blob, bytes. Small enough that a control message never waits long behind one. */
export const CHUNK_BYTES = 256 * 1024;
/** Chunks of one vector or blob. Their hashes (72 KiB) fit one header; 576 MiB of data. */
export const MAX_CHUNKS = 2_304;
/** Nesting of a header, the outermost map counted. The deepest message (share book) has 3. */
export const MAX_HEADER_DEPTH = 8;
/** Values in one header: keys, maps and arrays are counted with their contents. Largest: a resume that lists MAX_CHUNKS chunks; then the share book, 127 × 17. */
export const MAX_HEADER_ITEMS = 4_096;
/** Keys of one map in a header. The largest, a chain record, has 15; comparing each with each finds duplicates and must stay cheap. */
export const MAX_MAP_KEYS = 32;
/** Members of one group. A clique costs n² agreements and shares; above this a sparse graph is needed. */
export const MAX_GROUP = 128;
/** Members of a group unless the task says `trust: trusted`: fewer hide nobody well. */
export const MIN_GROUP = 8;
/** Members announced in one group, over-selection included: Shamir abscissas are single bytes. */
export const MAX_ROSTER = 255;
/** Groups in one round. */
export const MAX_GROUPS = 1_024;
/** Groups of the `grouped` profile: a rule over fewer means is no rule. */
export const MIN_GROUPS = 5;
/** Steps of an iterative rule. 200 is what Weiszfeld needs to converge (robustness.md §1.2); each costs a pass over all inputs. */
export const MAX_RULE_STEPS = 200;
/** Subsets that a rule over subsets compares. C(25, 5) is 53,130: about 10 s of eigenvalues; the next sizes take minutes. */
export const MAX_RULE_SUBSETS = 60_000;
/** Stages before a rule. The longest published pipeline has two; each costs up to a pass over all pairs of inputs. */
export const MAX_PRE_STEPS = 4;
/** Clients in one round of profile `open`. Their keys (32 KiB) and the settings fit the header of one announcement. */
export const MAX_OPEN_COHORT = 1_024;
/** Coordinates of a vector. The two float32 moments of an adaptive optimiser over 2^26 (512 MiB) are still one blob of at most MAX_CHUNKS. */
export const MAX_DIMENSION = 1 << 26;
/** A task id, characters. */
export const MAX_TASK_ID = 64;
/** Canonical configuration text inside an announcement, bytes. */
export const MAX_CONFIG_BYTES = 16_384;
/** Tasks that one coordinator offers to one client. */
export const MAX_TASKS = 64;
/** A round, attempt or step number: what a signed 32-bit integer holds, so that every language reads it alike. */
export const MAX_COUNTER = 2 ** 31 - 1;
/** A duration inside a message, milliseconds: one week. From 2^31 ms on, timers of browsers and Node fire at once. */
export const MAX_WAIT_MS = 7 * 24 * 3_600_000;
/** Times that one coordinator may change its key: its hand-overs (228 bytes each) are in every challenge. */
export const MAX_HAND_OVERS = 32;
/**
 * Longest time, ms, that a phase which could close waits for members who lost their connection: a client's first wait (1 s and jitter) and a
 * handshake over a bad mobile line.
 */
export const MAX_RETURN_MS = 5_000;
/** Chain records in one answer. */
export const MAX_CHAIN_RECORDS = 32;
/** A free text inside a message (reason, metric name), characters. */
export const MAX_TEXT = 256;

// ---- administration ---------------------------------------------------------------------------------------------------
/** Clients that the dashboard's board knows; the oldest make way. Twice MAX_POOL at about 400 bytes are 8 MB. */
export const MAX_BOARD_CLIENTS = 20_000;
/** Rounds on the board. A curve of more points than a screen has pixels shows nothing more. */
export const MAX_BOARD_ROUNDS = 2_000;
/** Reports that a running campaign keeps for its result: each names every member, and a coordinator runs for months. */
export const MAX_KEPT_REPORTS = 100;
/** Alerts on the board, and as many who were left out. The audit log keeps all of it. */
export const MAX_BOARD_ALERTS = 500;
/** Rounds of a client that its row shows. */
export const BOARD_HISTORY = 30;
/** Dashboards that watch at a time. */
export const MAX_WATCHERS = 64;
/** Milliseconds between two frames of the live feed: 4 Hz is as fast as people read. */
export const FEED_MS = 250;
/** A dashboard that takes nothing for so long is cut off, milliseconds; it comes back and goes on where it was. */
export const FEED_STALLED_MS = 30_000;
/** People signed in at a time. */
export const MAX_ADMIN_SESSIONS = 64;
/** A session ends after 12 hours, milliseconds: a working day. */
export const ADMIN_SESSION_MS = 12 * 3_600_000;
/** A one-time code is good for 10 minutes, milliseconds, that of the start for an hour. */
export const ADMIN_CODE_MS = 600_000;
export const ADMIN_START_CODE_MS = 3_600_000;
/** Wrong sign-ins at once; one more is allowed each 6 s. At that rate a guess at 40 bits takes 200,000 years on average. */
export const MAX_WRONG_SIGN_INS = 10;
/** Body of a request to the admin API, bytes. */
export const MAX_ADMIN_BODY_BYTES = 16_384;
/** Audit events in one answer. */
export const MAX_AUDIT_PAGE = 200;
/** Strings of outcomes that /metrics tells apart; the rest is counted as `other`. Each costs about 60 bytes of a scrape. */
export const MAX_METRIC_PATHS = 200;

// ---- privacy ----------------------------------------------------------------------------------------------------------
/** Terms of the series for one fractional Rényi order; the slowest sensible case (order 1.1, sampling rate ½) needs 10⁴. */
export const MAX_SERIES_TERMS = 200_000;
/** Cells of a privacy loss distribution. 2^20 doubles, four arrays: 32 MB and half a second. */
export const MAX_PLD_CELLS = 2 ** 20;
/** Smallest δ for the PLD accountant: round-off of its transform shows below 1e-11. */
export const MIN_PLD_DELTA = 1e-10;
/** A strictly priced sketch may tell more than accounted with probability 2^-30, which is added to δ. */
export const SKETCH_FAILURE_BITS = 30;
/** Fewest noise shares that count in a sum at worst: one alone would be the coordinator's whole protection. */
export const MIN_HONEST_SHARES = 2;

/** Grid steps of a clipping norm at most: squares of norms below 2^53 stay exact, also after rounding up to MAX_DIMENSION coordinates. */
export const MAX_CLIP_STEPS = 1 << 25;
/** Width of one client's noise in grid steps: below 2 sums of discrete Gaussians are no longer priced as one (Kairouz et al. 2021, Theorem 1). */
export const MIN_LOCAL_DEVIATION = 2;
export const MAX_LOCAL_DEVIATION = 8_000;
/** Width of any exact noise, central noise included, grid steps: tables of the sampler of 1.7 MB, and its proof of precision. */
export const MAX_NOISE_DEVIATION = 65_536;

// ---- coordinator -----------------------------------------------------------------------------------------------------
/** Void rounds in a row that follow each other at once: chance, or one bad minute. From this one on a campaign pauses before the next. */
export const SETBACKS_BEFORE_PAUSE = 3;
/** That pause, ms: it doubles with each further void round, from what a restarted router takes to what nobody notices after a bad night. */
export const MIN_SETBACK_PAUSE_MS = 10_000;
export const MAX_SETBACK_PAUSE_MS = 300_000;
/** Void rounds, or vain waits for clients, in a row after which a simulation ends unless told otherwise: nobody is there who could help it. */
export const SIMULATION_GIVES_UP_AFTER = 3;
/** Clients that one campaign keeps connected between rounds. Surplus ones are told when to come back. 10,000 at 20 KB are 200 MB. */
export const MAX_POOL = 10_000;
/** Shortest and longest time a rejected client is told to stay away, ms: no hammering, and nobody forgets us. */
export const MIN_RETRY_AFTER_MS = 1_000;
export const MAX_RETRY_AFTER_MS = 600_000;
/** From the TCP connection to the proof of identity, ms (operations.md 3.1). A silent socket costs memory and buys nothing. */
export const AUTH_DEADLINE_MS = 5_000;
/**
 * What is added to it at most for time that the coordinator itself was busy, ms: a client whose proof lies unread is not to blame. With it a
 * handshake takes as long as a client waits for one (CLIENT_HANDSHAKE_MS).
 */
export const MAX_AUTH_CREDIT_MS = 15_000;
/** Between pings of the coordinator, ms; a peer that answered none for `DEAD_AFTER_MS` is gone. Two pings may be lost. */
export const PING_MS = 20_000;
export const DEAD_AFTER_MS = 45_000;
/** Bytes that may lie unsent for one client before blob chunks wait: four chunks keep the link busy, 10,000 slow readers cost what they must. */
export const MAX_UNSENT_BYTES = 1 << 20;
/** Bytes of round messages that may lie unsent for one client. Largest burst: a share book beside four blob chunks; twice that is no reader. */
export const MAX_BACKLOG_BYTES = 4 << 20;
/** A client whose connection takes no byte for so long is cut, ms (operations.md 3.2, A9). */
export const SLOW_READER_MS = 60_000;
/** Blobs that one client may have asked for and not yet received: model, aggregate and optimiser state of two records, and room. */
export const MAX_WANTED_BLOBS = 8;
/** Chain records whose blobs stay in memory. A client that missed more joins at a checkpoint, if its policy lets it. */
export const MAX_KEPT_RECORDS = 16;
/** Connections that have not proven who they are, in all. Ten seconds of the connects that one core can answer are half of it. */
export const MAX_UNAUTHENTICATED = 1_024;
/** The same from one address. A school or a ward behind one router connects its machines within seconds; a flood needs more. Addresses of this machine are exempt: a proxy, a simulation. */
export const MAX_UNAUTHENTICATED_PER_ADDRESS = 64;
/** Handshakes in progress up to which whoever comes is let in, however fast: a few hundred are no storm. */
export const HANDSHAKES_AT_ONCE = 288;
/** Beyond it so many are let in a second, and so many at once on top; the others are told when to come back. A handshake costs a millisecond, and rounds go on meanwhile. */
export const HANDSHAKES_PER_SECOND = 350;
export const HANDSHAKE_BURST = 70;
/** Longest time that they are told, ms: MAX_POOL of them at that rate, and room. A flood must not keep an honest client away for longer. */
export const HANDSHAKE_SLOTS_MS = 30_000;
/** The first of those whom a stopping coordinator sends away comes back after so long, ms: until then it should be there again. */
export const RESTART_MS = 3_000;
/** TCP connections that are no websocket yet, in all and from one address (this machine exempt): each costs 10 KB, and five seconds at most. */
export const MAX_PENDING = 2_048;
export const MAX_PENDING_PER_ADDRESS = 128;
/** Messages and control frames of one connection: per second, at once, and for each round it is announced (keys, shares, masked input, sketch, two signatures, a complaint, blobs of two records). Chunks have credits instead. */
export const MESSAGES_PER_SECOND = 20;
export const MESSAGE_BURST = 60;
export const MESSAGES_PER_ROUND = 24;
/** Unfinished inputs that may lie in memory, bytes, all of them together; one of any size is always let in. 64 of 4 MiB. */
export const MAX_UPLOAD_BYTES = 256 << 20;
/** Uploads that go on at a time, bytes of their whole inputs, but 16 at least and 256 at most: 16 of 4 MiB keep a line of 10 Gbit/s busy, and 64 cost twice the CPU per byte (operations.md 3.4). One that sent nothing for `UPLOAD_PACE_MS` does not count. */
export const UPLOADING_BYTES = 64 << 20;
export const MIN_UPLOADS = 16;
export const MAX_UPLOADS = 256;
export const UPLOAD_PACE_MS = 1_000;
/** Chunks that one client may have on their way. 1 MiB each 100 ms of delay are 10 MB/s. */
export const UPLOAD_CREDITS = 4;
/** An upload that has credit and of which no chunk comes for so long makes way, ms: a chunk at the least rate, and some delay. */
export const UPLOAD_STALLED_MS = 20_000;
/** Bytes since its last complete message of a connection that has not proven who it is. `hello` has at most 1 KiB. */
export const MAX_STRANGER_BYTES = 16 * 1024;
/** The same of all connections together, or an eighth of `memoryBytes` where that is less: the newest are cut. 800 stalled frames. */
export const MAX_INCOMPLETE_BYTES = 256 << 20;
/** A message that has begun must come at this rate from the third second on. A bad mobile uplink has twice that. */
export const LEAST_BYTES_PER_SECOND = 16 * 1024;
export const SLOW_AFTER_MS = 2_000;
/** Longest time that one message may take, ms: a full frame at the least rate. */
export const MAX_MESSAGE_MS = 20_000;
/** What is taken off the time of a message at most because the coordinator itself was busy, ms. Time in which it could read nothing at all never counts. */
export const MAX_MESSAGE_CREDIT_MS = 15_000;
/** Offences that one round writes down by name; further ones are counted. Each is 300 bytes in the audit log for ever. */
export const MAX_OFFENCES_NAMED = 1_000;
/** Clients that one enrolment token may let in, and days that it may be good for. */
export const MAX_TOKEN_USES = 1_000_000;
export const MAX_TOKEN_DAYS = 3_650;
/** Origins of pages that may connect. */
export const MAX_ORIGINS = 64;
/** Parts of one websocket message. Our own senders never fragment. */
export const MAX_WS_FRAGMENTS = 64;
/** Time for the closing handshake of a websocket, ms. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** One audit event as stored, bytes. The largest: an attempt that names 1,024 groups of 128 clients, 66 bytes each, is 8.7 MB; twice that. */
export const MAX_EVENT_BYTES = 16 << 20;
/** Name of a state row, bytes: two ids and a word. lmdb takes 1,978. */
export const MAX_ROW_KEY_BYTES = 256;
/** Live bytes of a data directory unless it is told otherwise: 10 models and 1,000 aggregates of 2^20 coordinates with room. */
export const DEFAULT_STORE_BYTES = 8 * 2 ** 30;
/** Models, with the optimiser states that belong to them, that a store keeps to roll back to unless told otherwise. Genesis and pinned ones stay as well. */
export const DEFAULT_KEPT_MODELS = 10;
/** Backups kept, each verified when it was taken: one may turn out bad, another may be in the making. */
export const KEPT_BACKUPS = 3;
/** Rounds between two backups unless told otherwise. */
export const DEFAULT_BACKUP_ROUNDS = 50;
/** The check of a store in a child process before it is opened, ms. A chain of 1 M events takes 4 s, a cold disk longer. */
export const STORE_CHECK_MS = 600_000;

/** Header of a model file, bytes: tensors by name, or layers as JSON. A network of 10,000 layers has 5 MB; Hugging Face's reader allows 100 MB. */
export const MAX_MODEL_HEADER_BYTES = 16 << 20;
/** Files that one model may be spread over. Converters of Keras cut weights into pieces of 4 MB. */
export const MAX_MODEL_FILES = 4_096;

// ---- client ----------------------------------------------------------------------------------------------------------
/** From the attempt to connect to `welcome`, ms: a TLS handshake on a bad mobile network, and the coordinator's AUTH_DEADLINE_MS. */
export const CLIENT_HANDSHAKE_MS = 20_000;
/** Longest silence in the middle of an answer about the chain on a live connection, ms. A chunk takes 13 s at 20 kB/s. */
export const CHAIN_STALL_MS = 30_000;
/** Bytes of an upload that may wait in the client's socket. Four chunks keep a fast line busy; a control message waits 50 ms at 20 MB/s. */
export const UPLOAD_BUFFERED_BYTES = 4 * CHUNK_BYTES;
