import { LogError } from "@perdure/log";
import type { Entry, LogLimits } from "@perdure/log";
import type { PartitionLog, PendingAppend, Place } from "./partition-log.ts";
import type { Store } from "./store.ts";

/** A part of a commit: writes within the transaction, and hears how it went. */
export interface CommitJob {
  write(): void;
  settle(failure: LogError | undefined): void;
}

/** The group commit: one transaction at a time; whatever arrives while one is on its way goes into the next together. */
export class Committer {
  readonly #store: Store;
  readonly #limits: LogLimits;
  readonly #clock: () => number;
  readonly #waiting = new Set<PartitionLog>();
  #jobs: CommitJob[] = [];
  #running: Promise<void> | undefined;

  constructor(store: Store, limits: LogLimits, clock: () => number) {
    this.#store = store;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** The partition's queue has something to write. */
  wake(log: PartitionLog): void {
    this.#waiting.add(log);
    this.#start();
  }

  submit(job: CommitJob): void {
    this.#jobs.push(job);
    this.#start();
  }

  /** Settles when nothing that was handed in before is still on its way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #start(): void {
    // One microtask later, so that all that one turn hands in shares the first commit.
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0 || this.#jobs.length > 0) await this.#commitNext();
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    const jobs = [...this.#takeAppends(), ...this.#jobs];
    this.#jobs = [];
    let failure: LogError | undefined;
    try {
      await this.#store.commit(() => {
        // No other commit is on its way, so readers see what stands instead.
        this.#store.removeReplaced();
        for (const job of jobs) job.write();
      });
    } catch (cause) {
      const details = { cause, retryAfterMs: this.#limits.retryAfterMs };
      failure = new LogError("unavailable", "the log could not write to its disk: look at its free space", details);
    }
    for (const job of jobs) job.settle(failure);
  }

  #takeAppends(): AppendJob[] {
    const jobs: AppendJob[] = [];
    for (const log of this.#waiting) {
      jobs.push(new AppendJob(log, log.queue.take(this.#limits.batchBytes), this.#store, this.#clock()));
      if (log.queue.waitingCount === 0) this.#waiting.delete(log);
    }
    return jobs;
  }
}

/** The appends of one partition that go into one commit. */
class AppendJob implements CommitJob {
  readonly #log: PartitionLog;
  readonly #items: readonly PendingAppend[];
  readonly #places: readonly Place[];
  readonly #store: Store;
  readonly #endBefore: number;

  constructor(log: PartitionLog, items: readonly PendingAppend[], store: Store, nowMs: number) {
    this.#log = log;
    this.#items = items;
    this.#store = store;
    this.#endBefore = log.visibleEnd;
    this.#places = items.map(() => log.allocate(nowMs));
  }

  write(): void {
    const { topic, index, record } = this.#log;
    this.#store.putRecord(topic.id, index, record);
    this.#eachPlaced(({ entry }, { offset, timeMs }) => this.#store.putEntry(topic, index, offset, timeMs, entry));
  }

  settle(failure: LogError | undefined): void {
    for (const item of this.#items) this.#log.queue.release(item);
    if (failure !== undefined) {
      for (const item of this.#items) item.reject(failure);
      return;
    }
    const entries: Entry[] = [];
    this.#eachPlaced(({ entry, resolve }, { offset, timeMs }) => {
      this.#log.committedTo(offset + 1);
      resolve({ partition: this.#log.index, offset });
      entries.push({ ...entry, offset, timeMs });
    });
    const end = (this.#places.at(-1)?.offset ?? -1) + 1;
    for (const follower of this.#log.followers) follower.offer(this.#endBefore, entries, end);
  }

  #eachPlaced(visit: (item: PendingAppend, place: Place) => void): void {
    for (const [index, item] of this.#items.entries()) {
      const place = this.#places[index];
      if (place !== undefined) visit(item, place);
    }
  }
}
