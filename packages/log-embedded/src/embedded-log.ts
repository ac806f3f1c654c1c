import { checkedSizeBytes, LogError, openLatest } from "@perdure/log";
import type {
  Appended,
  AppendOptions,
  Bounds,
  CheckpointScope,
  Entry,
  Group,
  GroupListener,
  LatestView,
  Log,
  LogLimits,
  NewEntry,
  Ownership,
  ReadOptions,
  Tail,
  TailListener,
  TopicDifference,
  TopicSpec,
} from "@perdure/log";
import { Checkpoint, fencedError } from "./checkpoint.ts";
import { Committer } from "./committer.ts";
import { offsetFailure } from "./follower.ts";
import { Groups } from "./groups.ts";
import type { PartitionLog, PendingAppend } from "./partition-log.ts";
import type { Store } from "./store.ts";
import { EmbeddedTail } from "./tail.ts";
import { Topics } from "./topics.ts";
import { TrimJob } from "./trim.ts";

export interface EmbeddedLogParts {
  readonly store: Store;
  readonly limits: LogLimits;
  readonly clock: () => number;
  readonly onClosed: () => Promise<void>;
}

/** The log on one LMDB environment, for one process. */
export class EmbeddedLog implements Log {
  readonly #parts: EmbeddedLogParts;
  readonly #topics: Topics;
  readonly #committer: Committer;
  readonly #groups: Groups;
  readonly #tails = new Set<EmbeddedTail>();
  #closed: Promise<void> | undefined;

  constructor(parts: EmbeddedLogParts) {
    this.#parts = parts;
    this.#topics = new Topics(parts.store, parts.limits);
    this.#committer = new Committer(parts.store, parts.limits, parts.clock);
    this.#groups = new Groups(() => this.#committer.idle());
  }

  async provision(topics: readonly TopicSpec[]): Promise<readonly TopicDifference[]> {
    this.#checkOpen();
    return this.#topics.provision(topics);
  }

  async append(topic: string, partition: number, entry: NewEntry, options: AppendOptions = {}): Promise<Appended> {
    this.#checkOpen();
    const log = this.#topics.partition(topic, partition);
    const sizeBytes = checkedSizeBytes(entry, this.#parts.limits);
    const lane = options.lane ?? Buffer.from(entry.key).toString("latin1");
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    const item: PendingAppend = { entry, lane, sizeBytes, resolve, reject };
    if (!log.queue.offer(item)) throw this.#queueFull(topic, partition);
    this.#committer.wake(log);
    return promise;
  }

  tail(topic: string, listener: TailListener): Tail {
    this.#checkOpen();
    const partitionOf = (partition: number): PartitionLog => this.#topics.partition(topic, partition);
    const tail = new EmbeddedTail(this.#parts.store, partitionOf, listener, () => this.#tails.delete(tail));
    this.#tails.add(tail);
    return tail;
  }

  async read(topic: string, partition: number, offset: number, options: ReadOptions): Promise<readonly Entry[]> {
    this.#checkOpen();
    const log = this.#topics.partition(topic, partition);
    const failure = offsetFailure(log, offset);
    if (failure !== undefined) throw failure;
    return this.#parts.store.read(log.topic.id, partition, offset, log.visibleEnd, options.maxBytes).entries;
  }

  async bounds(topic: string, partition: number): Promise<Bounds> {
    this.#checkOpen();
    const log = this.#topics.partition(topic, partition);
    return { start: log.start, end: log.visibleEnd };
  }

  latest(topic: string, partition: number, onEntry?: (entry: Entry) => void): LatestView {
    return openLatest(this, topic, partition, onEntry);
  }

  async joinGroup(group: string, topic: string, listener: GroupListener): Promise<Group> {
    this.#checkOpen();
    const { partitions } = this.#topics.topic(topic);
    const { member, leave } = await this.#groups.join(`${topic} ${group}`, partitions, listener);
    return { member, close: leave };
  }

  async checkpoint(ownership: Ownership, write: (scope: CheckpointScope) => Promise<void>): Promise<void> {
    this.#checkOpen();
    if (!this.#groups.isCurrent(ownership)) throw fencedError(ownership);
    await this.#groups.turns(ownership).take(() => this.#checkpoint(ownership, write));
  }

  async #checkpoint(ownership: Ownership, write: (scope: CheckpointScope) => Promise<void>): Promise<void> {
    const checkpoint = this.#newCheckpoint(ownership);
    try {
      await write(checkpoint);
      this.#checkOpen();
    } catch (error) {
      checkpoint.abandon();
      throw error;
    }
    checkpoint.seal();
    this.#committer.submit(checkpoint);
    await checkpoint.settled;
  }

  async trim(topic: string, partition: number, beforeOffset: number): Promise<void> {
    this.#checkOpen();
    const log = this.#topics.partition(topic, partition);
    if (log.topic.cleanup !== "none")
      throw new TypeError(`${topic} is compacted: only topics that keep all are trimmed`);
    const before = Math.min(beforeOffset, log.visibleEnd);
    for (let more = before > 0; more;) {
      const job = new TrimJob(log, this.#parts.store, before);
      this.#committer.submit(job);
      more = await job.settled;
    }
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#committer.idle();
    await Promise.all([...this.#tails].map((tail) => tail.close()));
    await this.#parts.onClosed();
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new LogError("closed", "the log is closed: open it again");
  }

  #newCheckpoint(ownership: Ownership): Checkpoint {
    return new Checkpoint({
      ownership,
      store: this.#parts.store,
      clock: this.#parts.clock,
      partitionOf: (topic) => this.#topics.partition(topic, ownership.partition),
      checkSize: (entry) => checkedSizeBytes(entry, this.#parts.limits),
      isCurrent: (current) => this.#groups.isCurrent(current),
    });
  }

  #queueFull(topic: string, partition: number): LogError {
    const { retryAfterMs } = this.#parts.limits;
    const message = `${topic}[${partition}] has as many bytes waiting as it may: send again in ${retryAfterMs} ms`;
    return new LogError("unavailable", message, { retryAfterMs });
  }
}
