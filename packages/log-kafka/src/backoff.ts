import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 20;
const LAST_MS = 1_000;

/** Waits that double up to a second, each shortened by up to a half at random, so that clients do not return in step. */
export class Backoff {
  readonly #signal: AbortSignal;
  #nextMs = FIRST_MS;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  reset(): void {
    this.#nextMs = FIRST_MS;
  }

  /** The next wait, in milliseconds. */
  takeMs(): number {
    const waitMs = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, LAST_MS);
    return waitMs;
  }

  /** Waits; false when the log was closed meanwhile. */
  async wait(): Promise<boolean> {
    return waited(this.takeMs(), this.#signal);
  }
}

/** Waits; false when `signal` ended it. */
export async function waited(forMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(forMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
