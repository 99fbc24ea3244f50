// A value that does not print. Logs, JSON, errors and the inspector show `[redacted]`; whoever wants the bytes must say so.
// Not here: protection from code in the same process, or from memory dumps. That is not JavaScript's to give.
import { bytesEqual } from './bytes.js';

const REDACTED = '[redacted]';
/** The name under which Node's `console.log` and `util.inspect` look for a replacement. A well-known symbol needs no import. */
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

/**
 * Bytes that must not leave by accident: identity keys, ephemeral keys, mask seeds.
 *
 * Discussion. A private field rather than a plain array: spreading, `JSON.stringify`, `structuredClone` and `postMessage`
 * then lose the value instead of leaking it. A test that clones a state must therefore put its secrets back by hand.
 * `wipe` overwrites this copy. It cannot reach copies that the engine, the garbage collector, noble's bigints (immutable)
 * or OpenSSL made; it shortens the time, and that is all we say of it.
 */
export class Secret {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes the array over: the caller keeps no other reference to it. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The bytes themselves, not a copy; not to be changed or kept. @throws RangeError after `wipe`: all zeros is no secret */
  exposeSecret(): Uint8Array {
    if (this.#wiped) throw new RangeError('the secret was wiped');
    return this.#bytes;
  }

  /** In time that depends on the lengths alone. A wiped secret equals nothing. */
  equals(other: Secret): boolean {
    return !this.#wiped && !other.#wiped && bytesEqual(this.#bytes, other.#bytes);
  }

  /** Overwrites the bytes; see the discussion for what that is worth. May be called again. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  toString(): string {
    return REDACTED;
  }
  toJSON(): string {
    return REDACTED;
  }
  [INSPECT](): string {
    return REDACTED;
  }
}
