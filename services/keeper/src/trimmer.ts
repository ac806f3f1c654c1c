import { type Log, LogError } from "@perdure/log";
import { type Clock, TOPICS } from "@perdure/replica";

export interface TrimmerParts {
  readonly log: Pick<Log, "bounds" | "read" | "trim">;
  readonly clock: Clock;
  readonly eventsKeptMs: number;
}

/**
 * Removes the records of a partition up to `covered` that are older than they are kept. Returns the offset at
 * which the partition begins now. Throws LogError.
 */
export async function trimPartition(parts: TrimmerParts, partition: number, covered: number): Promise<number> {
  const { log, clock, eventsKeptMs } = parts;
  const { start } = await log.bounds(TOPICS.events, partition);
  const before = await firstSince(log, partition, start, covered + 1, clock.now() - eventsKeptMs);
  if (before > start) await log.trim(TOPICS.events, partition, before);
  return before;
}

/** The first offset from `low` on, `high` at most, whose record is not older than `sinceMs`; by halving. */
async function firstSince(
  log: Pick<Log, "read">,
  partition: number,
  low: number,
  high: number,
  sinceMs: number,
): Promise<number> {
  let first = low;
  let end = high;
  while (first < end) {
    const middle = Math.floor((first + end) / 2);
    const found = await readAt(log, partition, middle);
    if (found === undefined || found.offset >= end || found.timeMs >= sinceMs) end = middle;
    else first = found.offset + 1;
  }
  return first;
}

async function readAt(log: Pick<Log, "read">, partition: number, offset: number) {
  try {
    const [found] = await log.read(TOPICS.events, partition, offset, { maxBytes: 1 });
    return found;
  } catch (error) {
    if (error instanceof LogError && error.code === "offset_future") return undefined;
    throw error;
  }
}
