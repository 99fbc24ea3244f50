// The only home of a bound: each with its unit and reason. Enforced before allocation, tested on both sides.

/** One frame on the wire, bytes: a 256 KiB section, a full header and the prefix, rounded up. `maxPayload` of the socket. */
export const MAX_FRAME_BYTES = 320 * 1024;
/** Header of one frame, bytes. The largest legal one is a share book for 128 members (127 × about 400 bytes); room for more fields. */
export const MAX_HEADER_BYTES = 65_536;
/** One chunk of a vector or blob, bytes. Small enough that a control message never waits long behind one. */
export const CHUNK_BYTES = 256 * 1024;
/** Raw sections in one frame. No message has more than one today; two leave room. */
export const MAX_SECTIONS = 2;
/** Nesting of a header. The deepest message (share book) has 4. */
export const MAX_HEADER_DEPTH = 8;
/** Values in one header, maps and arrays counted with their contents. Largest: the share book, 127 entries × about 20. */
export const MAX_HEADER_ITEMS = 4_096;
/** Members of one group. A clique costs n² agreements and shares; above this a sparse graph is needed. */
export const MAX_GROUP = 128;
/** Members of a group unless the task says `trust: trusted`: fewer hide nobody well. */
export const MIN_GROUP = 8;
/** Groups in one round. */
export const MAX_GROUPS = 1_024;
/** Groups of the `grouped` profile: a rule over fewer means is no rule. */
export const MIN_GROUPS = 5;
/** Clients in one round of profile `open`: rows are held in full. */
export const MAX_OPEN_COHORT = 4_096;
/** Coordinates of a vector. 2^27 float32 are 512 MiB; chunk-hash lists of it still fit a header. */
export const MAX_DIMENSION = 1 << 27;
/** A task id, characters. */
export const MAX_TASK_ID = 64;
/** Canonical configuration text inside an announcement, bytes. */
export const MAX_CONFIG_BYTES = 16_384;
/** Chain records in one answer. */
export const MAX_CHAIN_RECORDS = 32;
/** A free text inside a message (reason, metric name), characters. */
export const MAX_TEXT = 256;
