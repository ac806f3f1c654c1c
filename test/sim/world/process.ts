import type { Clock } from "@perdure/replica";
import { type Scheduler, START_MS, type Task } from "./scheduler.ts";

/** How a process tells the time. */
export interface Timing {
  /** How far its clock is ahead of the world's at the beginning of a run, in milliseconds. */
  readonly skewMs: number;
  /** How fast it goes: 1.01 gains 10 ms in a second. */
  readonly rate: number;
}

export const RIGHT_TIME: Timing = { skewMs: 0, rate: 1 };

/**
 * One simulated process: what belongs to it stops when it is killed, and waits while it is stopped. What a killed one has
 * sent is on its way all the same.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  paused = false;
  readonly timing: Timing;
  readonly #scheduler: Scheduler;
  #held: Task[] = [];

  constructor(scheduler: Scheduler, name: string, timing: Timing = RIGHT_TIME) {
    this.#scheduler = scheduler;
    this.name = name;
    this.timing = timing;
    const { skewMs, rate } = timing;
    this.clock = {
      now: () => Math.floor(START_MS + (scheduler.nowMs - START_MS) * rate + skewMs),
      after: (delayMs, call) => scheduler.after(delayMs / rate, this, call, true),
    };
  }

  /** Calls in this process after so much of the world's time, unless it is killed before. */
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

  /**
   * Goes on: all that fell due meanwhile happens now, in its order. `timersFirst`: as an event loop has it that looks at
   * its clock before it looks at its sockets.
   */
  resume(timersFirst: boolean): void {
    this.paused = false;
    const held = this.#held;
    this.#held = [];
    const order = timersFirst ? [...held.filter(isTimer), ...held.filter((task) => !isTimer(task))] : held;
    for (const task of order) {
      this.after(0, () => {
        if (!task.cancelled) task.call();
      });
    }
  }
}

const isTimer = (task: Task): boolean => task.isTimer;
