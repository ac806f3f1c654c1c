import { createHash } from "node:crypto";
import { inTurns } from "./turns.ts";
import type { SimProcess } from "./process.ts";

/** Something that happens at a time. */
export interface Task {
  readonly atMs: number;
  readonly order: number;
  /** The process it happens in; undefined: in the world around them. */
  readonly owner: SimProcess | undefined;
  readonly call: () => void;
  /** It is due by the process's own clock: nobody sent it. */
  readonly isTimer: boolean;
  cancelled: boolean;
}

/** When a run begins. */
export const START_MS = 1_700_000_000_000;

/**
 * Simulated time. Tasks run one at a time, in order of time and then of asking; each runs to the end of all promises
 * that it settles before the next one begins, because a turn lies between the two. Nothing else
 * in the process waits for anything real, so the order is the same in every run.
 */
export class Scheduler {
  nowMs = START_MS;
  /** The process whose task runs now. */
  current: SimProcess | undefined;
  taskCount = 0;
  readonly #heap: Task[] = [];
  readonly #trace = createHash("sha256");
  /** What is to be added to the trace yet: many short texts at once take far less time. */
  #noted = "";
  #order = 0;

  /** Calls after the delay, in the process; the returned function takes it back. */
  after(delayMs: number, owner: SimProcess | undefined, call: () => void, isTimer = false): () => void {
    const task: Task = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: (this.#order += 1),
      owner,
      call,
      isTimer,
      cancelled: false,
    };
    this.#push(task);
    return () => {
      task.cancelled = true;
    };
  }

  /** What happened, as one number: the same seed gives the same. */
  traceHash(): string {
    this.#addNoted();
    return this.#trace.copy().digest("hex").slice(0, 16);
  }

  /** Adds to the trace. */
  note(text: string | Uint8Array): void {
    if (typeof text === "string") this.#noted += text;
    else {
      this.#addNoted();
      this.#trace.update(text);
    }
  }

  #addNoted(): void {
    this.#trace.update(this.#noted);
    this.#noted = "";
  }

  /** Runs what is due up to that time, and moves the time there. Stops early where `done` says so. */
  async runUntil(endMs: number, done: () => boolean = () => false): Promise<void> {
    await inTurns(() => {
      this.current = undefined;
      const next = done() ? undefined : this.#nextUntil(endMs);
      if (next !== undefined) this.#run(next);
      return next !== undefined;
    });
    if (!done()) this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Takes out what is to run next. What was taken back is passed over, and what waits for its process is left to it. */
  #nextUntil(endMs: number): Task | undefined {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const { cancelled, owner } = next;
      if (cancelled || owner?.alive === false) continue;
      if (owner?.paused !== true) return next;
      owner.hold(next);
    }
    return undefined;
  }

  #run({ owner, call }: Task): void {
    this.taskCount += 1;
    this.note(`${this.nowMs.toFixed(3)} ${owner?.name ?? ""}\n`);
    this.current = owner;
    call();
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, task)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#earlierChild(at);
      const below = heap[child];
      if (below === undefined || isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }

  #earlierChild(at: number): number {
    const left = this.#heap[2 * at + 1];
    const right = this.#heap[2 * at + 2];
    return left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

const isBefore = (one: Task, other: Task): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
