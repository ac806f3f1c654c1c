import type { EntryHeader, NewEntry } from "@perdure/log";
import { crc32c } from "@platformatic/kafka";
import type { ProducerIdentity } from "./producer-identity.ts";

/*
 * Kafka's record batch, version 2, as the protocol guide lays it out. Written here and not by the client, which takes
 * no tombstone and allocates a dozen objects per record: this is the hottest path of all.
 */
const HEAD_BYTES = 61;
const CRC_AT = 17;
const CRC_FROM = 21;
const MAGIC = 2;
const TRANSACTIONAL = 1 << 4;

export interface BatchHead {
  readonly identity: ProducerIdentity;
  readonly firstSequence: number;
  readonly isTransactional: boolean;
  /** Unix milliseconds; the broker puts its own append time over it. */
  readonly timestampMs: number;
}

/** The bytes of one batch. */
export function encodeBatch(head: BatchHead, entries: readonly NewEntry[]): Buffer {
  const bodies = entries.map((entry, index) => recordBodyBytes(entry, index));
  const recordsBytes = bodies.reduce((sum, body) => sum + varIntBytes(body) + body, 0);
  const batch = Buffer.allocUnsafe(HEAD_BYTES + recordsBytes);
  writeHead(batch, head, entries.length);
  let at = HEAD_BYTES;
  for (const [index, entry] of entries.entries()) at = writeRecord(batch, at, bodies[index] ?? 0, index, entry);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC_AT);
  return batch;
}

function writeHead(batch: Buffer, head: BatchHead, count: number): void {
  const { identity, firstSequence, isTransactional } = head;
  const timestamp = BigInt(head.timestampMs);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(isTransactional ? TRANSACTIONAL : 0, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(timestamp, 27);
  batch.writeBigInt64BE(timestamp, 35);
  batch.writeBigInt64BE(identity.producerId, 43);
  batch.writeInt16BE(identity.producerEpoch, 51);
  batch.writeInt32BE(firstSequence, 53);
  batch.writeInt32BE(count, 57);
}

function writeRecord(batch: Buffer, from: number, bodyBytes: number, index: number, entry: NewEntry): number {
  let at = writeVarInt(batch, from, bodyBytes);
  batch[at] = 0; // attributes: none
  batch[at + 1] = 0; // its time is the batch's
  at = writeVarInt(batch, at + 2, index);
  at = writeBytes(batch, at, entry.key);
  at = writeBytes(batch, at, entry.value);
  const headers = entry.headers ?? [];
  at = writeVarInt(batch, at, headers.length);
  for (const header of headers) {
    at = writeBytes(batch, at, Buffer.from(header.name));
    at = writeBytes(batch, at, header.value);
  }
  return at;
}

function writeBytes(batch: Buffer, from: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarInt(batch, from, -1);
  const at = writeVarInt(batch, from, bytes.length);
  batch.set(bytes, at);
  return at + bytes.length;
}

/** Zigzag, seven bits a byte, the lowest first. */
function writeVarInt(batch: Buffer, from: number, value: number): number {
  let at = from;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    batch[at] = (rest & 0x7f) | 0x80;
    at += 1;
    rest >>>= 7;
  }
  batch[at] = rest;
  return at + 1;
}

function varIntBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

function recordBodyBytes(entry: NewEntry, index: number): number {
  const headers = entry.headers ?? [];
  const bytes = 2 + varIntBytes(index) + framedBytes(entry.key.length) + valueBytes(entry.value);
  return bytes + varIntBytes(headers.length) + headersBytes(headers);
}

function valueBytes(value: Uint8Array | null): number {
  return value === null ? 1 : framedBytes(value.length);
}

function headersBytes(headers: readonly EntryHeader[]): number {
  let bytes = 0;
  for (const { name, value } of headers) bytes += framedBytes(Buffer.byteLength(name)) + framedBytes(value.length);
  return bytes;
}

function framedBytes(length: number): number {
  return varIntBytes(length) + length;
}
