import type { Clock } from "../clock.ts";

/** Time that passes when a test says so. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  #set = Promise.withResolvers<void>();
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#now + delayMs, call };
    this.#timers.add(timer);
    this.#set.resolve();
    this.#set = Promise.withResolvers();
    return () => this.#timers.delete(timer);
  }

  /** Settles when somebody waits for so long. */
  async untilWait(ms: number): Promise<void> {
    while (!this.waits.includes(ms)) await this.#set.promise;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** How long each timer still has to wait, the shortest first. */
  get waits(): readonly number[] {
    return [...this.#timers].map(({ atMs }) => atMs - this.#now).toSorted((a, b) => a - b);
  }

  /** Runs what falls due on the way, in order. */
  advance(byMs: number): void {
    const until = this.#now + byMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= until).toSorted((a, b) => a.atMs - b.atMs);
      const [next] = due;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.atMs);
      next.call();
    }
    this.#now = until;
  }
}
