// The only home of a bound: each with its unit and reason. Enforced before allocation, tested on both sides.

/** One frame on the wire, bytes: a 256 KiB section and 64 KiB for what precedes it (a frame with a full header has no section). `maxPayload` of the socket. */
export const MAX_FRAME_BYTES = 320 * 1024;
/** Header of one frame, bytes. The largest legal ones: a hash list of MAX_CHUNKS (72.3 KiB) and the share book of 128 members (127 × 577 bytes, 71.6 KiB). */
export const MAX_HEADER_BYTES = 80 * 1024;
/** One chunk of a vector or blob, bytes. Small enough that a control message never waits long behind one. */
export const CHUNK_BYTES = 256 * 1024;
/** Chunks of one vector or blob. Their hashes (72 KiB) fit one header; 576 MiB of data. */
export const MAX_CHUNKS = 2_304;
/** Nesting of a header, the outermost map counted. The deepest message (share book) has 3. */
export const MAX_HEADER_DEPTH = 8;
/** Values in one header: keys, maps and arrays are counted with their contents. Largest: a resume that lists MAX_CHUNKS chunks; then the share book, 127 × 17. */
export const MAX_HEADER_ITEMS = 4_096;
/** Keys of one map in a header. The largest, a chain record, has 13; comparing each with each finds duplicates and must stay cheap. */
export const MAX_MAP_KEYS = 32;
/** Members of one group. A clique costs n² agreements and shares; above this a sparse graph is needed. */
export const MAX_GROUP = 128;
/** Members of a group unless the task says `trust: trusted`: fewer hide nobody well. */
export const MIN_GROUP = 8;
/** Groups in one round. */
export const MAX_GROUPS = 1_024;
/** Groups of the `grouped` profile: a rule over fewer means is no rule. */
export const MIN_GROUPS = 5;
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
/** Chain records in one answer. */
export const MAX_CHAIN_RECORDS = 32;
/** A free text inside a message (reason, metric name), characters. */
export const MAX_TEXT = 256;
