import type { Entry } from "@perdure/log";
import type { fetchV13, KafkaRecord, RecordsBatch } from "@platformatic/kafka";

const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const ABORT_MARKER = 0;

/** The entries of one partition in a fetch response, and where the next fetch goes on. */
export interface FetchedEntries {
  readonly entries: Entry[];
  readonly nextOffset: number;
}

/**
 * The entries from `position` on. Control records, and what an aborted transaction wrote, are left out; the position
 * goes past them all the same, and past what a compaction removed from a batch's end.
 */
export function fetchedEntries(partition: fetchV13.FetchResponsePartition, position: number): FetchedEntries {
  const aborted = new AbortedTransactions(partition.abortedTransactions ?? []);
  const entries: Entry[] = [];
  let nextOffset = position;
  for (const batch of partition.records ?? []) {
    const lastOffset = Number(batch.firstOffset) + batch.lastOffsetDelta;
    const isWanted = aborted.admits(batch, lastOffset);
    if (lastOffset < position) continue;
    if (isWanted) appendEntries(entries, batch, position);
    nextOffset = lastOffset + 1;
  }
  return { entries, nextOffset };
}

function appendEntries(entries: Entry[], batch: RecordsBatch, position: number): void {
  const firstOffset = Number(batch.firstOffset);
  const isAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  for (const record of batch.records) {
    const offset = firstOffset + record.offsetDelta;
    if (offset < position) continue;
    const time = isAppendTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta;
    entries.push(entryOf(record, offset, Number(time)));
  }
}

function entryOf(record: KafkaRecord, offset: number, timeMs: number): Entry {
  const { key, value } = record;
  const entry = { offset, timeMs, key: key ?? Buffer.alloc(0), value };
  if (record.headers.length === 0) return entry;
  const headers = record.headers.map(([name, content]) => ({
    name: name?.toString() ?? "",
    value: content ?? Buffer.alloc(0),
  }));
  return { ...entry, headers };
}

/**
 * Which transactional batches of a response were rolled back. A response lists each aborted transaction of its range
 * with the producer and its first offset; it lasts until that producer's abort marker.
 */
class AbortedTransactions {
  readonly #upcoming: fetchV13.FetchResponsePartitionAbortedTransaction[];
  readonly #open = new Set<bigint>();

  constructor(listed: readonly fetchV13.FetchResponsePartitionAbortedTransaction[]) {
    this.#upcoming = listed.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  }

  /** Whether the batch holds entries that count. Call for every batch, in order. */
  admits(batch: RecordsBatch, lastOffset: number): boolean {
    while (this.#upcoming[0] !== undefined && Number(this.#upcoming[0].firstOffset) <= lastOffset) {
      const begun = this.#upcoming.shift();
      if (begun !== undefined) this.#open.add(begun.producerId);
    }
    if ((batch.attributes & CONTROL) !== 0) {
      if (isAbortMarker(batch)) this.#open.delete(batch.producerId);
      return false;
    }
    return (batch.attributes & TRANSACTIONAL) === 0 || !this.#open.has(batch.producerId);
  }
}

/** A control record's key: its version, then its kind, each an int16. */
function isAbortMarker(batch: RecordsBatch): boolean {
  const key = batch.records[0]?.key;
  return key !== undefined && key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER;
}
