import type { Clock } from "@perdure/replica";

/** How long one waits for the one before it. A partition that its brokers do not take holds nobody up for longer. */
const PATIENCE_MS = 2_000;

/**
 * The checkpoints of a process, one after another. Partitions that went on at the same time are due at the same time, and
 * a dozen transactions at once would keep brokers busy that people's streams go through.
 */
export class CheckpointTurns {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `step` settles with, once its turn has come. */
  async take<Result>(step: () => Promise<Result>): Promise<Result> {
    const before = this.#last;
    const over = Promise.withResolvers<void>();
    this.#last = over.promise;
    const patience = Promise.withResolvers<void>();
    const cancel = this.#clock.after(PATIENCE_MS, patience.resolve);
    await Promise.race([before, patience.promise]);
    cancel();
    try {
      return await step();
    } finally {
      over.resolve();
    }
  }
}
