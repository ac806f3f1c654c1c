import { createHash } from "node:crypto";
import type { SimProcess } from "./process.ts";

/** Something that happens at a time. */
export interface Task {
  readonly atMs: number;
  readonly order: number;
  /** The process it happens in; undefined: in the world around them. */
  readonly owner: SimProcess | undefined;
  readonly call: () => void;
  cancelled: boolean;
}

/** The real one, since a simulated process gets another. */
const nextTurn = setImmediate;
/** When a run begins. */
export const START_MS = 1_700_000_000_000;

/**
 * Simulated time. Tasks run one at a time, in order of time and then of asking; each runs to the end of all promises
 * that it settles before the next one begins, because a turn of the real event loop lies between the two. Nothing else
 * in the process waits for anything real, so the order is the same in every run.
 */
export class Scheduler {
  nowMs = START_MS;
  /** The process whose task runs now. */
  current: SimProcess | undefined;
  taskCount = 0;
  readonly #heap: Task[] = [];
  readonly #trace = createHash("sha256");
  #order = 0;

  /** Calls after the delay, in the process; the returned function takes it back. */
  after(delayMs: number, owner: SimProcess | undefined, call: () => void): () => void {
    const task: Task = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: (this.#order += 1),
      owner,
      call,
      cancelled: false,
    };
    this.#push(task);
    return () => {
      task.cancelled = true;
    };
  }

  /** What happened, as one number: the same seed gives the same. */
  traceHash(): string {
    return this.#trace.copy().digest("hex").slice(0, 16);
  }

  /** Adds to the trace. */
  note(text: string | Uint8Array): void {
    this.#trace.update(text);
  }

  /** Runs what is due up to that time, and moves the time there. Stops early where `done` says so. */
  async runUntil(endMs: number, done: () => boolean = () => false): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      if (done()) return;
      this.#pop();
      await this.#run(next);
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Runs the next task, if there is one. */
  async step(): Promise<boolean> {
    const next = this.#heap[0];
    if (next === undefined) return false;
    this.#pop();
    await this.#run(next);
    return true;
  }

  async #run(task: Task): Promise<void> {
    const { owner } = task;
    this.nowMs = Math.max(this.nowMs, task.atMs);
    if (task.cancelled || owner?.alive === false) return;
    if (owner?.paused === true) return owner.hold(task);
    this.taskCount += 1;
    this.note(`${this.nowMs.toFixed(3)} ${owner?.name ?? ""}\n`);
    this.current = owner;
    task.call();
    // Promises settle before the event loop turns.
    await new Promise<void>((resolve) => void nextTurn(resolve));
    this.current = undefined;
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
