import type { Entry, EntryHeader, NewEntry } from "@perdure/log";

/*
 * One stored entry: time (float64), key length (uint32), header count (uint16), 1 where the value is null (uint8), the
 * key, per header its name and value each behind a uint32 length, and the value to the end. Little-endian.
 */
const FIXED_BYTES = 15;

/** The stored bytes of an entry. */
export function encodeEntry(entry: NewEntry, timeMs: number): Buffer {
  const headers = encodeHeaders(entry.headers ?? []);
  const valueBytes = entry.value?.length ?? 0;
  const out = Buffer.allocUnsafe(FIXED_BYTES + entry.key.length + headers.length + valueBytes);
  out.writeDoubleLE(timeMs, 0);
  out.writeUInt32LE(entry.key.length, 8);
  out.writeUInt16LE(entry.headers?.length ?? 0, 12);
  out.writeUInt8(entry.value === null ? 1 : 0, 14);
  out.set(entry.key, FIXED_BYTES);
  out.set(headers, FIXED_BYTES + entry.key.length);
  if (entry.value !== null) out.set(entry.value, out.length - valueBytes);
  return out;
}

/** The entry in stored bytes; its key and value are views of them. */
export function decodeEntry(stored: Buffer, offset: number): Entry {
  const timeMs = stored.readDoubleLE(0);
  const keyEnd = FIXED_BYTES + stored.readUInt32LE(8);
  const key = stored.subarray(FIXED_BYTES, keyEnd);
  const { headers, end } = decodeHeaders(stored, keyEnd, stored.readUInt16LE(12));
  const value = stored.readUInt8(14) === 1 ? null : stored.subarray(end);
  return headers.length === 0 ? { offset, timeMs, key, value } : { offset, timeMs, key, value, headers };
}

function encodeHeaders(headers: readonly EntryHeader[]): Buffer {
  if (headers.length === 0) return Buffer.alloc(0);
  return Buffer.concat(headers.flatMap(({ name, value }) => [...framed(Buffer.from(name)), ...framed(value)]));
}

function framed(bytes: Uint8Array): [Buffer, Uint8Array] {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(bytes.length, 0);
  return [length, bytes];
}

function decodeHeaders(stored: Buffer, from: number, count: number): { headers: EntryHeader[]; end: number } {
  const headers: EntryHeader[] = [];
  let at = from;
  const next = (): Buffer => {
    const length = stored.readUInt32LE(at);
    at += 4 + length;
    return stored.subarray(at - length, at);
  };
  for (let index = 0; index < count; index += 1) {
    const name = next().toString();
    headers.push({ name, value: next() });
  }
  return { headers, end: at };
}
