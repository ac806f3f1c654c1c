import type { Log } from "@perdure/log";
import { TOPICS } from "./topics.ts";

/** The end of one partition of `events`, asked once for all who want it at the same time. */
export class LatestEnd {
  readonly #ask: () => Promise<number>;
  #running: Promise<number> | undefined;
  #queued: Promise<number> | undefined;

  constructor(log: Pick<Log, "bounds">, partition: number) {
    this.#ask = async () => (await log.bounds(TOPICS.events, partition)).end;
  }

  /** The end as it was at this call or later: an answer that was already on its way does not count. */
  read(): Promise<number> {
    if (this.#running === undefined) return this.#start();
    this.#queued ??= this.#running.then(
      () => this.#startQueued(),
      () => this.#startQueued(),
    );
    return this.#queued;
  }

  #startQueued(): Promise<number> {
    this.#queued = undefined;
    return this.#start();
  }

  #start(): Promise<number> {
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
