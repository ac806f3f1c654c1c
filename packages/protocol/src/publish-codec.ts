/**
 * What agents mostly say, `ConnectRequest.publish`, and what they mostly hear, `ConnectResponse.record`, without
 * reflection.
 */
import { BinaryReader, type BinaryWriter } from "@bufbuild/protobuf/wire";
import { decodeAppend } from "./append-codec.ts";
import { appendedBy, writeAppend } from "./append-encoder.ts";
import { encodeRecord } from "./codec.ts";
import { ProtocolError } from "./errors.ts";
import type { RecordJson } from "./schema.ts";
import { writtenBytes } from "./shared-writer.ts";

/** A record for a session. */
export interface Publish {
  readonly session: string;
  readonly record: RecordJson;
}

/** `ConnectRequest.publish`, and its two fields; as all tags here, field number * 8 + 2. */
const PUBLISH_TAG = 5 * 8 + 2;
const SESSION_TAG = 1 * 8 + 2;
const RECORD_TAG = 2 * 8 + 2;
/** `ConnectResponse.record` and `AgentRecord.accepted`, with the fields of `AcceptedRecord`. */
const HEARD_TAG = 5 * 8 + 2;
const ACCEPTED_TAG = 2 * 8 + 2;
const SEQ_TAG = 1 * 8;
const TIME_TAG = 2 * 8;
const HEARD_RECORD_TAG = 3 * 8 + 2;
const COUNT_TAG = 4 * 8;

/** The bytes of a ConnectRequest. Throws ProtocolError `malformed`. */
export const encodePublish = ({ session, record }: Publish): Uint8Array =>
  aroundRecord(record, (writer, writeRecord) => {
    writer.uint32(PUBLISH_TAG).fork();
    if (session !== "") writer.uint32(SESSION_TAG).string(session);
    writer.uint32(RECORD_TAG);
    writeRecord();
    writer.join();
  });

/** A message with a record in it: an append is written where it belongs, anything else copied there. */
function aroundRecord(record: RecordJson, write: (writer: BinaryWriter, writeRecord: () => void) => void): Uint8Array {
  const appended = appendedBy(record);
  const fast =
    appended &&
    writtenBytes((writer) => {
      let isWritten = false;
      write(writer, () => {
        isWritten = writeAppend(writer.fork(), record, appended);
        writer.join();
      });
      return isWritten;
    });
  if (fast !== undefined) return fast;
  const bytes = encodeRecord(record);
  const whole = writtenBytes((writer) => {
    write(writer, () => void writer.bytes(bytes));
    return true;
  });
  if (whole === undefined) throw new ProtocolError("malformed", "a number beside a record is out of its range");
  return whole;
}

/** What a ConnectRequest publishes, where that is one append; undefined: to be read as any other. */
export function decodePublish(bytes: Uint8Array): Publish | undefined {
  const reader = new BinaryReader(bytes);
  try {
    if (reader.uint32() !== PUBLISH_TAG || reader.uint32() !== reader.len - reader.pos) return undefined;
    if (reader.uint32() !== SESSION_TAG) return undefined;
    const session = reader.string(true);
    if (reader.uint32() !== RECORD_TAG) return undefined;
    const record = decodeAppend(reader.bytes());
    return record === undefined || reader.pos !== reader.len ? undefined : { session, record };
  } catch {
    return undefined;
  }
}

/** A record that was accepted, as agents hear it. */
export interface Heard extends Publish {
  readonly seq: number;
  readonly count: number;
  readonly timeMs: number;
}

/** The bytes of a ConnectResponse. Throws ProtocolError `malformed`. */
export const encodeHeard = ({ session, seq, timeMs, record, count }: Heard): Uint8Array =>
  aroundRecord(record, (writer, writeRecord) => {
    writer.uint32(HEARD_TAG).fork();
    if (session !== "") writer.uint32(SESSION_TAG).string(session);
    writer.uint32(ACCEPTED_TAG).fork();
    if (seq > 0) writer.uint32(SEQ_TAG).uint32(seq);
    if (timeMs > 0) writer.uint32(TIME_TAG).int64(timeMs);
    writer.uint32(HEARD_RECORD_TAG);
    writeRecord();
    if (count > 0) writer.uint32(COUNT_TAG).uint32(count);
    writer.join().join();
  });

/** What a ConnectResponse tells of, where that is one accepted append; undefined: to be read as any other. */
export function decodeHeard(bytes: Uint8Array): Heard | undefined {
  const reader = new BinaryReader(bytes);
  try {
    if (reader.uint32() !== HEARD_TAG || reader.uint32() !== reader.len - reader.pos) return undefined;
    if (reader.uint32() !== SESSION_TAG) return undefined;
    const session = reader.string(true);
    if (reader.uint32() !== ACCEPTED_TAG || reader.uint32() !== reader.len - reader.pos) return undefined;
    if (reader.uint32() !== SEQ_TAG) return undefined;
    const seq = reader.uint32();
    if (reader.uint32() !== TIME_TAG) return undefined;
    const timeMs = Number(reader.int64());
    if (reader.uint32() !== HEARD_RECORD_TAG) return undefined;
    const record = decodeAppend(reader.bytes());
    if (record === undefined || reader.uint32() !== COUNT_TAG) return undefined;
    const count = reader.uint32();
    return reader.pos === reader.len ? { session, seq, count, timeMs, record } : undefined;
  } catch {
    return undefined;
  }
}
