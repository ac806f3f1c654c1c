import type { Entry, Log, LogError, Tail } from "@perdure/log";
import type { Clock } from "./clock.ts";
import type { ReplicaLogger } from "./options.ts";

/** Who hears of one partition. */
export interface PartitionFollower {
  /** As TailListener.onEntries. */
  onEntries(entries: readonly Entry[], nextOffset: number, end: number): void | Promise<void>;
  /** The position is not in the log (`offset_trimmed`, `offset_future`): the partition is no longer followed. */
  onLost(error: LogError): void;
}

interface Followed {
  readonly follower: PartitionFollower;
  /** Where to go on after a failure. */
  position: number;
  cancelRetry: () => void;
}

const RETRY_MS = 250;

/** One tail of one topic for all partitions that this process follows; goes on by itself after passing failures. */
export class PartitionTail {
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #logger: ReplicaLogger;
  readonly #tail: Tail;
  readonly #followed = new Map<number, Followed>();

  constructor(log: Pick<Log, "tail">, topic: string, clock: Clock, logger: ReplicaLogger) {
    this.#topic = topic;
    this.#clock = clock;
    this.#logger = logger;
    this.#tail = log.tail(topic, {
      onEntries: (partition, entries, nextOffset, end) => this.#deliver(partition, entries, nextOffset, end),
      onPartitionError: (partition, error) => this.#failed(partition, error),
    });
  }

  /** Follows `partition` from `fromOffset`; whoever followed it before hears no more. */
  follow(partition: number, fromOffset: number, follower: PartitionFollower): void {
    this.unfollow(partition);
    this.#followed.set(partition, { follower, position: fromOffset, cancelRetry: () => undefined });
    this.#tail.add(partition, fromOffset);
  }

  unfollow(partition: number): void {
    const followed = this.#followed.get(partition);
    if (followed === undefined) return;
    followed.cancelRetry();
    this.#followed.delete(partition);
    this.#tail.remove(partition);
  }

  async close(): Promise<void> {
    for (const partition of [...this.#followed.keys()]) this.unfollow(partition);
    await this.#tail.close();
  }

  #deliver(partition: number, entries: readonly Entry[], nextOffset: number, end: number): void | Promise<void> {
    const followed = this.#followed.get(partition);
    if (followed === undefined) return undefined;
    const held = followed.follower.onEntries(entries, nextOffset, end);
    followed.position = nextOffset;
    return held;
  }

  #failed(partition: number, error: LogError): void {
    const followed = this.#followed.get(partition);
    if (followed === undefined) return;
    if (error.code === "offset_trimmed" || error.code === "offset_future") {
      this.#followed.delete(partition);
      followed.follower.onLost(error);
      return;
    }
    this.#logger.warn({ topic: this.#topic, partition, error }, "a tail failed and is tried again");
    followed.cancelRetry = this.#clock.after(error.retryAfterMs ?? RETRY_MS, () => {
      if (this.#followed.get(partition) === followed) this.#tail.add(partition, followed.position);
    });
  }
}
