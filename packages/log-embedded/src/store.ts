import type { Entry, NewEntry, TopicSpec } from "@perdure/log";
import { open } from "lmdb";
import type { Database, RootDatabase } from "lmdb";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";

/** A topic as it stands in the store. */
export interface StoredTopic extends TopicSpec {
  readonly id: number;
}

/** What a partition keeps beside its entries, so that its end and its clock survive a trim and a restart. */
export interface PartitionRecord {
  readonly start: number;
  readonly end: number;
  readonly lastTimeMs: number;
}

/** What a read found, and where the next one goes on. */
export interface StoredRange {
  readonly entries: readonly Entry[];
  readonly nextOffset: number;
}

const OFFSET_AT = 4;
const KEY_BYTES = 12;
const RECORD_BYTES = 24;
const NOTHING = Buffer.alloc(0);

function partitionKey(topicId: number, partition: number, extraBytes = 0): Buffer {
  const key = Buffer.alloc(OFFSET_AT + extraBytes);
  key.writeUInt16BE(topicId, 0);
  key.writeUInt16BE(partition, 2);
  return key;
}

function entryKey(topicId: number, partition: number, offset: number): Buffer {
  const key = partitionKey(topicId, partition, KEY_BYTES - OFFSET_AT);
  // Six bytes hold 2^48 entries a partition: nine years at a million a second.
  key.writeUIntBE(offset, OFFSET_AT + 2, 6);
  return key;
}

function latestKey(topicId: number, partition: number, key: Uint8Array): Buffer {
  const whole = partitionKey(topicId, partition, key.length);
  whole.set(key, OFFSET_AT);
  return whole;
}

/**
 * The LMDB environment of one log and how its bytes are laid out. Writes happen only inside `commit`, reads see what
 * was committed and, inside a commit, what it has written so far.
 */
export class Store {
  readonly #root: RootDatabase;
  readonly #topics: Database<StoredTopic, string>;
  readonly #partitions: Database<Buffer, Buffer>;
  readonly #entries: Database<Buffer, Buffer>;
  /** By topic, partition and key of a compacted topic: the offset of its latest entry. */
  readonly #latest: Database<Buffer, Buffer>;
  /** By place of an entry without a value: its key. */
  readonly #tombstones: Database<Buffer, Buffer>;
  /**
   * By place: what commits replaced and `removeReplaced` has not removed. It is noted on disk, so that it goes also where
   * the process was killed in between: what outlived its tombstone would be there again.
   */
  readonly #replaced: Database<Buffer, Buffer>;

  constructor(dir: string) {
    // Without overlapping sync a commit settles after its fsync, so that what it acknowledges survives a power cut too.
    // With batching by event turn a failed commit would end the process: lmdb-js then rejects a promise nobody has.
    // A directory whose name has a dot would else be taken for a file.
    const path = { path: dir, noSubdir: false };
    this.#root = open({ ...path, overlappingSync: false, eventTurnBatching: false, maxDbs: 8 });
    this.#topics = this.#root.openDB<StoredTopic, string>({ name: "topics", encoding: "json" });
    this.#partitions = this.#openBinary("partitions");
    this.#entries = this.#openBinary("entries");
    this.#latest = this.#openBinary("latest");
    this.#tombstones = this.#openBinary("tombstones");
    this.#replaced = this.#openBinary("replaced");
  }

  #openBinary(name: string): Database<Buffer, Buffer> {
    return this.#root.openDB<Buffer, Buffer>({ name, encoding: "binary", keyEncoding: "binary" });
  }

  /** The database of its own in which the directory's owner is noted. */
  get root(): RootDatabase {
    return this.#root;
  }

  topics(): StoredTopic[] {
    return [...this.#topics.getRange()].map(({ value }) => value);
  }

  async createTopic(spec: TopicSpec): Promise<StoredTopic> {
    const topic: StoredTopic = { ...spec, id: this.topics().length };
    await this.commit(() => void this.#topics.put(topic.name, topic));
    return topic;
  }

  partitionRecord(topicId: number, partition: number): PartitionRecord {
    const stored = this.#partitions.get(partitionKey(topicId, partition));
    if (stored === undefined) return { start: 0, end: 0, lastTimeMs: 0 };
    return { start: stored.readDoubleLE(0), end: stored.readDoubleLE(8), lastTimeMs: stored.readDoubleLE(16) };
  }

  /** Entries of [from, before) up to `maxBytes` of stored bytes, but at least one where there is one. */
  read(topicId: number, partition: number, from: number, before: number, maxBytes: number): StoredRange {
    const entries: Entry[] = [];
    let bytes = 0;
    const range = { start: entryKey(topicId, partition, from), end: entryKey(topicId, partition, before) };
    for (const { key, value } of this.#entries.getRange(range)) {
      bytes += value.length;
      const offset = key.readUIntBE(OFFSET_AT + 2, 6);
      if (entries.length > 0 && bytes > maxBytes) return { entries, nextOffset: offset };
      entries.push(decodeEntry(value, offset));
    }
    return { entries, nextOffset: Math.max(from, before) };
  }

  /** Runs `write` as one transaction; settles when it is on disk. */
  async commit(write: () => void): Promise<void> {
    try {
      await this.#root.transaction(write);
    } catch (error) {
      throw await commitFailure(error);
    }
    // Reads of this turn would otherwise go on seeing the state from before the commit.
    this.#root.resetReadTxn();
  }

  putRecord(topicId: number, partition: number, record: PartitionRecord): void {
    const stored = Buffer.alloc(RECORD_BYTES);
    stored.writeDoubleLE(record.start, 0);
    stored.writeDoubleLE(record.end, 8);
    stored.writeDoubleLE(record.lastTimeMs, 16);
    void this.#partitions.put(partitionKey(topicId, partition), stored);
  }

  /** Within a commit: one entry; of a compacted topic, in place of the older one of its key (see `removeReplaced`). */
  putEntry(topic: StoredTopic, partition: number, offset: number, timeMs: number, entry: NewEntry): void {
    const at = entryKey(topic.id, partition, offset);
    if (topic.cleanup === "compact") {
      if (!this.#replaceLatest(topic.id, partition, offset, entry.key)) return;
      if (entry.value === null) void this.#tombstones.put(at, Buffer.from(entry.key));
    }
    void this.#entries.put(at, encodeEntry(entry, timeMs));
  }

  /** False where a later entry of the key is already there. */
  #replaceLatest(topicId: number, partition: number, offset: number, key: Uint8Array): boolean {
    const at = latestKey(topicId, partition, key);
    const older = this.#latest.get(at)?.readDoubleLE(0);
    if (older !== undefined && older > offset) return false;
    if (older !== undefined) void this.#replaced.put(entryKey(topicId, partition, older), NOTHING);
    const stored = Buffer.alloc(8);
    stored.writeDoubleLE(offset, 0);
    void this.#latest.put(at, stored);
    return true;
  }

  /** Within a commit: removes up to `countMax` entries below `before`; how many went. */
  removeBelow(topicId: number, partition: number, before: number, countMax: number): number {
    const range = {
      start: entryKey(topicId, partition, 0),
      end: entryKey(topicId, partition, before),
      limit: countMax,
    };
    const keys = [...this.#entries.getKeys(range)];
    for (const key of keys) void this.#entries.remove(key);
    return keys.length;
  }

  /**
   * Within a commit: removes what earlier ones replaced. Not before these have settled: a transaction can be read a moment
   * before that, and until then nobody reads as far as what is there instead.
   */
  removeReplaced(): void {
    for (const at of [...this.#replaced.getKeys()]) {
      this.#remove(at);
      void this.#replaced.remove(at);
    }
  }

  #remove(at: Buffer): void {
    void this.#entries.remove(at);
    void this.#tombstones.remove(at);
  }

  /** Within a commit: forgets the removed keys whose tombstone is older than `beforeMs`. What was replaced must be gone. */
  removeTombstones(beforeMs: number): void {
    for (const { key: at, value: key } of [...this.#tombstones.getRange()]) {
      const stored = this.#entries.get(at);
      if (stored !== undefined && decodeEntry(stored, 0).timeMs >= beforeMs) continue;
      this.#remove(at);
      void this.#latest.remove(Buffer.concat([at.subarray(0, OFFSET_AT), key]));
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** lmdb-js says what went wrong in a promise of its own that hangs on the error. */
async function commitFailure(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
}
