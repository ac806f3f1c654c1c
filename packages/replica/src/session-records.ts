import type { Log } from "@perdure/log";
import { entryKeyText } from "./entry-key.ts";
import type { RawRecord } from "./ring.ts";
import { TOPICS } from "./topics.ts";

interface Place {
  readonly log: Pick<Log, "read">;
  readonly partition: number;
  readonly sessionKey: string;
}

const READ_BYTES = 1024 * 1024;

/** The records of one session from an offset on, below `end()` as it is by then: reads the partition. Throws LogError. */
export async function* readRecords(place: Place, from: number, end: () => number): AsyncGenerator<RawRecord> {
  const { log, partition, sessionKey } = place;
  for (let offset = from; offset < end();) {
    const entries = await log.read(TOPICS.events, partition, offset, { maxBytes: READ_BYTES });
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const { key, value, offset: at, timeMs } of entries) {
      if (value !== null && entryKeyText({ key }) === sessionKey) yield { offset: at, timeMs, value };
    }
    offset = last.offset + 1;
  }
}
