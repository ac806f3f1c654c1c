import type { Verdict } from "@perdure/core";
import type { Appended } from "@perdure/log";
import type { Publication } from "./api.ts";

interface Waiting {
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

/**
 * What one session's writers of this process wait for: the verdict on the record at the offset that the log gave it.
 * The tail may pass that offset before the log's acknowledgement arrives, so verdicts are kept while one is on its way.
 */
export class Publications {
  readonly #waiting = new Map<number, Waiting>();
  readonly #early = new Map<number, Verdict>();
  /** Those whose offset is not known yet. */
  readonly #storing = new Set<Waiting>();
  readonly #onSettled: () => void;
  #failure: Error | undefined;

  /** `onSettled`: one of them, told by verdict or by refusal, waits no longer. Not called for `fail`. */
  constructor(onSettled: () => void = () => undefined) {
    this.#onSettled = onSettled;
  }

  /** How many have no verdict yet. */
  get openCount(): number {
    return this.#waiting.size + this.#storing.size;
  }

  /** `stored`: what the log answers. */
  add(stored: Promise<Appended>): Publication {
    const { promise: applied, resolve, reject } = Promise.withResolvers<Verdict>();
    // Whoever waits for one of the two must not be ended by the other.
    applied.catch(() => undefined);
    const waiting: Waiting = { resolve, reject };
    this.#storing.add(waiting);
    stored.then(
      ({ offset }) => this.#stored(waiting, offset),
      (error: unknown) => this.#refused(waiting, error),
    );
    return { stored, applied };
  }

  /** The fold has passed `offset`. */
  judged(offset: number, verdict: Verdict): void {
    const waiting = this.#waiting.get(offset);
    if (waiting === undefined) {
      if (this.#storing.size > 0) this.#early.set(offset, verdict);
      return;
    }
    this.#waiting.delete(offset);
    waiting.resolve(verdict);
    this.#onSettled();
  }

  /** Nothing is judged here any more. */
  fail(error: Error): void {
    this.#failure = error;
    for (const waiting of [...this.#waiting.values(), ...this.#storing]) waiting.reject(error);
    this.#waiting.clear();
    this.#storing.clear();
    this.#early.clear();
  }

  #stored(waiting: Waiting, offset: number): void {
    if (this.#failure !== undefined) return;
    this.#storing.delete(waiting);
    const verdict = this.#early.get(offset);
    if (this.#storing.size === 0) this.#early.clear();
    if (verdict === undefined) {
      this.#waiting.set(offset, waiting);
      return;
    }
    waiting.resolve(verdict);
    this.#onSettled();
  }

  #refused(waiting: Waiting, error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#storing.delete(waiting);
    if (this.#storing.size === 0) this.#early.clear();
    waiting.reject(error instanceof Error ? error : new Error("the log refused the record", { cause: error }));
    this.#onSettled();
  }
}
