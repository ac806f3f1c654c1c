import { LogError } from "@perdure/log";
import type { Tail, TailListener } from "@perdure/log";
import { Follower } from "./follower.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Store } from "./store.ts";

/** A tail: one follower per partition that it follows. */
export class EmbeddedTail implements Tail {
  readonly #store: Store;
  readonly #partitionOf: (index: number) => PartitionLog;
  readonly #listener: TailListener;
  readonly #onClosed: () => void;
  readonly #followers = new Map<number, Follower>();
  /** Followers that were replaced or removed while a callback of theirs still ran. */
  readonly #leaving = new Map<number, Promise<void>>();
  #closed = false;

  constructor(
    store: Store,
    partitionOf: (index: number) => PartitionLog,
    listener: TailListener,
    onClosed: () => void,
  ) {
    this.#store = store;
    this.#partitionOf = partitionOf;
    this.#listener = listener;
    this.#onClosed = onClosed;
  }

  add(partition: number, fromOffset: number): void {
    if (this.#closed) return;
    this.remove(partition);
    const log = this.#find(partition);
    if (log === undefined) return;
    const after = this.#leaving.get(partition) ?? Promise.resolve();
    const onFailed = (): void => {
      if (this.#followers.get(partition) === follower) this.#followers.delete(partition);
    };
    const start = { offset: fromOffset, after, onFailed };
    const follower = new Follower(log, this.#store, this.#listener, start);
    this.#followers.set(partition, follower);
  }

  remove(partition: number): void {
    const follower = this.#followers.get(partition);
    if (follower === undefined) return;
    follower.stop();
    this.#followers.delete(partition);
    const left = follower.idle.then(() => {
      if (this.#leaving.get(partition) === left) this.#leaving.delete(partition);
    });
    this.#leaving.set(partition, left);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const partition of [...this.#followers.keys()]) this.remove(partition);
    await Promise.all(this.#leaving.values());
    this.#onClosed();
  }

  /** An unknown partition is told like every other failure: by the listener, and not from within `add`. */
  #find(partition: number): PartitionLog | undefined {
    try {
      return this.#partitionOf(partition);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      queueMicrotask(() => this.#listener.onPartitionError(partition, error));
      return undefined;
    }
  }
}
