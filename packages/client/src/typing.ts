import type { TransientFrame } from "@perdure/protocol/frames";
import type { Clock } from "./environment.ts";
import { Timer } from "./timer.ts";

/** A participant types for so long after the last word of it, in milliseconds. */
const SHOWN_MS = 5_000;
/** One's own typing is told this often at most, in milliseconds. */
const TELL_MS = 2_000;

/** Who is typing, from events that nobody keeps. */
export class Typing {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #until = new Map<string, number>();
  readonly #timer: Timer;
  #toldMs = -Infinity;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#timer = new Timer(clock);
  }

  get participants(): readonly string[] {
    return [...this.#until.keys()];
  }

  /** Whether it is time to tell the others again. */
  due(): boolean {
    const nowMs = this.#clock.now();
    if (nowMs - this.#toldMs < TELL_MS) return false;
    this.#toldMs = nowMs;
    return true;
  }

  onTransient({ by, ev }: TransientFrame, self: string): void {
    const { participant = "" } = by;
    if (participant === self || !ev.some(({ transient }) => transient?.kind === "typing")) return;
    this.#until.set(participant, this.#clock.now() + SHOWN_MS);
    this.#expireLater();
    this.#onChange();
  }

  stop(): void {
    this.#timer.stop();
  }

  #expireLater(): void {
    const next = Math.min(...this.#until.values());
    if (this.#until.size > 0) this.#timer.start(next - this.#clock.now(), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.#clock.now();
    for (const [participant, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(participant);
    this.#expireLater();
    this.#onChange();
  }
}
