import type { Clock } from "@perdure/service-kit";

/**
 * Takes newcomers at a steady rate, and tells each one above it a slot of its own in the near future (the virtual
 * scheduling form of GCRA, ITU-T I.371), so that a storm comes back spread out. A second's worth may come at once.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #maxRetryAfterMs: number;
  /** When the next newcomer would be due at the steady rate. */
  #dueMs = 0;
  #slotMs = 0;

  constructor(clock: Clock, perSecond: number, maxRetryAfterMs: number) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
    this.#maxRetryAfterMs = maxRetryAfterMs;
  }

  /** Undefined: come in. Else how long to stay away, in milliseconds. */
  ask(): number | undefined {
    const nowMs = this.#clock.now();
    this.#dueMs = Math.max(this.#dueMs, nowMs);
    if (this.#dueMs - nowMs < 1_000) {
      this.#dueMs += this.#intervalMs;
      return undefined;
    }
    this.#slotMs = Math.max(this.#slotMs, nowMs + 1_000) + this.#intervalMs;
    const waitMs = Math.ceil(this.#slotMs - nowMs);
    if (waitMs < this.#maxRetryAfterMs) return waitMs;
    this.#slotMs = nowMs;
    return this.#maxRetryAfterMs;
  }
}
