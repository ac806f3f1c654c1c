import type { Appended, Log } from "@perdure/log";
import { encodeRecord, keyBytes, type RecordJson } from "@perdure/protocol";
import { TOPICS } from "./topics.ts";

/** Appends a record of a session, in turn with the others of that session. Throws LogError. */
export function appendRecord(
  log: Pick<Log, "append">,
  partition: number,
  sessionKey: string,
  record: RecordJson,
): Promise<Appended> {
  const entry = { key: keyBytes(sessionKey), value: encodeRecord(record) };
  return log.append(TOPICS.events, partition, entry, { lane: sessionKey });
}
