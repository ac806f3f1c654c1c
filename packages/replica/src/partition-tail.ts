import { type Entry, type Log, LogError, type Tail } from "@perdure/log";
import type { Clock } from "./clock.ts";
import { inTime } from "./in-time.ts";
import type { ReplicaLogger } from "./options.ts";
import { TOPICS } from "./topics.ts";

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
/** What has not come by then is left to the tail: it may never come. Half of what an attach may take. */
const READ_MS = 5_000;
/** No less than a batch holds: of one that is larger the rest is read, and unpacked, again. */
const READ_BYTES = 1024 * 1024;
/** Index entries are packed and dropped. So few at once die young, and what they came in is used again; batches are small. */
const INDEX_READ_BYTES = 64 * 1024;

/**
 * One tail of one topic for all partitions that this process follows; goes on by itself after passing failures. What a
 * partition holds already is read, which is an answer of the broker each; a tail that is told of one more partition may
 * first have to give up a poll that others wait in.
 */
export class PartitionTail {
  readonly #log: Pick<Log, "tail" | "read" | "bounds">;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #logger: ReplicaLogger;
  readonly #tail: Tail;
  readonly #followed = new Map<number, Followed>();

  constructor(log: Pick<Log, "tail" | "read" | "bounds">, topic: string, clock: Clock, logger: ReplicaLogger) {
    this.#log = log;
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
    const followed = { follower, position: fromOffset, cancelRetry: () => undefined };
    this.#followed.set(partition, followed);
    void this.#begin(partition, followed);
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

  async #begin(partition: number, followed: Followed): Promise<void> {
    try {
      await this.#readWhatIsThere(partition, followed);
    } catch {
      // The tail, which begins where this came to an end, meets the same and says so.
    }
    if (this.#followed.get(partition) === followed) this.#tail.add(partition, followed.position);
  }

  async #readWhatIsThere(partition: number, followed: Followed): Promise<void> {
    const maxBytes = this.#topic === TOPICS.index ? INDEX_READ_BYTES : READ_BYTES;
    const { end } = await this.#inTime(this.#log.bounds(this.#topic, partition));
    while (followed.position < end && this.#followed.get(partition) === followed) {
      const entries = await this.#inTime(this.#log.read(this.#topic, partition, followed.position, { maxBytes }));
      const last = entries.at(-1);
      // Whether nothing is there, or nothing yet at a new leader, is the tail's to find out.
      if (last === undefined || this.#followed.get(partition) !== followed) return;
      await this.#deliver(partition, entries, last.offset + 1, Math.max(end, last.offset + 1));
    }
  }

  #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const onLate = (): LogError => new LogError("unavailable", `no answer came within ${READ_MS} ms`);
    return inTime(answer, { clock: this.#clock, waitMs: READ_MS, onLate });
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
