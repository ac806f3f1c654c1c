import type { Clock } from "@perdure/replica";

interface Due {
  readonly key: string;
  readonly atMs: number;
}

/** Timers take at most 2^31 ms; this is soon enough to look again. */
const LONGEST_SLEEP_MS = 60 * 60 * 1000;

/** Which session is to be looked at when: one time for each, and one timer for all. */
export class DueQueue {
  readonly #clock: Clock;
  readonly #onDue: (keys: readonly string[]) => void;
  readonly #atMs = new Map<string, number>();
  /** A binary heap by time; entries that no longer say what `#atMs` says are skipped. */
  #heap: Due[] = [];
  #cancelTimer: (() => void) | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#atMs.size;
  }

  /** Entries in memory, with those that were replaced. */
  get heldCount(): number {
    return this.#heap.length;
  }

  /** `atMs` 0: nothing is due any more. */
  set(key: string, atMs: number): void {
    if (this.#atMs.get(key) === atMs) return;
    if (atMs === 0) {
      this.#atMs.delete(key);
      return;
    }
    this.#atMs.set(key, atMs);
    if (this.#heap.length > 2 * this.#atMs.size + 100) this.#dropReplaced();
    this.#push({ key, atMs });
    this.#schedule();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#atMs.clear();
    this.#heap = [];
  }

  #schedule(): void {
    const next = this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
    if (next >= this.#wakeMs) return;
    this.#cancelTimer?.();
    this.#wakeMs = next;
    const delayMs = Math.min(Math.max(next - this.#clock.now(), 0), LONGEST_SLEEP_MS);
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#wake());
  }

  #wake(): void {
    this.#wakeMs = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const due = this.#takeDue(this.#clock.now());
    this.#schedule();
    if (due.length > 0) this.#onDue(due);
  }

  #takeDue(nowMs: number): string[] {
    const due: string[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#pop();
      if (this.#atMs.get(first.key) !== first.atMs) continue;
      this.#atMs.delete(first.key);
      due.push(first.key);
    }
    return due;
  }

  #dropReplaced(): void {
    const held = this.#heap;
    this.#heap = [];
    for (const due of held) if (this.#atMs.get(due.key) === due.atMs) this.#push(due);
  }

  #push(due: Due): void {
    let at = this.#heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = this.#heap[parent];
      if (above === undefined || above.atMs <= due.atMs) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = due;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#smallerChild(at);
      const below = this.#heap[child];
      if (below === undefined || below.atMs >= last.atMs) break;
      this.#heap[at] = below;
      at = child;
    }
    this.#heap[at] = last;
  }

  #smallerChild(at: number): number {
    const left = 2 * at + 1;
    const right = left + 1;
    const leftMs = this.#heap[left]?.atMs ?? Number.POSITIVE_INFINITY;
    return (this.#heap[right]?.atMs ?? Number.POSITIVE_INFINITY) < leftMs ? right : left;
  }
}
