import type { LogError } from "@perdure/log";
import type { CommitJob } from "./committer.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Store } from "./store.ts";

/** Entries that one commit removes, so that a long trim holds up appends only a little at a time. */
const REMOVED_PER_COMMIT = 2_000;

/** One step of a trim: moves the start of the partition, and removes some of what lies before it. */
export class TrimJob implements CommitJob {
  readonly #log: PartitionLog;
  readonly #store: Store;
  readonly #before: number;
  readonly #settled = Promise.withResolvers<boolean>();
  #removed = 0;

  constructor(log: PartitionLog, store: Store, before: number) {
    this.#log = log;
    this.#store = store;
    this.#before = before;
  }

  /** Whether there is more to remove. */
  get settled(): Promise<boolean> {
    return this.#settled.promise;
  }

  write(): void {
    const { topic, index, record } = this.#log;
    this.#store.putRecord(topic.id, index, { ...record, start: Math.max(record.start, this.#before) });
    this.#removed = this.#store.removeBelow(topic.id, index, this.#before, REMOVED_PER_COMMIT);
  }

  settle(failure: LogError | undefined): void {
    if (failure !== undefined) {
      this.#settled.reject(failure);
      return;
    }
    this.#log.trimmedTo(this.#before);
    this.#settled.resolve(this.#removed === REMOVED_PER_COMMIT);
  }
}
