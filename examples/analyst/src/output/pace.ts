/** The pace at which an answer that exists at once is written out, so that people can read along. */

/** Time as this package asks for it, so that a test can own it. */
export interface Clock {
  nowMs(): number;
  /** Resolves after the delay, or as soon as the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  sleep(delayMs, signal) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  },
};

/** A text in the pieces it is written in: words with the white space after them. */
export const tokensOf = (text: string): string[] => text.match(/\s+|\S+\s*/g) ?? [];

/** Hands out turns at an even rate: turns missed while nobody asked are not made up for. */
export class Pace {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextMs = 0;

  constructor(tokensPerSecond: number, clock: Clock) {
    this.#intervalMs = 1_000 / tokensPerSecond;
    this.#clock = clock;
  }

  /** How long so many tokens take, in milliseconds. */
  durationMs(tokenCount: number): number {
    return Math.round(tokenCount * this.#intervalMs);
  }

  /** Resolves when the next token is due, or when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const waitMs = this.#nextMs - nowMs;
    this.#nextMs = Math.max(this.#nextMs, nowMs) + this.#intervalMs;
    if (waitMs > 0 && !signal.aborted) await this.#clock.sleep(waitMs, signal);
  }
}
