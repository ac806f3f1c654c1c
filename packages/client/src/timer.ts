import type { Clock } from "./environment.ts";

/** A timer of which at most one runs: starting it again replaces it. */
export class Timer {
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(delayMs: number, call: () => void): void {
    this.stop();
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#cancel = undefined;
      call();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get running(): boolean {
    return this.#cancel !== undefined;
  }
}
