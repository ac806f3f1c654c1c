const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

const encoder = new TextEncoder();

/**
 * The partition of a key, as Kafka's default partitioner chooses it: (murmur2(key) & 0x7fffffff) % partitions.
 * A string counts as its UTF-8 bytes. Throws RangeError when `partitions` is not a positive integer.
 * Algorithm: murmur2 as in org.apache.kafka.common.utils.Utils.
 */
export function partitionOf(key: Uint8Array | string, partitions: number): number {
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new RangeError(`partitions must be a positive integer, not ${partitions}`);
  }
  const bytes = typeof key === "string" ? encoder.encode(key) : key;
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

/** Kafka's 32-bit murmur2 of `bytes`, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wholeBytes = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < wholeBytes; at += 4) {
    let word = Math.imul(view.getInt32(at, true), M);
    word = Math.imul(word ^ (word >>> R), M);
    hash = Math.imul(hash, M) ^ word;
  }
  if (wholeBytes < bytes.length) {
    hash = Math.imul(hash ^ remainder(view, wholeBytes), M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The last one to three bytes as one little-endian number. */
function remainder(view: DataView, from: number): number {
  let word = 0;
  for (let at = view.byteLength - 1; at >= from; at -= 1) {
    word = (word << 8) | view.getUint8(at);
  }
  return word;
}
