import type { Clock } from "./environment.ts";
import { Timer } from "./timer.ts";

/** How long an answer to a ping may take, in milliseconds, before the connection counts as half-open. */
const ANSWER_MS = 5_000;

/** Finds connections that are dead but not closed: after a silence it pings, and without an answer reports them. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #ping: () => void;
  readonly #onSilent: () => void;
  readonly #timer: Timer;
  #beatMs = 0;
  #heardMs = 0;
  /** Something came since the last ping. */
  #answered = true;

  constructor(clock: Clock, ping: () => void, onSilent: () => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#onSilent = onSilent;
    this.#timer = new Timer(clock);
  }

  /** Pings after `beatMs` of silence. */
  start(beatMs: number): void {
    this.#beatMs = beatMs;
    this.heard();
    this.#watch(beatMs);
  }

  stop(): void {
    this.#timer.stop();
  }

  /** Something came from the other side. Cheap: it is called for every frame. */
  heard(): void {
    this.#heardMs = this.#clock.now();
    this.#answered = true;
  }

  /** Asks now. */
  probe(): void {
    this.#answered = false;
    this.#ping();
    this.#timer.start(ANSWER_MS, () => {
      if (!this.#answered) this.#onSilent();
      else this.#watch(this.#beatMs);
    });
  }

  // A timer that fires late (a sleeping laptop, a throttled tab) asks first: the silence may be our own.
  #watch(delayMs: number): void {
    this.#timer.start(delayMs, () => {
      const silentMs = this.#clock.now() - this.#heardMs;
      if (silentMs >= this.#beatMs) this.probe();
      else this.#watch(this.#beatMs - silentMs);
    });
  }
}
