import type { Clock } from "./clock.ts";

/** What can be idle and then be let go. */
export interface Idler {
  readonly idle: boolean;
}

/** Who is idle, longest first; lets go of them after a time, or sooner when room is needed. */
export class IdleSet<Item extends Idler> {
  readonly #clock: Clock;
  readonly #keptMs: number;
  readonly #letGo: (item: Item) => void;
  readonly #since = new Map<Item, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, keptMs: number, letGo: (item: Item) => void) {
    this.#clock = clock;
    this.#keptMs = keptMs;
    this.#letGo = letGo;
  }

  add(item: Item): void {
    this.#since.delete(item);
    this.#since.set(item, this.#clock.now());
    this.#schedule();
  }

  remove(item: Item): void {
    this.#since.delete(item);
  }

  /** Lets go of the one that has been idle longest; false where nobody is idle. */
  evictOne(): boolean {
    for (const item of this.#since.keys()) {
      this.#since.delete(item);
      if (!item.idle) continue;
      this.#letGo(item);
      return true;
    }
    return false;
  }

  close(): void {
    this.#cancelTimer?.();
    this.#since.clear();
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined || this.#since.size === 0) return;
    this.#cancelTimer = this.#clock.after(this.#keptMs / 2, () => {
      this.#cancelTimer = undefined;
      this.#sweep();
      this.#schedule();
    });
  }

  #sweep(): void {
    const before = this.#clock.now() - this.#keptMs;
    for (const [item, sinceMs] of [...this.#since]) {
      if (sinceMs > before) return;
      this.#since.delete(item);
      if (item.idle) this.#letGo(item);
    }
  }
}
