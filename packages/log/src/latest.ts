import type { Entry, LatestView, Log, LogError, Tail } from "./port.ts";

/** Keys are compared by their bytes: one character a byte, which costs no decoding and never collides. */
function bytesAsString(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

class TailedLatest implements LatestView {
  readonly ready: Promise<void>;
  readonly #byKey = new Map<string, Entry>();
  readonly #onEntry: ((entry: Entry) => void) | undefined;
  readonly #tail: Tail;
  /** The end when the view was opened; unknown until the first answer. */
  #endAtOpen: number | undefined;
  #settleReady: { resolve: () => void; reject: (error: LogError) => void };

  constructor(log: Pick<Log, "tail">, topic: string, partition: number, onEntry?: (entry: Entry) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever does not wait for `ready` must not be ended by its failure.
    promise.catch(() => undefined);
    this.ready = promise;
    this.#settleReady = { resolve, reject };
    this.#onEntry = onEntry;
    this.#tail = log.tail(topic, {
      onEntries: (_partition, entries, nextOffset, end) => this.#apply(entries, nextOffset, end),
      onPartitionError: (_partition, error) => this.#recover(partition, error),
    });
    this.#tail.add(partition, 0);
  }

  get(key: Uint8Array): Entry | undefined {
    return this.#byKey.get(bytesAsString(key));
  }

  entries(): IterableIterator<Entry> {
    return this.#byKey.values();
  }

  get size(): number {
    return this.#byKey.size;
  }

  async close(): Promise<void> {
    await this.#tail.close();
  }

  #apply(entries: readonly Entry[], nextOffset: number, end: number): void {
    for (const entry of entries) {
      const key = bytesAsString(entry.key);
      if (entry.value === null) this.#byKey.delete(key);
      else this.#byKey.set(key, entry);
      this.#onEntry?.(entry);
    }
    this.#endAtOpen ??= end;
    if (nextOffset >= this.#endAtOpen) this.#settleReady.resolve();
  }

  #recover(partition: number, error: LogError): void {
    if (error.code === "offset_trimmed" && error.start !== undefined) {
      this.#tail.add(partition, error.start);
    } else {
      this.#settleReady.reject(error);
    }
  }
}

/** A latest view made of a tail from the start: the same for every adapter. */
export function openLatest(
  log: Pick<Log, "tail">,
  topic: string,
  partition: number,
  onEntry?: (entry: Entry) => void,
): LatestView {
  return new TailedLatest(log, topic, partition, onEntry);
}
