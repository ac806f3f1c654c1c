/** Chunks grow up to this size, so that where little happens little is taken. */
const CHUNK_BYTES_MAX = 64 * 1024;

interface Chunk {
  /** Where its first byte lies. */
  readonly from: number;
  readonly bytes: Buffer;
}

/**
 * Bytes packed one behind the other, each value at a place that only grows. The oldest are let go by the chunk. What is
 * kept for seconds costs its bytes so, and the collector of garbage neither copies nor visits it.
 */
export class PackedValues {
  readonly #firstChunkBytes: number;
  #chunks: Chunk[] = [];
  /** The place of the next value. */
  #end = 0;

  constructor(firstChunkBytes: number) {
    this.#firstChunkBytes = firstChunkBytes;
  }

  /** What its chunks take. */
  get heldBytes(): number {
    return this.#chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Copies the value; returns its place. */
  append(value: Uint8Array): number {
    const last = this.#chunks.at(-1);
    const chunk = last !== undefined && value.length <= roomIn(last, this.#end) ? last : this.#newChunk(value.length);
    chunk.bytes.set(value, this.#end - chunk.from);
    const place = this.#end;
    this.#end += value.length;
    return place;
  }

  /** The value's bytes where they lie, which do not change. Call it only for what has not been dropped. */
  at(place: number, length: number): Uint8Array {
    const chunk = this.#chunks.findLast(({ from }) => from <= place);
    if (chunk === undefined) {
      if (length === 0) return new Uint8Array();
      throw new Error("the value has been dropped");
    }
    return chunk.bytes.subarray(place - chunk.from, place - chunk.from + length);
  }

  /** Lets go of every chunk that ends at or before `place`. */
  dropBefore(place: number): void {
    const kept = this.#chunks.findIndex(({ from, bytes }) => from + bytes.length > place);
    this.#chunks.splice(0, kept < 0 ? this.#chunks.length : kept);
    // Of the last chunk the rest may be free; empty, it is nothing to hold on to.
    if (place >= this.#end) this.#chunks = [];
  }

  #newChunk(least: number): Chunk {
    const before = this.#chunks.at(-1)?.bytes.length ?? this.#firstChunkBytes / 2;
    const bytes = Buffer.allocUnsafeSlow(Math.max(Math.min(before * 2, CHUNK_BYTES_MAX), least));
    const chunk = { from: this.#end, bytes };
    // As long as it is: one that grew by pushing would hold room for 17.
    this.#chunks = [...this.#chunks, chunk];
    return chunk;
  }
}

const roomIn = ({ from, bytes }: Chunk, end: number): number => from + bytes.length - end;
