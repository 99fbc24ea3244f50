// What of broken rules goes into the audit log: each kind once for a client and round, at once; repetitions, whatever those did who
// have not proven who they are, and messages that came too late or to the wrong run, which break none, as counts when the round is over.
// A flood must not fill the disk. Pure.
// Not here: what follows from an offence (clients.ts, campaign/).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_OFFENCES_NAMED } from '../../protocol/limits.js';
import type { Fact } from '../audit/events.js';

export class Offences {
  /** By client and code: how often since it was written down. */
  readonly #named = new Map<string, { readonly client: ClientId; readonly code: ErrorCode; again: number }>();
  /** By code, of strangers and of those beyond MAX_OFFENCES_NAMED. */
  readonly #others = new Map<ErrorCode, number>();
  /** By code. */
  readonly #strays = new Map<ErrorCode, number>();

  /** @returns what to write down now */
  note(client: ClientId | undefined, code: ErrorCode, text: string, round: number): readonly Fact[] {
    if (client === undefined) return this.#count(code);
    const name = `${client} ${code}`;
    const before = this.#named.get(name);
    if (before !== undefined) {
      before.again++;
      return [];
    }
    if (this.#named.size >= MAX_OFFENCES_NAMED) return this.#count(code);
    this.#named.set(name, { client, code, again: 0 });
    return [{ type: 'client-offended', body: { client, code, text, round, count: 1 } }];
  }

  /** A message crossed on its way: nobody is named for that. */
  stray(code: ErrorCode): void {
    this.#strays.set(code, (this.#strays.get(code) ?? 0) + 1);
  }

  #count(code: ErrorCode): readonly Fact[] {
    this.#others.set(code, (this.#others.get(code) ?? 0) + 1);
    return [];
  }

  /** The round is over: what was only counted. */
  flush(round: number): readonly Fact[] {
    const again = [...this.#named.values()]
      .filter((one) => one.again > 0)
      .map(
        ({ client, code, again: count }): Fact => ({
          type: 'client-offended',
          body: { client, code, text: 'again', round, count },
        }),
      );
    const others = [...this.#others].map(([code, count]): Fact => ({ type: 'auth-failed', body: { code, count } }));
    const strays = [...this.#strays].map(
      ([code, count]): Fact => ({ type: 'messages-refused', body: { code, round, count } }),
    );
    this.#named.clear();
    this.#others.clear();
    this.#strays.clear();
    return [...again, ...others, ...strays];
  }
}
