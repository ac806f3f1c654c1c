type Answer = () => void | Promise<void>;

/** Large answers of one connection, which go out one by one, each when little waits before it. */
export class Answers {
  readonly #isLow: () => boolean;
  readonly #waiting: Answer[] = [];
  #busy = false;
  #ended = false;

  constructor(isLow: () => boolean) {
    this.#isLow = isLow;
  }

  /** Those that wait, and the one being made. */
  get count(): number {
    return this.#waiting.length + (this.#busy ? 1 : 0);
  }

  /** Answers in its turn; not at all once the connection has ended. Rejects with what `answer` throws. */
  add(answer: Answer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(async () => {
      try {
        if (!this.#ended) await answer();
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error("an answer failed", { cause: error }));
      }
    });
    this.run();
    return promise;
  }

  /** Goes on where little waits. */
  run(): void {
    if (this.#busy || !(this.#ended || this.#isLow())) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#busy = true;
    void Promise.resolve(next()).then(() => {
      this.#busy = false;
      this.run();
    });
  }

  /** The connection is gone: nobody waits any more. */
  end(): void {
    this.#ended = true;
    this.run();
  }
}
