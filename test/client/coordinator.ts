// A coordinator by hand for driver tests: real frames and signatures over the transport in memory, and a test that decides
// each message. It serves a small model chain and can be told to lie. Not here: the real one (server/).
import { type MemoryPeer, memoryHub } from '../../client/transport/memory.js';
import type { LinkClosed } from '../../client/transport/transport.js';
import { hashOfBlob, nextModel, optimizerBytes, optimizerHash, weightsBytes } from '../../protocol/chain/model.js';
import { recordHash, signRecord } from '../../protocol/chain/record.js';
import { announceStatement, contextOf, groupRootOf, rosterRootOf } from '../../protocol/context.js';
import { concat } from '../../protocol/crypto/bytes.js';
import { generateIdentity, type Identity, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import { hashOf, toHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { initOptimizer, type OptimizerState } from '../../protocol/optimizer/optimizer.js';
import { configHash, deriveTask, type TaskConfig } from '../../protocol/task.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type {
  Announce,
  ChainRecordBody,
  Hello,
  Message,
  MessageKind,
  MessageOf,
  RunRef,
} from '../../protocol/wire/messages.js';

const crypto = nativePrimitives;
const NOTHING = new Uint8Array(0);

export const taskOf = (over: Partial<TaskConfig> = {}): TaskConfig => {
  const window = { count: { min: 1, max: 2 }, time: { min: 0, max: 10_000 } };
  return {
    protocol: 'sotto/1',
    task: 'digits',
    profile: 'open',
    trust: 'trusted',
    dimension: 5,
    group: { size: 2, count: 1, colluders: 0 },
    encoding: { clipNorm: 10, range: 10, bits: 16, weighting: { by: 'uniform' } },
    prg: 'aes256ctr',
    integrity: 'none',
    privacy: 'none',
    rule: { name: 'mean' },
    optimizer: { name: 'fedavgm', learningRate: 1, momentum: 0.9 },
    training: { algorithm: 'fedavg', epochs: 1, batchSize: 1, learningRate: 0.1, optimizer: 'sgd' },
    windows: { keys: window, shares: window, masked: window, consistency: window, unmask: window },
    ...over,
  };
};

/** One connection, seen from the coordinator. */
export class Session {
  readonly received: Message[] = [];
  readonly peer: MemoryPeer;
  closed: LinkClosed | undefined;
  #clientNonce: Uint8Array = NOTHING;
  client: Uint8Array = NOTHING;

  constructor(peer: MemoryPeer, onMessage: (session: Session, message: Message) => void) {
    this.peer = peer;
    peer.onFrame = (bytes) => {
      const decoded = decodeFrame(bytes);
      if (!decoded.ok) throw new Error(`the client sent a bad frame: ${decoded.reason}`);
      this.received.push(decoded.message);
      const { kind } = decoded.message;
      if (this.generous && (kind === 'masked' || kind === 'plain')) this.credit(decoded.message.run);
      onMessage(this, decoded.message);
    };
    peer.onClose = (why) => {
      this.closed = why;
    };
  }

  /** Credit for everything as soon as it is wanted; a test about credit sets it to false. */
  generous = true;

  send(message: Message): void {
    this.peer.send(encodeFrame(message));
    if (this.generous && message.kind === 'resume') this.credit(message.run);
  }

  credit(run: RunRef, chunks: readonly number[] = Array.from({ length: 64 }, (_, i) => i)): void {
    this.send({ kind: 'credit', run, chunks });
  }
  of<K extends MessageKind>(kind: K): MessageOf<K>[] {
    return this.received.filter((message): message is MessageOf<K> => message.kind === kind);
  }

  /** A genuine challenge, or one with another key or a signature over something else. */
  challenge(
    identity: Identity,
    hello: Hello,
    lie: { key?: Uint8Array; nonce?: Uint8Array; handOvers?: Uint8Array } = {},
  ): void {
    this.client = hello.client;
    this.#clientNonce = nativeRng(32);
    const signature = signFields(
      crypto,
      identity,
      LABELS.challenge,
      lie.nonce ?? hello.nonce,
      this.#clientNonce,
      hello.client,
    );
    const { key: coordinator = identity.publicKey, handOvers } = lie;
    this.send({ kind: 'challenge', coordinator, nonce: this.#clientNonce, signature, ...(handOvers && { handOvers }) });
  }
  proves(identity: Identity, signature: Uint8Array): boolean {
    return verifyFields(
      crypto,
      this.client,
      signature,
      LABELS.proof,
      this.#clientNonce,
      identity.publicKey,
      this.client,
    );
  }
}

/** The published chain with all its blobs. */
export class Published {
  readonly config: TaskConfig;
  /** Signs what comes now. */
  identity: Identity;
  readonly records: ChainRecordBody[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  weights: Float32Array<ArrayBuffer>;
  optimizer: OptimizerState;

  constructor(identity: Identity, config: TaskConfig) {
    this.identity = identity;
    this.config = config;
    this.weights = Float32Array.from({ length: config.dimension }, (_, i) => Math.fround(i / 3 - 1));
    this.optimizer = initOptimizer(config.optimizer, config.dimension);
    this.#publish('genesis', 0, NOTHING, NOTHING, NOTHING);
  }

  get newest(): ChainRecordBody {
    // safe: the constructor has published the genesis
    return this.records.at(-1)!;
  }
  get head(): Uint8Array {
    return recordHash(crypto, this.newest);
  }

  /** Commits a round. */
  advance(round: number, fill = 0.5): ChainRecordBody {
    const aggregate = new Float32Array(this.config.dimension).fill(fill);
    const before = this.newest.modelAfter;
    const previous = this.head;
    const next = nextModel(this.config.optimizer, this, aggregate);
    this.weights = next.weights;
    this.optimizer = next.optimizer;
    return this.#publish('update', round, previous, before, this.keep(weightsBytes(aggregate)));
  }

  keep(bytes: Uint8Array): Uint8Array {
    const hash = hashOfBlob(crypto, bytes);
    this.blobs.set(toHex(hash), bytes.slice());
    return hash;
  }

  sign(record: Omit<ChainRecordBody, 'signature'>): ChainRecordBody {
    const { signature: _, ...unsigned } = record as ChainRecordBody;
    return signRecord(crypto, this.identity, unsigned);
  }

  #publish(
    type: 'genesis' | 'update',
    round: number,
    previous: Uint8Array,
    before: Uint8Array,
    aggregate: Uint8Array,
  ): ChainRecordBody {
    const state = optimizerBytes(this.optimizer);
    if (state.length > 0) this.keep(state);
    const record = this.sign({
      task: this.config.task,
      type,
      round,
      attempt: type === 'genesis' ? 0 : 1,
      previous,
      config: configHash(crypto, deriveTask(this.config).text),
      modelBefore: before,
      aggregate,
      modelAfter: this.keep(weightsBytes(this.weights)),
      optimizerAfter: optimizerHash(crypto, this.optimizer),
      step: this.optimizer.steps,
      transcript: type === 'genesis' ? NOTHING : crypto.sha256(previous),
      clip: 0,
      fraction: 0,
    });
    this.records.push(record);
    return record;
  }
}

/** Does something else, or leaves it to the honest default. */
export type Answers = (session: Session, message: Message, honest: () => void) => void;

export class ScriptedCoordinator {
  readonly identity = generateIdentity(crypto, nativeRng);
  readonly hub = memoryHub();
  readonly sessions: Session[] = [];
  published: Published;
  /** How it answers; honest by default. */
  answer: Answers = (_session, _message, honest) => honest();

  constructor(config: TaskConfig = taskOf()) {
    this.published = new Published(this.identity, config);
    this.hub.accept = (peer) => {
      this.sessions.push(
        new Session(peer, (session, message) => this.answer(session, message, () => this.#honest(session, message))),
      );
    };
  }

  /** The newest connection. */
  get session(): Session {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error('nobody has connected');
    return session;
  }

  announce(
    run: RunRef,
    over: Partial<Announce> = {},
    client = this.session.client,
    other = generateIdentity(crypto, nativeRng).publicKey,
  ): Announce {
    const { config } = this.published;
    const members = [client, other];
    const text = deriveTask(config).text;
    const root = groupRootOf(crypto, run.group, members);
    const commitNonce = nativeRng(32);
    const ctx = contextOf(crypto, {
      task: config.task,
      round: run.round,
      attempt: run.attempt,
      model: hashOf(over.model ?? this.published.newest.modelAfter),
      config: configHash(crypto, text),
      rosterRoot: rosterRootOf(crypto, [run.group], [root]),
      commitNonce,
      clip: over.clip ?? 0,
      coordinator: this.identity.publicKey,
    });
    const head = over.head ?? this.published.head;
    const deadlineMs = 5_000;
    return {
      kind: 'announce',
      run,
      task: config.task,
      config: text,
      model: this.published.newest.modelAfter,
      head,
      groupIds: [run.group],
      groupRoots: root,
      roster: concat(...members),
      commitNonce,
      deadlineMs,
      clip: 0,
      signature: crypto.sign(this.identity.secret.exposeSecret(), announceStatement(ctx, head, deadlineMs)),
      ...over,
    };
  }

  #honest(session: Session, message: Message): void {
    const { config, records, blobs } = this.published;
    switch (message.kind) {
      case 'hello':
        session.challenge(this.identity, message);
        return;
      case 'proof':
        if (!session.proves(this.identity, message.signature)) throw new Error('the client has sent a wrong proof');
        session.send({ kind: 'welcome', tasks: [config.task], pingMs: 20_000 });
        return;
      case 'checkIn':
        session.send({ kind: 'accepted', task: config.task, round: this.published.newest.round + 1 });
        return;
      case 'wantChain': {
        const at = records.findIndex((record) => toHex(recordHash(crypto, record)) === toHex(message.after));
        const wanted = message.after.length === 0 ? records.slice(-1) : records.slice(at + 1);
        if (message.after.length > 0 && at < 0)
          session.send({ kind: 'fault', code: 'SESSION_UNKNOWN_BLOB', text: 'gone' });
        else session.send({ kind: 'chain', task: config.task, records: wanted, complete: true });
        return;
      }
      case 'want': {
        const bytes = blobs.get(toHex(message.blob));
        if (bytes === undefined) {
          session.send({ kind: 'fault', code: 'SESSION_UNKNOWN_BLOB', text: 'no such blob' });
          return;
        }
        session.send({
          kind: 'blobHead',
          blob: message.blob,
          bytes: bytes.length,
          chunks: chunkHashList(crypto, bytes),
        });
        splitChunks(bytes).forEach(
          (section, index) => void session.send({ kind: 'blobChunk', blob: message.blob, index, section }),
        );
        return;
      }
      default:
        return;
    }
  }
}
