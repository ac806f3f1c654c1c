import { type DescMessage, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import { decodeAppend } from "./append-codec.ts";
import { encodeAppend } from "./append-encoder.ts";
import { ProtocolError } from "./errors.ts";
import {
  type HeadJson,
  HeadSchema,
  type IndexEntryJson,
  IndexEntrySchema,
  type NodeLeaseJson,
  NodeLeaseSchema,
  type PageJson,
  PageSchema,
  type RecordJson,
  RecordSchema,
  type WatermarkJson,
  WatermarkSchema,
} from "./schema.ts";

/** What a value of a topic is: bytes in the log, canonical JSON in memory. Both throw ProtocolError `malformed`. */
function encode(schema: DescMessage, json: JsonValue): Uint8Array {
  try {
    return toBinary(schema, fromJson(schema, json));
  } catch (cause) {
    throw malformed(schema, cause);
  }
}

function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array) {
  try {
    return toJson(schema, fromBinary(schema, bytes));
  } catch (cause) {
    throw malformed(schema, cause);
  }
}

function malformed(schema: DescMessage, cause: unknown): ProtocolError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ProtocolError("malformed", `not a ${schema.name}: ${reason}`, { cause });
}

export const encodeRecord = (json: RecordJson): Uint8Array => encodeAppend(json) ?? encode(RecordSchema, json);
export function decodeRecord(bytes: Uint8Array): RecordJson {
  try {
    return decodeAppend(bytes) ?? toJson(RecordSchema, fromBinary(RecordSchema, bytes));
  } catch (cause) {
    throw malformed(RecordSchema, cause);
  }
}
export const encodeHead = (json: HeadJson): Uint8Array => encode(HeadSchema, json);
export const decodeHead = (bytes: Uint8Array): HeadJson => decode(HeadSchema, bytes);
export const encodePage = (json: PageJson): Uint8Array => encode(PageSchema, json);
export const decodePage = (bytes: Uint8Array): PageJson => decode(PageSchema, bytes);
export const encodeIndexEntry = (json: IndexEntryJson): Uint8Array => encode(IndexEntrySchema, json);
export const decodeIndexEntry = (bytes: Uint8Array): IndexEntryJson => decode(IndexEntrySchema, bytes);
export const encodeWatermark = (json: WatermarkJson): Uint8Array => encode(WatermarkSchema, json);
export const decodeWatermark = (bytes: Uint8Array): WatermarkJson => decode(WatermarkSchema, bytes);
export const encodeNodeLease = (json: NodeLeaseJson): Uint8Array => encode(NodeLeaseSchema, json);
export const decodeNodeLease = (bytes: Uint8Array): NodeLeaseJson => decode(NodeLeaseSchema, bytes);

/** A key as the log holds it: UTF-8. */
export const keyBytes = (key: string): Uint8Array => getTextEncoding().encodeUtf8(key);
export const keyText = (bytes: Uint8Array): string => getTextEncoding().decodeUtf8(bytes);
