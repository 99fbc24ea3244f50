// A TCP proxy in userland that makes a line bad: latency and jitter, a bandwidth cap, small segments, stalls, resets, ends that nobody is
// told of. Order and content stay as they are: it is TCP. Not here: how bad which line is (lines.ts).

import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface Line {
  readonly latencyMs: number;
  /** Uniform, on top of the latency; what was sent first still arrives first. */
  readonly jitterMs: number;
  /** In each direction; Infinity for no cap. */
  readonly bytesPerSecond: number;
  /** Most bytes that are passed on at once; Infinity: as they come. */
  readonly segmentBytes: number;
  /** Both ends are reset once the client has sent so many bytes. */
  readonly resetAfterBytes: number;
  /** Both ends are reset after so long, whatever is going on. */
  readonly resetAfterMs: number;
  /** Nothing passes any more once the client has sent so many bytes, and nobody is told. */
  readonly deafAfterBytes: number;
  /** Once the client has sent so many bytes, nothing passes for a while. */
  readonly stall: { readonly afterBytes: number; readonly ms: number } | undefined;
}
export interface Counts {
  connections: number;
  resets: number;
  /** Connections over which nothing came any more, and nobody was told. */
  deaf: number;
  stalls: number;
  bytes: number;
}

/** Above it the proxy reads no more, as a router's queue is full. */
const QUEUE_BYTES = 512 * 1024;

export class BadLine {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #counts: Counts;

  private constructor(server: Server, counts: Counts) {
    this.#server = server;
    this.#counts = counts;
  }

  /** @param line asked for each connection, in their order @param random of jitter */
  static async open(target: number, line: () => Line, random: () => number, counts: Counts): Promise<BadLine> {
    const server = createServer({ noDelay: true });
    const proxy = new BadLine(server, counts);
    server.on('connection', (near) => proxy.#connect(near, target, line(), random));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Everybody at once. */
  resetAll(): void {
    for (const pair of [...this.#pairs]) this.#reset(pair);
  }

  async close(): Promise<void> {
    this.resetAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(near: Socket, target: number, line: Line, random: () => number): void {
    this.#counts.connections++;
    const far = dial({ port: target, host: '127.0.0.1', noDelay: true });
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    let deaf = false;
    const isDeaf = (): boolean => deaf;
    const up = new Direction(near, far, line, random, isDeaf, this.#counts);
    const down = new Direction(far, near, line, random, isDeaf, this.#counts);
    const reset = setTimeout(() => this.#reset(pair), Math.min(line.resetAfterMs, 2 ** 31 - 1));
    up.passed = (bytes) => {
      const before = up.total;
      up.total += bytes;
      const crosses = (mark: number): boolean => before < mark && up.total >= mark;
      if (crosses(line.resetAfterBytes)) this.#reset(pair);
      if (crosses(line.deafAfterBytes)) {
        deaf = true;
        this.#counts.deaf++;
      }
      if (line.stall !== undefined && crosses(line.stall.afterBytes)) {
        this.#counts.stalls++;
        up.hold(line.stall.ms);
        down.hold(line.stall.ms);
      }
    };
    const gone = (): void => {
      // The other end of a deaf line does not hear of it.
      if (deaf && !(near.destroyed && far.destroyed)) return;
      clearTimeout(reset);
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.once('close', gone);
    }
  }

  #reset(pair: readonly [Socket, Socket]): void {
    if (!this.#pairs.delete(pair)) return;
    this.#counts.resets++;
    for (const socket of pair) socket.resetAndDestroy();
  }
}

class Direction {
  total = 0;
  passed: (bytes: number) => void = () => {};
  readonly #to: Socket;
  readonly #line: Line;
  readonly #random: () => number;
  readonly #deaf: () => boolean;
  readonly #queue: { readonly at: number; readonly bytes: Buffer | 'end' }[] = [];
  #queued = 0;
  /** When the last of the queue is due. */
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, line: Line, random: () => number, deaf: () => boolean, counts: Counts) {
    this.#to = to;
    this.#line = line;
    this.#random = random;
    this.#deaf = deaf;
    from.on('data', (bytes) => {
      counts.bytes += bytes.length;
      this.passed(bytes.length);
      for (let at = 0; at < bytes.length; at += line.segmentBytes)
        this.#push(bytes.subarray(at, Math.min(bytes.length, at + line.segmentBytes)));
      if (this.#queued > QUEUE_BYTES) from.pause();
    });
    to.on('drain', () => from.resume());
    this.#resume = () => {
      if (this.#queued <= QUEUE_BYTES / 2) from.resume();
    };
    from.on('end', () => this.#push('end'));
  }
  readonly #resume: () => void;

  /** Whatever is not through yet comes so much later. */
  hold(ms: number): void {
    this.#last = Math.max(this.#last, performance.now() + ms);
    for (const [i, one] of this.#queue.entries()) this.#queue[i] = { ...one, at: one.at + ms };
  }

  #push(bytes: Buffer | 'end'): void {
    const { latencyMs, jitterMs, bytesPerSecond } = this.#line;
    const length = bytes === 'end' ? 0 : bytes.length;
    const arrives = performance.now() + latencyMs + jitterMs * this.#random();
    this.#last = Math.max(this.#last, arrives) + (length / bytesPerSecond) * 1_000;
    this.#queue.push({ at: this.#last, bytes });
    this.#queued += length;
    this.#timer ??= setTimeout(() => this.#pump(), 0);
  }

  #pump(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let one = this.#queue[0]; one !== undefined && one.at <= now; one = this.#queue[0]) {
      this.#queue.shift();
      if (one.bytes === 'end') {
        if (!this.#deaf()) this.#to.end();
        continue;
      }
      this.#queued -= one.bytes.length;
      if (!this.#deaf() && this.#to.writable) this.#to.write(one.bytes);
    }
    this.#resume();
    const next = this.#queue[0];
    if (next !== undefined && !this.#to.destroyed) this.#timer = setTimeout(() => this.#pump(), next.at - now);
  }
}
