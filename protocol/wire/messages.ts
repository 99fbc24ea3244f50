// Every message of sotto/1 as a type. The header fields are what msgpack carries; `section` is the raw tensor bytes behind it.
// Not here: bytes (frame.ts), checks of fields (schemas.ts, one per kind), who may send what when (round/, participant/, sessions).
// Rosters, keys and hashes are Uint8Array; names of 32 bytes unless a comment says otherwise.

import type { ErrorCode } from '../errors.js';
import type { GroupId, Millis, Rank } from '../ids.js';

/** Says which run of which group a message belongs to. */
export interface RunRef {
  readonly round: number;
  readonly attempt: number;
  readonly group: GroupId;
}

// ---- session -------------------------------------------------------------------------------------------------------
/** C→S, first message. */
export interface Hello {
  readonly kind: 'hello';
  readonly client: Uint8Array;
  readonly nonce: Uint8Array;
  readonly agent: string;
  readonly token?: string;
}
/** S→C. Proves the coordinator: signature over enc(label, hello.nonce, nonce, client). */
export interface Challenge {
  readonly kind: 'challenge';
  readonly coordinator: Uint8Array;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
  /** Of a coordinator that has had other keys: all hand-overs from the first to this one (chain/hand-over.ts), back to back. */
  readonly handOvers?: Uint8Array;
}
/** C→S. Signature over enc(label, challenge.nonce, coordinator, client). */
export interface Proof {
  readonly kind: 'proof';
  readonly signature: Uint8Array;
}
/** S→C. The connection is authenticated; tasks that this client is enrolled in. */
export interface Welcome {
  readonly kind: 'welcome';
  readonly tasks: readonly string[];
  readonly pingMs: Millis;
}
/** C→S. Ready for rounds of a task. `head`: hash of the last chain record this client has verified, empty if none. */
export interface CheckIn {
  readonly kind: 'checkIn';
  readonly task: string;
  readonly head: Uint8Array;
}
/** S→C. In the pool; wait for an announcement. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly task: string;
  readonly round: number;
}
/** S→C. Not now: come back after the given time. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly code: ErrorCode;
  readonly retryAfterMs: Millis;
}
/** Either way. What one side tells the other of a fault: a code and a short text, no secrets, no offsets. */
export interface Fault {
  readonly kind: 'fault';
  readonly code: ErrorCode;
  readonly text: string;
  readonly run?: RunRef;
}
/** C→S. Leaves the pool (and the round, if in one) by itself. */
export interface Leave {
  readonly kind: 'leave';
  readonly reason: string;
}
/** S→C. The task is finished; no more rounds. */
export interface Finished {
  readonly kind: 'finished';
  readonly task: string;
  readonly rounds: number;
  readonly model: Uint8Array;
}

// ---- blobs and the model chain ---------------------------------------------------------------------------------------
/** C→S. Asks for a model, aggregate or optimiser state by its hash. */
export interface Want {
  readonly kind: 'want';
  readonly blob: Uint8Array;
}
/** S→C. Blob hash = hash over (bytes, chunk hashes); `chunks` is their concatenation, 32 bytes each. */
export interface BlobHead {
  readonly kind: 'blobHead';
  readonly blob: Uint8Array;
  readonly bytes: number;
  readonly chunks: Uint8Array;
}
/** S→C, with one section. */
export interface BlobChunk {
  readonly kind: 'blobChunk';
  readonly blob: Uint8Array;
  readonly index: number;
  readonly section: Uint8Array;
}
/** C→S. Asks for the chain records after the given one (empty hash: the newest record only, to join at a checkpoint). */
export interface WantChain {
  readonly kind: 'wantChain';
  readonly task: string;
  readonly after: Uint8Array;
}
/** S→C. In order; `complete` when the last one is the head. */
export interface Chain {
  readonly kind: 'chain';
  readonly task: string;
  readonly records: readonly ChainRecordBody[];
  readonly complete: boolean;
}
/** One link of the signed model chain (chain/record.ts has its meaning and its signature). */
export interface ChainRecordBody {
  readonly task: string;
  /** `rollback`: the model of an ancestor again; `aggregate` is then the blob with the reason, `transcript` the ancestor's record hash. */
  readonly type: 'genesis' | 'update' | 'rollback';
  readonly round: number;
  readonly attempt: number;
  /** Hash of the record before; empty at genesis. */
  readonly previous: Uint8Array;
  readonly config: Uint8Array;
  readonly modelBefore: Uint8Array;
  /** Blob hash of the aggregate that was applied; empty at genesis. */
  readonly aggregate: Uint8Array;
  readonly modelAfter: Uint8Array;
  /** Blob hash of the optimiser's state afterwards; empty where it has none. */
  readonly optimizerAfter: Uint8Array;
  /** Steps the optimiser has taken. */
  readonly step: number;
  /** Hash of the round's transcript (sets, exclusions, blame). */
  readonly transcript: Uint8Array;
  /** Clipping norm of the next round, out of 2^31 − 1 parts of the largest that the settings allow; 0 where they fix it. */
  readonly clip: number;
  /** Noised share of the clients below the norm of this round, out of 2^31 − 1: what `clip` follows from. 0 where they fix it. */
  readonly fraction: number;
  readonly signature: Uint8Array;
}

// ---- the round (protocol.md §4) ------------------------------------------------------------------------------------
/** R0, S→C. `config` is the canonical JSON of TaskConfig; `groupRoots` are the roots of all groups' rosters, in order of `groupIds`, which ascend. */
export interface Announce {
  readonly kind: 'announce';
  readonly run: RunRef;
  readonly task: string;
  readonly config: string;
  readonly model: Uint8Array;
  /** Hash of the chain record whose modelAfter is `model`. */
  readonly head: Uint8Array;
  readonly groupIds: readonly GroupId[];
  readonly groupRoots: Uint8Array;
  /** Members of this client's group, 32-byte keys back to back, in rank order. */
  readonly roster: Uint8Array;
  /** To the nonce that R4 opens. In every announcement, also of tasks without sketches, where it stays closed. */
  readonly commitNonce: Uint8Array;
  /** How long the coordinator means to wait for masked inputs, from now. Advice, signed with the rest. */
  readonly deadlineMs: Millis;
  /** Clipping norm of this round, as the chain record `head` says it. */
  readonly clip: number;
  readonly signature: Uint8Array;
}
/** R1, C→S. Channel and mask public keys. */
export interface Keys {
  readonly kind: 'keys';
  readonly run: RunRef;
  readonly channel: Uint8Array;
  readonly mask: Uint8Array;
  readonly signature: Uint8Array;
}
export interface KeyEntry {
  readonly rank: Rank;
  readonly channel: Uint8Array;
  readonly mask: Uint8Array;
  readonly signature: Uint8Array;
}
/** R1, S→C. U1, ascending ranks. */
export interface KeyBook {
  readonly kind: 'keyBook';
  readonly run: RunRef;
  readonly entries: readonly KeyEntry[];
}
/** A box for one peer: ChaCha20-Poly1305 of share of b (32), share of s (32), salt (16): 96 bytes. */
export interface ShareBox {
  readonly to: Rank;
  readonly box: Uint8Array;
  readonly hashB: Uint8Array;
  readonly hashS: Uint8Array;
}
/** R2, C→S. `boxes` ascending by `to`. `commitB` = H(b_i). `own`: hashes of the shares that the sender keeps for itself. The signature covers the Merkle root over all hash pairs and boxes. */
export interface Shares {
  readonly kind: 'shares';
  readonly run: RunRef;
  readonly commitB: Uint8Array;
  readonly boxes: readonly ShareBox[];
  readonly own: { readonly hashB: Uint8Array; readonly hashS: Uint8Array };
  readonly signature: Uint8Array;
}
/** What member `from` dealt to the receiver: `path` proves the two hashes and the box against the signed `root`. */
export interface SharePacket {
  readonly from: Rank;
  readonly box: Uint8Array;
  readonly hashB: Uint8Array;
  readonly hashS: Uint8Array;
  readonly commitB: Uint8Array;
  readonly root: Uint8Array;
  readonly path: Uint8Array;
  readonly signature: Uint8Array;
}
/** R2, S→C. U2 without the receiver itself, ascending. */
export interface ShareBook {
  readonly kind: 'shareBook';
  readonly run: RunRef;
  readonly packets: readonly SharePacket[];
}
/** R2, C→S. Dealers whose box did not open or whose shares do not fit the hashes they signed; ascending. More than a such complaints prove a lie. */
export interface Complaint {
  readonly kind: 'complaint';
  readonly run: RunRef;
  readonly dealers: readonly Rank[];
  readonly signature: Uint8Array;
}
/** R3, C→S. Announces y_i: hashes of its chunks back to back; the chunks follow. `u2` ascending. Signature over (H(y), u2). */
export interface Masked {
  readonly kind: 'masked';
  readonly run: RunRef;
  readonly chunks: Uint8Array;
  readonly bytes: number;
  readonly u2: readonly Rank[];
  readonly signature: Uint8Array;
}
/** C→S, with one section: a piece of y_i (or of a plain update in profile `open`). */
export interface InputChunk {
  readonly kind: 'inputChunk';
  readonly run: RunRef;
  readonly index: number;
  readonly section: Uint8Array;
}
/** S→C. All chunks of y_i are in and fit their hashes. */
export interface InputTaken {
  readonly kind: 'inputTaken';
  readonly run: RunRef;
}
/** R3 in profile `open`, C→S. x_i as float32, no masks; the chunks follow. */
export interface Plain {
  readonly kind: 'plain';
  readonly run: RunRef;
  readonly chunks: Uint8Array;
  readonly bytes: number;
  readonly weight: number;
  readonly signature: Uint8Array;
}
/** R4, S→C, after R3 has closed in all groups. The matrix A follows from the round's context and this nonce, which the announcement has committed to. Answered once per input, ever. */
export interface SketchRequest {
  readonly kind: 'sketchRequest';
  readonly run: RunRef;
  readonly nonce: Uint8Array;
  /** Ascending. */
  readonly u3: readonly Rank[];
}
/** R4, C→S, with one section: v = A·q as k signed words of 32 bits, then p_ij = A·m_ij mod 2^ρ as k words for each other member of U2, ascending. */
export interface Sketch {
  readonly kind: 'sketch';
  readonly run: RunRef;
  /** Over (nonce, SHA-256 of the section). */
  readonly signature: Uint8Array;
  readonly section: Uint8Array;
}
export interface Exclusion {
  readonly rank: Rank;
  readonly code: ErrorCode;
}
/** R5, S→C. U3 ⊇ U4, ascending; every member of U3∖U4 has its exclusion, ascending too. */
export interface Survivors {
  readonly kind: 'survivors';
  readonly run: RunRef;
  readonly u3: readonly Rank[];
  readonly u4: readonly Rank[];
  readonly excluded: readonly Exclusion[];
}
/** R5, C→S. Signature over (U3, U4). */
export interface Consistent {
  readonly kind: 'consistent';
  readonly run: RunRef;
  readonly signature: Uint8Array;
}
export interface SetSignature {
  readonly rank: Rank;
  readonly signature: Uint8Array;
}
/** R6, S→C. At least t signatures on the same sets, ascending ranks. */
export interface UnmaskRequest {
  readonly kind: 'unmaskRequest';
  readonly run: RunRef;
  readonly signatures: readonly SetSignature[];
}
/** For one peer either its b share (it survived) or its s share (it is gone). One type cannot hold both: never-both is in the shape. */
export type Opened =
  | { readonly of: Rank; readonly type: 'b'; readonly share: Uint8Array; readonly salt: Uint8Array }
  | { readonly of: Rank; readonly type: 's'; readonly share: Uint8Array; readonly salt: Uint8Array };
/** R6, C→S. One entry per member of U2 whose shares this client holds and could check, ascending by `of`. */
export interface Unmask {
  readonly kind: 'unmask';
  readonly run: RunRef;
  readonly opened: readonly Opened[];
}
/** R7, S→C. The round is done; the record says what the model became. */
export interface Outcome {
  readonly kind: 'outcome';
  readonly run: RunRef;
  readonly record: ChainRecordBody;
}
/** S→C. The attempt ended without a result. `culprits`: ranks in this client's own group, ascending. */
export interface Abort {
  readonly kind: 'abort';
  readonly run: RunRef;
  readonly code: ErrorCode;
  readonly culprits: readonly Rank[];
  readonly retryAfterMs: Millis;
}
/** S→C after a reconnect in R1-R3: what the coordinator already has, so that the client sends only the rest. `have` in the order of the phases, `chunks` ascending. */
export interface Resume {
  readonly kind: 'resume';
  readonly run: RunRef;
  readonly have: readonly ('keys' | 'shares' | 'masked')[];
  readonly chunks: readonly number[];
}

/** S→C in R3: these chunks of the input may be sent now, ascending. The same again says nothing new. */
export interface Credit {
  readonly kind: 'credit';
  readonly run: RunRef;
  readonly chunks: readonly number[];
}

export type SessionMessage =
  | Hello
  | Challenge
  | Proof
  | Welcome
  | CheckIn
  | Accepted
  | Rejected
  | Fault
  | Leave
  | Finished;
export type BlobMessage = Want | BlobHead | BlobChunk | WantChain | Chain;
/** Round messages that a client sends. */
export type ClientRoundMessage = Keys | Shares | Complaint | Masked | Plain | InputChunk | Sketch | Consistent | Unmask;
/** Round messages that the coordinator sends. */
export type CoordinatorRoundMessage =
  | Announce
  | KeyBook
  | ShareBook
  | InputTaken
  | SketchRequest
  | Survivors
  | UnmaskRequest
  | Outcome
  | Abort
  | Resume;
export type Message = SessionMessage | BlobMessage | ClientRoundMessage | CoordinatorRoundMessage | Credit;
export type MessageKind = Message['kind'];
export type MessageOf<K extends MessageKind> = Extract<Message, { kind: K }>;
