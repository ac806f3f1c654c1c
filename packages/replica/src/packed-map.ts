/**
 * Bytes that one chunk holds, unless a single entry is larger. A power of two: a position is chunk × this + offset. So
 * large that malloc maps it apart (from 128 KiB on), where it neither holds fast what was freed around it nor takes
 * memory before it is written to.
 */
const CHUNK_BYTES = 256 * 1024;
/** Length of the key, then of the value. */
const HEADER_BYTES = 8;
const FREE = 0;
const DELETED = 0xffff_ffff;
const FEWEST_SLOTS = 16;

/**
 * Short values by key, packed into few large buffers: an entry costs its bytes and about 16 more, where a Map of strings
 * takes 150. Keys are Latin-1 text. What is held grows with the entries of a whole partition, so that it matters.
 */
export class PackedMap {
  /** Keys that collide cannot be prepared by who does not know it. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32);
  #chunks: Buffer[] = [];
  /** Where the last chunk goes on. */
  #end = CHUNK_BYTES;
  /** Open addressing: position + 1 of the entry. */
  #slots = new Uint32Array(FEWEST_SLOTS);
  /** Slots that are not free, those of deleted entries with them. */
  #taken = 0;
  #size = 0;
  #liveBytes = 0;
  #packedBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** What its buffers take. */
  get heldBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, this.#slots.byteLength);
  }

  /** The value's bytes where they lie: valid until the next change. */
  get(key: string): Buffer | undefined {
    const slot = this.#find(key);
    return slot === undefined ? undefined : this.#valueAt(this.#positionIn(slot));
  }

  set(key: string, value: Uint8Array): void {
    const slot = this.#find(key);
    if (slot === undefined) return this.#insert(key, value);
    const position = this.#positionIn(slot);
    const { chunk, at } = this.#place(position);
    const length = chunk.readUInt32LE(at + 4);
    if (value.length <= length) {
      chunk.writeUInt32LE(value.length, at + 4);
      chunk.set(value, at + HEADER_BYTES + key.length);
      this.#liveBytes += value.length - length;
      return;
    }
    this.#liveBytes -= HEADER_BYTES + key.length + length;
    this.#slots[slot] = this.#append(key, value) + 1;
    this.#repackWhereHalfIsDead();
  }

  delete(key: string): void {
    const slot = this.#find(key);
    if (slot === undefined) return;
    const { chunk, at } = this.#place(this.#positionIn(slot));
    this.#liveBytes -= HEADER_BYTES + key.length + chunk.readUInt32LE(at + 4);
    this.#slots[slot] = DELETED;
    this.#size -= 1;
    this.#repackWhereHalfIsDead();
  }

  /** The slot of the key; undefined where it is not there. */
  #find(key: string): number | undefined {
    const mask = this.#slots.length - 1;
    for (let index = this.#hash(key) & mask; ; index = (index + 1) & mask) {
      const slot = this.#slots[index] ?? FREE;
      if (slot === FREE) return undefined;
      if (slot !== DELETED && this.#isAt(slot - 1, key)) return index;
    }
  }

  #insert(key: string, value: Uint8Array): void {
    if ((this.#taken + 1) * 4 > this.#slots.length * 3) this.#resize();
    const position = this.#append(key, value);
    this.#putSlot(this.#slots, key, position);
    this.#taken += 1;
    this.#size += 1;
  }

  #putSlot(slots: Uint32Array, key: string, position: number): void {
    const mask = slots.length - 1;
    let index = this.#hash(key) & mask;
    while (slots[index] !== FREE) index = (index + 1) & mask;
    slots[index] = position + 1;
  }

  /** Room for half as many again, and no deleted ones. */
  #resize(): void {
    let length = FEWEST_SLOTS;
    while (length * 2 < this.#size * 3 + 3) length *= 2;
    const slots = new Uint32Array(length);
    for (const slot of this.#slots) {
      if (slot !== FREE && slot !== DELETED) this.#putSlot(slots, this.#keyAt(slot - 1), slot - 1);
    }
    this.#slots = slots;
    this.#taken = this.#size;
  }

  /** Returns the entry's position. */
  #append(key: string, value: Uint8Array): number {
    const bytes = HEADER_BYTES + key.length + value.length;
    if (this.#end + bytes > CHUNK_BYTES) {
      this.#chunks.push(Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes)));
      this.#end = 0;
    }
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined) throw new Error("a chunk was made");
    const at = this.#end;
    chunk.writeUInt32LE(key.length, at);
    chunk.writeUInt32LE(value.length, at + 4);
    chunk.write(key, at + HEADER_BYTES, "latin1");
    chunk.set(value, at + HEADER_BYTES + key.length);
    this.#end += bytes;
    this.#liveBytes += bytes;
    this.#packedBytes += bytes;
    return (this.#chunks.length - 1) * CHUNK_BYTES + at;
  }

  /** Entries that were replaced by longer ones stay behind; when they are half of all, the others are packed anew. */
  #repackWhereHalfIsDead(): void {
    if (this.#packedBytes < 2 * this.#liveBytes + CHUNK_BYTES) return;
    const packed = new PackedMap();
    for (const slot of this.#slots) {
      if (slot !== FREE && slot !== DELETED) packed.set(this.#keyAt(slot - 1), this.#valueAt(slot - 1));
    }
    this.#chunks = packed.#chunks;
    this.#end = packed.#end;
    this.#packedBytes = packed.#packedBytes;
    this.#slots = new Uint32Array(packed.#slots.length);
    for (const slot of packed.#slots) {
      if (slot !== FREE) this.#putSlot(this.#slots, this.#keyAt(slot - 1), slot - 1);
    }
    this.#taken = this.#size;
  }

  #positionIn(slot: number): number {
    return (this.#slots[slot] ?? FREE) - 1;
  }

  #place(position: number): { readonly chunk: Buffer; readonly at: number } {
    const chunk = this.#chunks[Math.floor(position / CHUNK_BYTES)];
    if (chunk === undefined) throw new Error("an entry has a chunk");
    return { chunk, at: position % CHUNK_BYTES };
  }

  #keyAt(position: number): string {
    const { chunk, at } = this.#place(position);
    return chunk.toString("latin1", at + HEADER_BYTES, at + HEADER_BYTES + chunk.readUInt32LE(at));
  }

  #valueAt(position: number): Buffer {
    const { chunk, at } = this.#place(position);
    const start = at + HEADER_BYTES + chunk.readUInt32LE(at);
    return chunk.subarray(start, start + chunk.readUInt32LE(at + 4));
  }

  #isAt(position: number, key: string): boolean {
    const { chunk, at } = this.#place(position);
    if (chunk.readUInt32LE(at) !== key.length) return false;
    for (let index = 0; index < key.length; index += 1) {
      if (chunk[at + HEADER_BYTES + index] !== key.charCodeAt(index)) return false;
    }
    return true;
  }

  /** FNV-1a, and MurmurHash3's last steps, which spread it over the low bits. */
  #hash(key: string): number {
    let hash = this.#seed;
    for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x0100_0193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
