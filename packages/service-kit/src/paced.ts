import type { Clock } from "./clock.ts";

const TURN_MS = 100;

export interface Pace {
  /** Calls in a second, at most; a tenth of them in each turn. */
  readonly perSecond: number;
  /** Whether the first are called as they are added, or when a turn has come. */
  readonly begins: "at once" | "with a turn";
}

/** Does something for each of many, so many of them a turn. */
export class Paced<Whom> {
  readonly #clock: Clock;
  readonly #perTurn: number;
  /** Calls that are left to make between two turns, where none was made. */
  readonly #atOnce: number;
  readonly #waiting = new Map<Whom, () => void>();
  #left: number;
  #cancelTurn: (() => void) | undefined;

  constructor(clock: Clock, { perSecond, begins }: Pace) {
    this.#clock = clock;
    this.#perTurn = Math.ceil((perSecond * TURN_MS) / 1000);
    this.#atOnce = begins === "at once" ? this.#perTurn : 0;
    this.#left = this.#atOnce;
  }

  /** Calls once for `whom`, who keeps its place where it waits already. What has changed by then is for the call to see. */
  add(whom: Whom, call: () => void): void {
    this.#waiting.set(whom, call);
    this.#go();
  }

  close(): void {
    this.#cancelTurn?.();
    this.#waiting.clear();
  }

  #go(): void {
    for (const [whom, call] of this.#waiting) {
      if (this.#left === 0) break;
      this.#left -= 1;
      this.#waiting.delete(whom);
      call();
    }
    if (this.#waiting.size > 0 || this.#left < this.#atOnce)
      this.#cancelTurn ??= this.#clock.after(TURN_MS, () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    this.#left = this.#perTurn;
    this.#go();
    this.#left = Math.min(this.#left, this.#atOnce);
  }
}
