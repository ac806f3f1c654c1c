import { type Entry, type Log, LogError } from "@perdure/log";
import { entryKeyText } from "./entry-key.ts";
import { historyLost } from "./errors.ts";
import type { RawRecord } from "./ring.ts";
import { TOPICS } from "./topics.ts";

interface Place {
  readonly log: Pick<Log, "read">;
  readonly partition: number;
  readonly sessionKey: string;
}

const READ_BYTES = 1024 * 1024;

/**
 * The records of one session from an offset on, below `end()` as it is by then: reads the partition. Throws LogError, and
 * `history_lost` where they are no longer there.
 */
export async function* readRecords(place: Place, from: number, end: () => number): AsyncGenerator<RawRecord> {
  const { sessionKey } = place;
  for (let offset = from; offset < end();) {
    const entries = await entriesFrom(place, offset);
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const { key, value, offset: at, timeMs } of entries) {
      if (value !== null && entryKeyText({ key }) === sessionKey) yield { offset: at, timeMs, value };
    }
    offset = last.offset + 1;
  }
}

async function entriesFrom({ log, partition, sessionKey }: Place, offset: number): Promise<readonly Entry[]> {
  try {
    return await log.read(TOPICS.events, partition, offset, { maxBytes: READ_BYTES });
  } catch (error) {
    if (error instanceof LogError && error.code === "offset_trimmed") throw historyLost(sessionKey);
    throw error;
  }
}
