import type { Verdict } from "@perdure/core";
import { type Appended, PassingMap } from "@perdure/log";
import type { Publication } from "./api.ts";

interface Waiting {
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

interface Judged {
  readonly offset: number;
  readonly verdict: Verdict;
}

/** Appends on their way to the log that began at about the same time, and the verdicts that came since, by offset. */
class Wave {
  storingCount = 0;
  readonly early: Judged[] = [];
}

/**
 * What one session's writers of this process wait for: the verdict on the record at the offset that the log gave it.
 * The tail may pass that offset before the log's acknowledgement arrives, so a verdict is kept as long as an append is
 * on its way that had begun before it.
 */
export class Publications {
  readonly #storing = new PassingMap<Waiting, Wave>();
  /** By offset. */
  readonly #stored = new PassingMap<number, Waiting>();
  /** Of those before the present ones; when none of them is on its way, nobody asks for what came before the present. */
  #before = new Wave();
  #present = new Wave();
  readonly #onSettled: () => void;
  #failure: Error | undefined;

  /** `onSettled`: one of them, told by verdict or by refusal, waits no longer. Not called for `fail`. */
  constructor(onSettled: () => void = () => undefined) {
    this.#onSettled = onSettled;
  }

  /** How many have no verdict yet. */
  get openCount(): number {
    return this.#storing.size + this.#stored.size;
  }

  /** Verdicts that are kept for an acknowledgement still to come. */
  get earlyCount(): number {
    return this.#before.early.length + this.#present.early.length;
  }

  /** `stored`: what the log answers. */
  add(stored: Promise<Appended>): Publication {
    const { promise: applied, resolve, reject } = Promise.withResolvers<Verdict>();
    // Whoever waits for one of the two must not be ended by the other.
    applied.catch(() => undefined);
    const waiting: Waiting = { resolve, reject };
    this.#storing.set(waiting, this.#present);
    this.#present.storingCount += 1;
    stored.then(
      ({ offset }) => this.#noteStored(waiting, offset),
      (error: unknown) => this.#refused(waiting, error),
    );
    return { stored, applied };
  }

  /** The fold has passed `offset`, which is behind every one that it passed before. */
  judged(offset: number, verdict: Verdict): void {
    const waiting = this.#stored.get(offset);
    if (waiting === undefined) {
      if (this.#storing.size > 0) this.#present.early.push({ offset, verdict });
      return;
    }
    this.#stored.delete(offset);
    waiting.resolve(verdict);
    this.#onSettled();
  }

  /** Nothing is judged here any more. */
  fail(error: Error): void {
    this.#failure = error;
    for (const waiting of [...this.#stored.values(), ...this.#storing.keys()]) waiting.reject(error);
    this.#stored.clear();
    this.#storing.clear();
    this.#before = this.#present = new Wave();
  }

  #noteStored(waiting: Waiting, offset: number): void {
    if (this.#failure !== undefined) return;
    const verdict = verdictAt(this.#present.early, offset) ?? verdictAt(this.#before.early, offset);
    this.#noteAnswered(waiting);
    if (verdict === undefined) {
      this.#stored.set(offset, waiting);
      return;
    }
    waiting.resolve(verdict);
    this.#onSettled();
  }

  #refused(waiting: Waiting, error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#noteAnswered(waiting);
    waiting.reject(error instanceof Error ? error : new Error("the log refused the record", { cause: error }));
    this.#onSettled();
  }

  #noteAnswered(waiting: Waiting): void {
    const wave = this.#storing.get(waiting);
    this.#storing.delete(waiting);
    if (wave !== undefined) wave.storingCount -= 1;
    while (this.#before.storingCount === 0 && this.earlyCount > 0) {
      this.#before = this.#present;
      this.#present = new Wave();
    }
  }
}

function verdictAt(judged: readonly Judged[], offset: number): Verdict | undefined {
  let low = 0;
  let high = judged.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((judged[middle]?.offset ?? offset) < offset) low = middle + 1;
    else high = middle;
  }
  const found = judged[low];
  return found?.offset === offset ? found.verdict : undefined;
}
