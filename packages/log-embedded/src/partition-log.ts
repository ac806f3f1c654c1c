import { LaneQueue } from "@perdure/log";
import type { Appended, LogError, LogLimits, NewEntry, QueuedItem } from "@perdure/log";
import type { Follower } from "./follower.ts";
import type { PartitionRecord, StoredTopic } from "./store.ts";

/** One entry on its way to the disk, and who waits for it. */
export interface PendingAppend extends QueuedItem {
  readonly entry: NewEntry;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: LogError) => void;
}

/** The place of an entry in its partition. */
export interface Place {
  readonly offset: number;
  readonly timeMs: number;
}

/**
 * What a process knows of one partition beside its bytes on disk. Offsets are given out when an entry goes to the disk
 * or an open checkpoint asks for one; one that comes to nothing leaves a gap, as in Kafka.
 */
export class PartitionLog {
  readonly topic: StoredTopic;
  readonly index: number;
  readonly queue: LaneQueue<PendingAppend>;
  readonly followers = new Set<Follower>();
  readonly #openReservations = new Set<number>();
  #start: number;
  #end: number;
  #next: number;
  #lastTimeMs: number;

  constructor(topic: StoredTopic, index: number, record: PartitionRecord, limits: LogLimits) {
    this.topic = topic;
    this.index = index;
    this.queue = new LaneQueue(limits);
    this.#start = record.start;
    this.#end = record.end;
    this.#next = record.end;
    this.#lastTimeMs = record.lastTimeMs;
  }

  get start(): number {
    return this.#start;
  }

  /** Where readers stop: before anything that an open checkpoint may still make visible. */
  get visibleEnd(): number {
    let end = this.#end;
    for (const reserved of this.#openReservations) end = Math.min(end, reserved);
    return end;
  }

  /** Past every offset that was ever given out, also those of open checkpoints. */
  get nextOffset(): number {
    return this.#next;
  }

  /** What is to be on disk with the entries that have a place by now. */
  get record(): PartitionRecord {
    return { start: this.#start, end: this.#next, lastTimeMs: this.#lastTimeMs };
  }

  /** The next offset, and the clock's time, which never runs backwards within a partition. */
  allocate(nowMs: number): Place {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, nowMs);
    const offset = this.#next;
    this.#next += 1;
    return { offset, timeMs: this.#lastTimeMs };
  }

  /** As `allocate`, and readers wait at that offset until `settleReservation`. */
  reserve(nowMs: number): Place {
    const place = this.allocate(nowMs);
    this.#openReservations.add(place.offset);
    return place;
  }

  settleReservation(offset: number): void {
    this.#openReservations.delete(offset);
  }

  /** Entries up to and without `end` are on disk. */
  committedTo(end: number): void {
    this.#end = Math.max(this.#end, end);
  }

  trimmedTo(start: number): void {
    this.#start = Math.max(this.#start, start);
  }

  wakeFollowers(): void {
    for (const follower of this.followers) follower.wake();
  }
}
