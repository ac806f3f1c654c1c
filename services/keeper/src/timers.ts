import type { Clock } from "@perdure/replica";

/** Timers that end together. */
export class Timers {
  readonly #clock: Clock;
  readonly #cancels = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(delayMs: number, call: () => void): void {
    if (this.#closed) return;
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      call();
    });
    this.#cancels.add(cancel);
  }

  /** Calls again and again, each time the delay after the last call has settled. `act` must not reject. */
  every(delayMs: number, act: () => Promise<void>): void {
    this.after(delayMs, () => void act().then(() => this.every(delayMs, act)));
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
