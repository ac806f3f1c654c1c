import type { Chunk } from "./chunks.ts";
import type { RunScope } from "./scope.ts";

/**
 * The chunks of an iterable, one at a time, until the run has to stop. Written out and no generator, of which each of an
 * agent's many streams would hold one while it waits.
 */
export class ChunkReader {
  readonly #iterator: AsyncIterator<Chunk> | Iterator<Chunk>;
  readonly #scope: RunScope;
  #giveUp: ((reason: unknown) => void) | undefined;
  readonly #onStop = (): void => this.#giveUp?.(this.#scope.signal.reason);

  constructor(source: AsyncIterable<Chunk> | Iterable<Chunk>, scope: RunScope) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#scope = scope;
    scope.signal.addEventListener("abort", this.#onStop, { once: true });
  }

  /**
   * The next chunk. Throws what the iterable throws, and the reason when the run has to stop, even in a wait for a chunk.
   * A promise of its own for each: a race with one that outlives all of them would keep every chunk until the end.
   */
  next(): Promise<IteratorResult<Chunk, unknown>> {
    return new Promise((resolve, reject) => {
      this.#scope.signal.throwIfAborted();
      this.#giveUp = reject;
      Promise.resolve(this.#iterator.next()).then(resolve, reject);
    });
  }

  /** The iterable is not read to its end. Not waited for: a generator that hangs in its own await would never let go. */
  letGo(): void {
    void this.#return().catch(() => undefined);
  }

  close(): void {
    this.#scope.signal.removeEventListener("abort", this.#onStop);
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }
}
