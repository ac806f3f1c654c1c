import { type Entry, type Log, LogError } from "@perdure/log";
import {
  decodeIndexEntry,
  decodeWatermark,
  type IndexEntryJson,
  ProtocolError,
  WATERMARK_KEY,
} from "@perdure/protocol";
import { entryKeyText } from "./entry-key.ts";
import { readable } from "./errors.ts";
import type { ReplicaLogger } from "./options.ts";
import type { PartitionTail } from "./partition-tail.ts";
import { PackedMap } from "./packed-map.ts";
import { Position } from "./position.ts";
import { TOPICS } from "./topics.ts";

/** Who hears what the index of a partition says, in the order of the log. */
export interface IndexObserver {
  onSession?(sessionKey: string, entry: () => IndexEntryJson): void;
  /** Every record up to `covered` is covered by heads that the index named before. */
  onWatermark?(covered: number): void;
  /** The log does not go on where the index was read to: what it says from now on is not heard. */
  onLost(error: LogError): void;
}

interface IndexParts {
  readonly log: Pick<Log, "bounds">;
  readonly partition: number;
  /** A tail of the index. */
  readonly tail: PartitionTail;
  readonly logger: ReplicaLogger;
}

/** The latest index entry of every session of one partition, and the watermark, kept current. */
export class SessionIndex {
  readonly #parts: IndexParts;
  readonly #observer: IndexObserver;
  readonly #values = new PackedMap();
  readonly #position = new Position(0);
  #watermark = -1;

  constructor(parts: IndexParts, observer: IndexObserver) {
    this.#parts = parts;
    this.#observer = observer;
    this.#follow(0);
  }

  /** Offset of the last record covered by heads, as far as this process has read; -1: none. */
  get watermark(): number {
    return this.#watermark;
  }

  /** Offset up to which this process has read it. */
  get readTo(): number {
    return this.#position.next;
  }

  /** Throws `set_aside` where the entry is not readable. */
  get(sessionKey: string): IndexEntryJson | undefined {
    const value = this.#values.get(sessionKey);
    if (value === undefined) return undefined;
    return readable(sessionKey, "index entry", () => decodeIndexEntry(value));
  }

  /** As `get`, and undefined where the entry is not readable. */
  find(sessionKey: string): IndexEntryJson | undefined {
    try {
      return this.get(sessionKey);
    } catch {
      return undefined;
    }
  }

  /** Whether both calls of `get` would say the same: a mark to compare, without decoding. */
  mark(sessionKey: string): string | undefined {
    return this.#values.get(sessionKey)?.toString("latin1");
  }

  /** Settles when all that stood in the index at the time of the call has been read. Throws LogError. */
  async current(): Promise<void> {
    const { end } = await this.#parts.log.bounds(TOPICS.index, this.#parts.partition);
    await this.#position.reached(end);
  }

  close(): void {
    this.#parts.tail.unfollow(this.#parts.partition);
    this.#position.fail(new LogError("closed", "this partition is no longer followed"));
  }

  #follow(fromOffset: number): void {
    this.#parts.tail.follow(this.#parts.partition, fromOffset, {
      onEntries: (entries, nextOffset) => this.#take(entries, nextOffset),
      onLost: (error) => this.#lost(error),
    });
  }

  /** A compacted topic may begin later than at 0; what is missing there has been replaced. */
  #lost(error: LogError): void {
    if (error.code === "offset_trimmed" && error.start !== undefined) return this.#follow(error.start);
    this.#position.fail(error);
    this.#observer.onLost(error);
  }

  #take(entries: readonly Entry[], nextOffset: number): void {
    for (const entry of entries) this.#apply(entry);
    this.#position.advance(nextOffset);
  }

  #apply(entry: Entry): void {
    const key = entryKeyText(entry);
    try {
      if (key === WATERMARK_KEY) this.#applyWatermark(entry);
      else this.#applySession(key, entry);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { partition } = this.#parts;
      this.#parts.logger.error({ partition, offset: entry.offset, key, error }, "an index entry is not readable");
    }
  }

  #applyWatermark(entry: Entry): void {
    if (entry.value === null) return;
    const covered = Number(decodeWatermark(entry.value).covered ?? 0);
    this.#watermark = Math.max(this.#watermark, covered);
    this.#observer.onWatermark?.(this.#watermark);
  }

  #applySession(key: string, entry: Entry): void {
    if (entry.value === null) {
      this.#values.delete(key);
      return;
    }
    const { value } = entry;
    this.#values.set(key, value);
    this.#observer.onSession?.(key, () => decodeIndexEntry(value));
  }
}
