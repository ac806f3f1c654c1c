import { LogError } from "./port.ts";
import type { NewEntry } from "./port.ts";

/** What a log accepts and keeps waiting. All byte counts are as `entrySizeBytes` counts. */
export interface LogLimits {
  /** Largest entry; a larger one is refused as `too_large`. */
  readonly entryBytes: number;
  /** Bytes of one lane that may wait for their acknowledgement; past it `unavailable`. */
  readonly laneQueueBytes: number;
  /** Bytes of one partition that may wait for their acknowledgement; past it `unavailable`. */
  readonly partitionQueueBytes: number;
  /** Bytes of one partition that go out in one write (at least one entry does). */
  readonly batchBytes: number;
  /** What a refused writer is told to wait, in milliseconds. */
  readonly retryAfterMs: number;
}

const MIB = 1024 * 1024;

const DEFAULT_LIMITS: LogLimits = {
  entryBytes: 8 * MIB,
  laneQueueBytes: 8 * MIB,
  partitionQueueBytes: 16 * MIB,
  batchBytes: MIB,
  retryAfterMs: 200,
};

/** Bookkeeping that every entry costs beside its own bytes: an upper bound of both adapters' framing. */
const ENTRY_OVERHEAD_BYTES = 64;

/** The defaults with `limits` over them. Throws RangeError where a queue could never take the largest entry. */
export function logLimits(limits: Partial<LogLimits> = {}): LogLimits {
  const merged = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, value] of Object.entries(merged)) {
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw new RangeError(`log limit ${name} must be a positive integer, not ${value}`);
    }
  }
  if (merged.laneQueueBytes < merged.entryBytes || merged.partitionQueueBytes < merged.laneQueueBytes) {
    throw new RangeError("log limits must rise: entryBytes <= laneQueueBytes <= partitionQueueBytes");
  }
  return merged;
}

/** What an entry counts for against the limits. */
export function entrySizeBytes(entry: NewEntry): number {
  let bytes = ENTRY_OVERHEAD_BYTES + entry.key.length + (entry.value?.length ?? 0);
  for (const header of entry.headers ?? []) {
    // A character of a header's name takes at most three bytes of UTF-8.
    bytes += 8 + header.name.length * 3 + header.value.length;
  }
  return bytes;
}

/** Throws `too_large` where the entry is over the limit; else returns its size. */
export function checkedSizeBytes(entry: NewEntry, limits: LogLimits): number {
  const sizeBytes = entrySizeBytes(entry);
  if (sizeBytes > limits.entryBytes) {
    throw new LogError(
      "too_large",
      `the entry has ${sizeBytes} bytes, more than the ${limits.entryBytes} that the log takes: send less in one entry`,
    );
  }
  return sizeBytes;
}
