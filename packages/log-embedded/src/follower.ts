import { LogError } from "@perdure/log";
import type { Entry, TailListener } from "@perdure/log";
import type { PartitionLog } from "./partition-log.ts";
import type { Store } from "./store.ts";

/** Bytes handed to a listener at once when it catches up from disk. */
const CATCH_UP_BYTES = 1024 * 1024;

/** One tail's place in one partition: what is committed goes to the listener straight, what it missed comes from disk. */
export class Follower {
  readonly #log: PartitionLog;
  readonly #store: Store;
  readonly #listener: TailListener;
  readonly #onFailed: () => void;
  #position: number;
  /** Settles when no callback of this follower is running. */
  #idle: Promise<void>;
  #busy = true;
  #stopped = false;

  constructor(
    log: PartitionLog,
    store: Store,
    listener: TailListener,
    start: { readonly offset: number; readonly after: Promise<void>; readonly onFailed: () => void },
  ) {
    this.#log = log;
    this.#store = store;
    this.#listener = listener;
    this.#position = start.offset;
    this.#onFailed = start.onFailed;
    log.followers.add(this);
    this.#idle = start.after.then(() => this.#pump());
  }

  get idle(): Promise<void> {
    return this.#idle;
  }

  stop(): void {
    this.#stopped = true;
    this.#log.followers.delete(this);
  }

  /** Entries that have just been committed behind `previousEnd`; skips the disk where the listener waits for just these. */
  offer(previousEnd: number, entries: readonly Entry[], end: number): void {
    if (this.#busy || this.#position !== previousEnd || this.#log.visibleEnd !== end) {
      this.wake();
      return;
    }
    // Busy from here on: a callback may leave this place by itself, and is over only when its promise is.
    const called = Promise.withResolvers<void>();
    this.#busy = true;
    this.#idle = called.promise;
    const held = this.#deliver(entries, end);
    called.resolve(held?.then(() => this.#pump()));
    if (held !== undefined) return;
    this.#busy = false;
    this.wake();
  }

  wake(): void {
    if (this.#busy || this.#stopped || this.#position >= this.#log.visibleEnd) return;
    this.#busy = true;
    this.#idle = Promise.resolve().then(() => this.#pump());
  }

  /** Reads from disk until the position is the end. The first round calls back even when there is nothing to read. */
  async #pump(): Promise<void> {
    do {
      if (this.#stopped) return;
      const failure = this.#positionFailure();
      if (failure !== undefined) {
        this.#fail(failure);
        return;
      }
      const end = this.#log.visibleEnd;
      const read = this.#store.read(this.#log.topic.id, this.#log.index, this.#position, end, CATCH_UP_BYTES);
      await this.#deliver(read.entries, read.nextOffset);
    } while (this.#position < this.#log.visibleEnd);
    this.#busy = false;
  }

  #positionFailure(): LogError | undefined {
    return offsetFailure(this.#log, this.#position);
  }

  #deliver(entries: readonly Entry[], nextOffset: number): Promise<void> | undefined {
    this.#position = nextOffset;
    try {
      const held = this.#listener.onEntries(this.#log.index, entries, nextOffset, this.#log.visibleEnd);
      return held?.catch((cause: unknown) => this.#failListener(cause));
    } catch (cause) {
      this.#failListener(cause);
      return undefined;
    }
  }

  #failListener(cause: unknown): void {
    this.#fail(new LogError("unavailable", "the listener of this tail failed; add the partition again", { cause }));
  }

  #fail(error: LogError): void {
    if (this.#stopped) return;
    this.stop();
    this.#onFailed();
    this.#listener.onPartitionError(this.#log.index, error);
  }
}

/** Why a read at `offset` cannot be, or undefined where it can. */
export function offsetFailure(log: PartitionLog, offset: number): LogError | undefined {
  const { start, nextOffset: end } = log;
  const where = `${log.topic.name}[${log.index}]`;
  if (offset < start) {
    const message = `offset ${offset} of ${where} was trimmed; the first one there is ${start}`;
    return new LogError("offset_trimmed", message, { start });
  }
  if (offset > end) return new LogError("offset_future", `offset ${offset} of ${where} is beyond its end, ${end}`);
  return undefined;
}
