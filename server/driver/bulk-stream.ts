// The bytes between a socket and its websocket: large binary messages that are expected go past the websocket's own parser, everything else
// goes through it untouched. Not here: handshake, small messages, control frames, sending, closing, and what is illegal: all that is ws,
// which sees the same bytes as without this, less whole frames that are legal by RFC 6455 §5.2.
//
// Why: ws keeps what each read has brought until a message is complete, joins it in fresh memory, and unmasks it there. With chunks of
// 256 KiB that, and the garbage it leaves, cost more than to hash them. Here a payload is unmasked on its way into memory that is lent to
// the listeners of one message, and both that and the read are free at once (release.ts).

import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { MAX_FRAME_BYTES } from '../../protocol/limits.js';
import { release } from './release.js';

/** As ws uses it, in native code where there is a build for the machine. It brings no types. */
const { mask: applyMask } = createRequire(import.meta.url)('bufferutil') as {
  readonly mask: (source: Buffer, mask: Buffer, into: Buffer, offset: number, length: number) => void;
};

/** Shorter messages are for ws. The largest that fits one read. */
const LARGE_BYTES = 65_536;
/** Reads of at least so many bytes are given back at once; smaller ones are cheap garbage. */
const READ_BYTES = 16_384;
/** RFC 6455 §5.2: FIN, no reserved bits, opcode 2. */
const WHOLE_BINARY = 0x82;
const FINAL = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const MASKED = 0x80;
const LENGTH = 0x7f;
const MASK_BYTES = 4;

interface Frame {
  readonly headerBytes: number;
  readonly payloadBytes: number;
  readonly first: number;
  readonly masked: boolean;
}
/** A message on its way into lent memory. */
interface Bulk {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly mask: Buffer;
  at: number;
}

export class BulkStream extends Duplex {
  readonly #socket: Duplex;
  #websocket: WebSocket | undefined;
  #expected: () => boolean = () => false;
  /** The beginning of a frame whose header is not complete. */
  #held: Buffer | undefined;
  /** Bytes still to come of the frame that ws is getting. */
  #left = 0;
  #bulk: Bulk | undefined;
  /** Messages that ws has got the frames of and has not told its listeners yet. */
  #ahead = 0;
  #fragmented = false;
  /** A frame that closes, or that is for ws to refuse: from there on ws gets all that comes. */
  #blind = false;

  /** @param head what came behind the upgrade in the same read */
  constructor(socket: Duplex, head: Buffer) {
    super();
    this.#socket = socket;
    if (head.length > 0) socket.unshift(head);
    socket.on('data', (read: Buffer) => this.#take(read));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /**
   * From now on large binary messages come as events `message` of `websocket` all the same, but their memory is the listeners' only until
   * they return; then it is empty. @param expected asked when one begins: whether memory for it may be taken
   */
  lend(websocket: WebSocket, expected: () => boolean): void {
    this.#websocket = websocket;
    this.#expected = expected;
    const told = (): void => {
      this.#ahead--;
    };
    for (const event of ['message', 'ping', 'pong'] as const) websocket.on(event, told);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.cork();
    chunks.forEach(({ chunk }, i) => {
      this.#socket.write(chunk, i === chunks.length - 1 ? done : undefined);
    });
    this.#socket.uncork();
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#bulk = undefined;
    this.#socket.destroy(error ?? undefined);
    done(error);
  }

  #take(read: Buffer): void {
    if (this.destroyed) return;
    const bytes = this.#held === undefined ? read : Buffer.concat([this.#held, read]);
    this.#held = undefined;
    /** What lies between `from` and `at` is for ws. */
    let from = 0;
    let at = 0;
    let forwarded = false;
    const forward = (): void => {
      // A listener may have ended the connection.
      if (at === from || this.destroyed) return;
      forwarded = true;
      if (!this.push(bytes.subarray(from, at))) this.#socket.pause();
    };
    while (at < bytes.length) {
      if (this.#bulk !== undefined) {
        at += this.#fill(this.#bulk, bytes.subarray(at));
        from = at;
      } else if (this.#blind || this.#left > 0) {
        const more = this.#blind ? bytes.length - at : Math.min(this.#left, bytes.length - at);
        this.#left -= more;
        at += more;
      } else {
        const frame = readHeader(bytes, at);
        if (frame === undefined) {
          this.#held = Buffer.from(bytes.subarray(at));
          break;
        }
        if (this.#mayLend(frame)) {
          forward();
          at += frame.headerBytes;
          from = at;
          const mask = Buffer.from(bytes.subarray(at - MASK_BYTES, at));
          this.#bulk = { bytes: Buffer.allocUnsafeSlow(frame.payloadBytes), mask, at: 0 };
        } else this.#follow(frame);
      }
    }
    forward();
    if (!forwarded && read.length >= READ_BYTES) releaseAll(read);
  }

  #mayLend({ first, masked, payloadBytes }: Frame): boolean {
    return (
      first === WHOLE_BINARY &&
      masked &&
      payloadBytes > LARGE_BYTES &&
      payloadBytes <= MAX_FRAME_BYTES &&
      !this.#fragmented &&
      // Messages keep their order.
      this.#ahead === 0 &&
      this.#websocket?.readyState === this.#websocket?.OPEN &&
      this.#expected()
    );
  }

  /** A frame that goes to ws. What only has to be told apart here is where it ends, and whether a message ends with it. */
  #follow({ first, masked, headerBytes, payloadBytes }: Frame): void {
    const opcode = first & OPCODE;
    const control = opcode === 9 || opcode === 10;
    const final = (first & FINAL) !== 0;
    const legal =
      masked &&
      (first & RESERVED) === 0 &&
      payloadBytes <= MAX_FRAME_BYTES &&
      (control ? final : opcode === 0 ? this.#fragmented : opcode <= 2 && !this.#fragmented);
    if (!legal) {
      this.#blind = true;
      return;
    }
    this.#left = headerBytes + payloadBytes;
    if (!control) this.#fragmented = !final;
    if (final) this.#ahead++;
  }

  /** @returns bytes taken of `bytes` */
  #fill(bulk: Bulk, bytes: Buffer): number {
    const length = Math.min(bulk.bytes.length - bulk.at, bytes.length);
    applyMask(bytes, turned(bulk.mask, bulk.at), bulk.bytes, bulk.at, length);
    bulk.at += length;
    if (bulk.at === bulk.bytes.length) {
      this.#bulk = undefined;
      this.#ahead++;
      this.#websocket?.emit('message', bulk.bytes, true);
      releaseAll(bulk.bytes);
    }
    return length;
  }
}

/** `undefined`: there is more to come of it. */
function readHeader(bytes: Buffer, at: number): Frame | undefined {
  if (bytes.length < at + 2) return undefined;
  // safe: both are there, as was just seen
  const [first, second] = [bytes[at]!, bytes[at + 1]!];
  const masked = (second & MASKED) !== 0;
  const short = second & LENGTH;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const headerBytes = 2 + lengthBytes + (masked ? MASK_BYTES : 0);
  if (bytes.length < at + headerBytes) return undefined;
  const payloadBytes =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  return { headerBytes, payloadBytes, first, masked };
}

/** The mask as it lies over payload byte `at` and those behind it. */
function turned(mask: Buffer, at: number): Buffer {
  const by = at % MASK_BYTES;
  return by === 0 ? mask : Buffer.concat([mask.subarray(by), mask.subarray(0, by)]);
}

/** Where `bytes` are all that their buffer holds: then it is nobody else's. */
function releaseAll({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) release(buffer);
}
