/**
 * The log port: all that perdure asks of a log. Two adapters implement it, Kafka (log-kafka) and
 * LMDB (log-embedded), and both pass the contract suite in `contract.ts`.
 *
 * Offsets, times and partitions are plain numbers: offsets stay below 2^53.
 */

/** How a topic keeps its entries: every one until trimmed, or the latest per key. */
export type Cleanup = "none" | "compact";

/** One topic as provisioning should leave it. `partitions` is fixed for life. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly cleanup: Cleanup;
}

/** Where an existing topic differs from its spec; nothing was changed there. */
export interface TopicDifference {
  readonly topic: string;
  readonly setting: string;
  readonly wanted: string;
  readonly found: string;
}

/**
 * What a writer hands in; the log keeps the arrays as they are, so they are not to be changed afterwards. A `null` value
 * on a compacted topic is a tombstone.
 */
export interface NewEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly headers?: readonly EntryHeader[];
}

export interface EntryHeader {
  readonly name: string;
  readonly value: Uint8Array;
}

/** What a reader gets. `timeMs` is the log's append time, Unix milliseconds, never the writer's stamp. */
export interface Entry extends NewEntry {
  readonly offset: number;
  readonly timeMs: number;
}

/** Where an acknowledged entry lies. */
export interface Appended {
  readonly partition: number;
  readonly offset: number;
}

/** First offset still readable, and the offset that the next entry will get. */
export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** What a tail tells its owner. Callbacks are never concurrent for one partition, nor made from within `add`. */
export interface TailListener {
  /**
   * Entries in offset order, without those a compaction removed. `nextOffset` is where the tail goes on
   * (past the batch, also where its last entries were compacted away or were control records), `end` the
   * partition's end as last seen. The first call after `add` comes at once, with no entries where there are none. A
   * returned promise holds this partition (and only it) until settled; a listener that throws or rejects loses the
   * partition and is told `unavailable`.
   */
  onEntries(partition: number, entries: readonly Entry[], nextOffset: number, end: number): void | Promise<void>;
  /** The partition cannot go on (`offset_trimmed`, `offset_future`, `no_such_topic`); it has left the tail. */
  onPartitionError(partition: number, error: LogError): void;
}

/** Follows a changing set of partitions of one topic. A partition added is read at once, never behind a long poll. */
export interface Tail {
  /** Follows `partition` from `fromOffset`; replaces an earlier position. */
  add(partition: number, fromOffset: number): void;
  /** No callback for the partition starts after this returns. */
  remove(partition: number): void;
  /** Settles when callbacks that run have ended, so it is not to be waited for within one. */
  close(): Promise<void>;
}

/** The latest value per key of one partition of a compacted topic, kept current. */
export interface LatestView {
  /** Settles when every entry that existed at open has been applied. Rejects with `no_such_topic`. */
  readonly ready: Promise<void>;
  /** The latest entry of a key; undefined where there is none or it is a tombstone. */
  get(key: Uint8Array): Entry | undefined;
  /** The latest entry of every key, without tombstones. */
  entries(): IterableIterator<Entry>;
  readonly size: number;
  close(): Promise<void>;
}

/** Ownership of one partition under one group generation: immutable, captured at assignment, replaced at each rebalance. */
export interface Ownership {
  readonly partition: number;
  readonly member: string;
  readonly generation: number;
}

export interface GroupListener {
  /**
   * The whole set now owned, with new ownership objects for kept partitions too. By then nothing that an earlier owner
   * began can become visible any more.
   */
  onAssigned(ownerships: readonly Ownership[]): void;
  /**
   * Partitions no longer owned; nothing of theirs may be checkpointed any more. Comes before the next `onAssigned`, also
   * for those that it brings back where others may have owned them meanwhile.
   */
  onRevoked(partitions: readonly number[]): void;
  /**
   * What keeps the member out of the group, or from what it was given there, until somebody changes it: in words that say
   * what to do. It is tried again all the while. Told once for each reason, and undefined when it is over.
   */
  onHindered?(reason: string | undefined): void;
}

/** Shares out the partitions of one topic among the members of a group. */
export interface Group {
  /** The member's name now; a group that has let it go gives it another when it comes back. */
  readonly member: string;
  /** Leaves, so that others take over at once. The listener hears nothing more. */
  close(): Promise<void>;
}

/** What a checkpoint may do while it is open. Nothing is visible to readers until it has committed. */
export interface CheckpointScope {
  /** Appends to the owned partition of `topic`; resolves to the offset the entry will have. One record per batch. */
  append(topic: string, entry: NewEntry): Promise<number>;
}

export interface CheckpointOptions {
  /** The offset that the group is said to have covered, for tools that show its lag; default 0. */
  readonly groupOffset?: number;
}

export interface AppendOptions {
  /** What the fairness of the queue goes by, usually the session key; default: the entry's key. */
  readonly lane?: string;
}

export interface Log {
  /** Creates missing topics; an existing one that differs is reported and left as it is. Throws `unavailable`. */
  provision(topics: readonly TopicSpec[]): Promise<readonly TopicDifference[]>;

  /**
   * Resolves once durable (Kafka: acks=all). Entries of one lane keep their order. An unknown outcome is tried again
   * before anything later of that partition, so an entry may stand in the log twice, never out of order.
   * Throws `unavailable` (queue full, or no broker; with `retryAfterMs`), `too_large`, `closed`, `no_such_topic`.
   */
  append(topic: string, partition: number, entry: NewEntry, options?: AppendOptions): Promise<Appended>;

  tail(topic: string, listener: TailListener): Tail;

  /**
   * The entries from `offset` on (compaction may make the first one later), at most `maxBytes` but at least one where
   * there is one. Empty at the end. Compacted topics are read committed; at an offset that lies in a checkpoint which
   * has been decided but has not reached this partition, the read waits for it, a second at most.
   * Throws `offset_trimmed` (with `start`), `offset_future`, `no_such_topic`, `unavailable`.
   */
  read(topic: string, partition: number, offset: number, options: ReadOptions): Promise<readonly Entry[]>;

  /** Where a partition begins and, as a reader sees it, ends. Throws `no_such_topic`, `unavailable`. */
  bounds(topic: string, partition: number): Promise<Bounds>;

  /** `onEntry` hears every entry as it is applied, tombstones too. */
  latest(topic: string, partition: number, onEntry?: (entry: Entry) => void): LatestView;

  /**
   * Joins a group; settles when it has, or `onHindered` has been told. The first `onAssigned` may come before or after
   * that. Throws `no_such_topic`.
   */
  joinGroup(group: string, topic: string, listener: GroupListener): Promise<Group>;

  /**
   * All writes of `write` become visible as a whole, or none; they are visible when this settles. Checkpoints of one
   * partition follow one another. Throws `fenced` where `ownership` is not the current one of its partition in the
   * group, also when it is lost on the way; `unavailable` where it may be made again; and whatever `write` throws.
   */
  checkpoint(
    ownership: Ownership,
    write: (scope: CheckpointScope) => Promise<void>,
    options?: CheckpointOptions,
  ): Promise<void>;

  /** Removes the entries below `beforeOffset`, or all where it is beyond the end. Throws TypeError for a compacted topic. */
  trim(topic: string, partition: number, beforeOffset: number): Promise<void>;

  /** Waits for what was handed in to be acknowledged or refused, then lets go of every connection, timer and file. */
  close(): Promise<void>;
}

export interface ReadOptions {
  readonly maxBytes: number;
}

export type LogErrorCode =
  | "unavailable"
  | "too_large"
  | "offset_trimmed"
  | "offset_future"
  | "fenced"
  | "no_such_topic"
  | "corrupt"
  | "closed";

export interface LogErrorDetails {
  readonly retryAfterMs?: number;
  /** With `offset_trimmed`: the first offset still there. */
  readonly start?: number;
  readonly cause?: unknown;
}

/** Every failure of a log; `code` says what a caller can do about it. */
export class LogError extends Error {
  readonly code: LogErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly start: number | undefined;

  constructor(code: LogErrorCode, message: string, details: LogErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = "LogError";
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.start = details.start;
  }
}
