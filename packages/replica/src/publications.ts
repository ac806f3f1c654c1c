import type { Verdict } from "@perdure/core";
import type { Appended } from "@perdure/log";
import type { Publication } from "./api.ts";

interface Waiting {
  /** Where its record lies; undefined until the log has said so. */
  offset: number | undefined;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

interface Judged {
  readonly offset: number;
  readonly verdict: Verdict;
}

/**
 * What one session's writers of this process wait for: the verdict on the record at the offset that the log gave it.
 * The tail may pass that offset before the log's acknowledgement arrives, so verdicts are kept while one is on its way.
 * Few wait at once, and mostly the first is the one that is meant: lists, which unlike Maps leave nothing behind.
 */
export class Publications {
  readonly #waiting: Waiting[] = [];
  readonly #early: Judged[] = [];
  /** How many have no offset yet. */
  #storingCount = 0;
  readonly #onSettled: () => void;
  #failure: Error | undefined;

  /** `onSettled`: one of them, told by verdict or by refusal, waits no longer. Not called for `fail`. */
  constructor(onSettled: () => void = () => undefined) {
    this.#onSettled = onSettled;
  }

  /** How many have no verdict yet. */
  get openCount(): number {
    return this.#waiting.length;
  }

  /** `stored`: what the log answers. */
  add(stored: Promise<Appended>): Publication {
    const { promise: applied, resolve, reject } = Promise.withResolvers<Verdict>();
    // Whoever waits for one of the two must not be ended by the other.
    applied.catch(() => undefined);
    const waiting: Waiting = { offset: undefined, resolve, reject };
    this.#waiting.push(waiting);
    this.#storingCount += 1;
    stored.then(
      ({ offset }) => this.#stored(waiting, offset),
      (error: unknown) => this.#refused(waiting, error),
    );
    return { stored, applied };
  }

  /** The fold has passed `offset`. */
  judged(offset: number, verdict: Verdict): void {
    const waiting = this.#waiting.find((each) => each.offset === offset);
    if (waiting !== undefined) this.#settle(waiting, () => waiting.resolve(verdict));
    else if (this.#storingCount > 0) this.#early.push({ offset, verdict });
  }

  /** Nothing is judged here any more. */
  fail(error: Error): void {
    this.#failure = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    this.#early.length = 0;
  }

  #stored(waiting: Waiting, offset: number): void {
    if (this.#failure !== undefined) return;
    waiting.offset = offset;
    const early = this.#early.find((each) => each.offset === offset);
    this.#noteStored();
    if (early !== undefined) this.#settle(waiting, () => waiting.resolve(early.verdict));
  }

  #refused(waiting: Waiting, error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#noteStored();
    const reason = error instanceof Error ? error : new Error("the log refused the record", { cause: error });
    this.#settle(waiting, () => waiting.reject(reason));
  }

  #noteStored(): void {
    this.#storingCount -= 1;
    if (this.#storingCount === 0) this.#early.length = 0;
  }

  #settle(waiting: Waiting, tell: () => void): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    tell();
    this.#onSettled();
  }
}
