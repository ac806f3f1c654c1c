import type { Clock } from "@perdure/replica";
import type { Scheduler, Task } from "./scheduler.ts";

/**
 * One simulated process: what belongs to it stops when it is killed, and waits while it is stopped. What a killed one has
 * sent is on its way all the same.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  paused = false;
  /** How far its clock is ahead of the world's, in milliseconds. */
  skewMs: number;
  readonly #scheduler: Scheduler;
  #held: Task[] = [];

  constructor(scheduler: Scheduler, name: string, skewMs = 0) {
    this.#scheduler = scheduler;
    this.name = name;
    this.skewMs = skewMs;
    this.clock = {
      now: () => Math.floor(scheduler.nowMs + this.skewMs),
      after: (delayMs, call) => this.after(delayMs, call),
    };
  }

  /** Calls in this process after the delay, unless it is killed before. */
  after(delayMs: number, call: () => void): () => void {
    return this.#scheduler.after(delayMs, this, call);
  }

  /** Keeps what falls due while the process is stopped. */
  hold(task: Task): void {
    this.#held.push(task);
  }

  kill(): void {
    this.alive = false;
    this.#held = [];
  }

  pause(): void {
    this.paused = true;
  }

  /** Goes on: all that fell due meanwhile happens now, in its order. */
  resume(): void {
    this.paused = false;
    const held = this.#held;
    this.#held = [];
    for (const task of held) {
      this.after(0, () => {
        if (!task.cancelled) task.call();
      });
    }
  }
}
