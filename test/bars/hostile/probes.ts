// Authenticated clients outside the pool that do nothing but ping, from a process that has nothing else to do: how fast a coordinator
// answers whom it knows. Not a test.

import { LightClient, type LightOptions } from '../host/light-client.js';

const BEAT_MS = 200;

export class Probes {
  readonly lost: string[] = [];
  readonly #clients: LightClient[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #beats: number[] = [];

  /** @throws Error where one does not get in */
  async add(options: LightOptions): Promise<void> {
    const came = await LightClient.connect(options);
    if (came.type !== 'in') throw new Error(`a probe did not get in: ${JSON.stringify(came)}`);
    const { client } = came;
    this.#clients.push(client);
    client.lost = (code) => this.lost.push(`a probe was cut: ${code}`);
    let sentAt: number | undefined;
    client.socket.on('pong', () => {
      if (sentAt !== undefined) this.#beats.push(performance.now() - sentAt);
      sentAt = undefined;
    });
    const beat = (): void => {
      if (sentAt !== undefined) return; // the last one is still on its way: its time says so
      sentAt = performance.now();
      client.socket.ping();
    };
    this.#timers.push(setInterval(beat, BEAT_MS));
  }

  /** Round trips since the last time, ms. */
  beats(): readonly number[] {
    const beats = this.#beats;
    this.#beats = [];
    return beats;
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const client of this.#clients) {
      client.lost = () => {};
      client.cut();
    }
  }
}
