import { LogError, type Ownership } from "@perdure/log";
import type { Clock } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import type { CheckpointTurns } from "./checkpoint-turns.ts";
import type { Checkpointed, CheckpointWriter } from "./checkpoint-writer.ts";
import type { UncoveredSessions } from "./uncovered-sessions.ts";

export interface CheckpointerParts {
  readonly partition: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writer: Pick<CheckpointWriter, "write">;
  readonly uncovered: UncoveredSessions;
  readonly turns: CheckpointTurns;
  readonly checkpointMs: number;
  readonly checkpointBytes: number;
  readonly retryMs: number;
  /** The ownership as it is now. */
  readonly ownership: () => Ownership;
  readonly onWritten: (done: Checkpointed, tookMs: number) => void;
  /** The partition belongs to somebody else, or to another generation. */
  readonly onFenced: (ownership: Ownership) => void;
}

/** When the sessions of one partition are checkpointed: in time, before too much is uncovered, one write at a time. */
export class Checkpointer {
  readonly #parts: CheckpointerParts;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
  }

  /** Something has become uncovered. */
  note(): void {
    if (this.#closed || this.#running !== undefined) return;
    const { uncovered, checkpointMs, checkpointBytes, clock } = this.#parts;
    const sinceMs = uncovered.waitingSinceMs();
    if (sinceMs === undefined) return;
    // Of those that wait only from later on nothing could be covered now, and looking again would never end.
    if (uncovered.bytes >= checkpointBytes && sinceMs <= clock.now()) this.#start();
    else this.#arm(sinceMs + checkpointMs);
  }

  /** Covers all that can be covered now. Throws LogError. */
  async flush(): Promise<void> {
    await this.#running;
    this.#disarm();
    await this.#cover();
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
  }

  #arm(atMs: number): void {
    if (atMs >= this.#dueMs) return;
    this.#disarm();
    this.#dueMs = atMs;
    this.#cancelTimer = this.#parts.clock.after(Math.max(0, atMs - this.#parts.clock.now()), () => {
      this.#disarm();
      this.#start();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #start(): void {
    if (this.#running !== undefined || this.#closed) return;
    this.#disarm();
    const ownership = this.#parts.ownership();
    this.#running = this.#cover().then(
      () => this.#covered(),
      (error: unknown) => this.#failed(ownership, error),
    );
  }

  #covered(): void {
    this.#running = undefined;
    this.note();
  }

  #failed(ownership: Ownership, error: unknown): void {
    this.#running = undefined;
    if (this.#closed) return;
    if (error instanceof LogError && error.code === "fenced") return this.#parts.onFenced(ownership);
    const { partition, logger, clock, retryMs } = this.#parts;
    logger.warn({ partition, err: error }, "a checkpoint failed and is tried again");
    this.#arm(clock.now() + retryMs);
  }

  /** What became uncovered before now; what comes meanwhile is left for the next time. */
  async #cover(): Promise<void> {
    const { clock, turns } = this.#parts;
    const beforeMs = clock.now();
    while (await turns.take(() => this.#writeNext(beforeMs)));
  }

  /** False where there was nothing to write. */
  async #writeNext(beforeMs: number): Promise<boolean> {
    const { clock, uncovered, writer, ownership, onWritten } = this.#parts;
    const sessions = uncovered.coverable(beforeMs);
    const first = sessions.next();
    if (first.done === true || this.#closed) return false;
    const startMs = clock.now();
    const done = await writer.write(ownership(), withFirst(first.value, sessions));
    onWritten(done, clock.now() - startMs);
    return true;
  }
}

function* withFirst<Item>(first: Item, rest: Iterable<Item>): IterableIterator<Item> {
  yield first;
  yield* rest;
}
