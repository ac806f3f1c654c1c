import { setTimeout as sleep } from "node:timers/promises";
import { tokenLength } from "../latency/series.ts";

/** How much went through while so many tokens were always on their way. */
export interface Flow {
  readonly tokensPerSecond: number;
  /** Tokens to a frame or record: writers may put several into one when they have to wait. */
  readonly tokensEach: number;
}

/** Keeps so many tokens of each session on their way: one is sent for each that has arrived. */
export class Window {
  readonly #send: (session: number, token: string) => void;
  readonly #sessionCount: number;
  readonly #outstanding: number;
  #tokens = 0;
  #arrivals = 0;
  #onTheWay = 0;
  #flows = false;
  #onEmpty: () => void = () => undefined;

  constructor(sessionCount: number, outstanding: number, send: (session: number, token: string) => void) {
    this.#sessionCount = sessionCount;
    this.#outstanding = outstanding;
    this.#send = send;
  }

  /** Lets it flow for a while; resolves when the last token has arrived. */
  async run(durationMs: number): Promise<Flow> {
    this.#tokens = 0;
    this.#arrivals = 0;
    this.#flows = true;
    const startMs = performance.now();
    for (let round = 0; round < this.#outstanding; round += 1) {
      for (let session = 0; session < this.#sessionCount; session += 1) this.#next(session);
    }
    await sleep(durationMs);
    const tookS = (performance.now() - startMs) / 1_000;
    const flow = { tokensPerSecond: this.#tokens / tookS, tokensEach: this.#tokens / this.#arrivals };
    await this.#empty();
    return flow;
  }

  /** A record or frame with one or more tokens has arrived. */
  arrived(session: number, text: string): void {
    const count = text.length / tokenLength;
    this.#arrivals += 1;
    this.#tokens += count;
    this.#onTheWay -= count;
    if (this.#flows) for (let index = 0; index < count; index += 1) this.#next(session);
    else if (this.#onTheWay === 0) this.#onEmpty();
  }

  #next(session: number): void {
    this.#onTheWay += 1;
    this.#send(session, "a token   ".slice(0, tokenLength));
  }

  async #empty(): Promise<void> {
    this.#flows = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    if (this.#onTheWay > 0) await promise;
  }
}
