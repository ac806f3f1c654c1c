import type { Appended, Log } from "@perdure/log";
import { encodeRecord, keyBytes, ProtocolError, type RecordJson } from "@perdure/protocol";
import { TOPICS } from "./topics.ts";

/**
 * The way into the log for the records of one session, each in its turn. What it returns rejects with LogError, and with
 * ProtocolError where something is no record.
 */
export function recordAppender(
  log: Pick<Log, "append">,
  partition: number,
  sessionKey: string,
): (record: RecordJson) => Promise<Appended> {
  const key = keyBytes(sessionKey);
  return (record) => {
    let value: Uint8Array;
    try {
      value = encodeRecord(record);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return Promise.reject(error);
    }
    return log.append(TOPICS.events, partition, { key, value }, { lane: sessionKey });
  };
}
