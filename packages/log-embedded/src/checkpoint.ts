import { LogError } from "@perdure/log";
import type { CheckpointScope, NewEntry, Ownership } from "@perdure/log";
import type { CommitJob } from "./committer.ts";
import type { PartitionLog, Place } from "./partition-log.ts";
import type { Store } from "./store.ts";

interface Written {
  readonly log: PartitionLog;
  readonly place: Place;
  readonly entry: NewEntry;
}

export interface CheckpointContext {
  readonly ownership: Ownership;
  readonly store: Store;
  readonly clock: () => number;
  /** The owned partition of a topic; throws `no_such_topic`. */
  readonly partitionOf: (topic: string) => PartitionLog;
  /** Throws `too_large`. */
  readonly checkSize: (entry: NewEntry) => void;
  readonly isCurrent: (ownership: Ownership) => boolean;
}

/** A checkpoint while it is open: its entries have their offsets, and readers wait in front of them until it ends. */
export class Checkpoint implements CheckpointScope, CommitJob {
  readonly #context: CheckpointContext;
  readonly #written: Written[] = [];
  readonly #settled = Promise.withResolvers<void>();
  #open = true;
  #fenced = false;

  constructor(context: CheckpointContext) {
    this.#context = context;
  }

  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  async append(topic: string, entry: NewEntry): Promise<number> {
    if (!this.#open) throw new LogError("closed", "this checkpoint has ended: append within its write function");
    this.#context.checkSize(entry);
    const log = this.#context.partitionOf(topic);
    const place = log.reserve(this.#context.clock());
    this.#written.push({ log, place, entry });
    return place.offset;
  }

  /** No append is taken any more. */
  seal(): void {
    this.#open = false;
  }

  abandon(): void {
    this.seal();
    this.#release();
  }

  /** Within the commit: all of it, or nothing where the partition has gone to another generation. */
  write(): void {
    this.#fenced = !this.#context.isCurrent(this.#context.ownership);
    if (this.#fenced) return;
    for (const { log, place, entry } of this.#written) {
      this.#context.store.putRecord(log.topic.id, log.index, log.record);
      this.#context.store.putEntry(log.topic, log.index, place.offset, place.timeMs, entry);
    }
  }

  settle(failure: LogError | undefined): void {
    const refusal = failure ?? (this.#fenced ? fencedError(this.#context.ownership) : undefined);
    if (refusal === undefined) {
      for (const { log, place } of this.#written) log.committedTo(place.offset + 1);
    }
    this.#release();
    if (refusal === undefined) this.#settled.resolve();
    else this.#settled.reject(refusal);
  }

  #release(): void {
    for (const { log, place } of this.#written) log.settleReservation(place.offset);
    for (const { log } of this.#written) log.wakeFollowers();
  }
}

export function fencedError({ partition, generation }: Ownership): LogError {
  const message = `partition ${partition} is no longer owned under generation ${generation}: drop what was not checkpointed`;
  return new LogError("fenced", message);
}
