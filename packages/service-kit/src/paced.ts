import type { Clock } from "./clock.ts";

const TURN_MS = 100;

/** Does something for each of many, so many of them a turn: the first at once, the others as their turns come. */
export class Paced {
  readonly #clock: Clock;
  readonly #perTurn: number;
  readonly #waiting = new Map<object, () => void>();
  #left: number;
  #cancelTurn: (() => void) | undefined;

  /** `perSecond`: calls in a second, at most; a tenth of them at once. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perTurn = Math.ceil((perSecond * TURN_MS) / 1000);
    this.#left = this.#perTurn;
  }

  /** Calls once for `whom`, who keeps its place where it waits already. What has changed by then is for the call to see. */
  add(whom: object, call: () => void): void {
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
    if (this.#left < this.#perTurn) this.#cancelTurn ??= this.#clock.after(TURN_MS, () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    this.#left = this.#perTurn;
    this.#go();
  }
}
