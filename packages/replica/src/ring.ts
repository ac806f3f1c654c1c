/** A record as it comes from the log. */
export interface RawRecord {
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

/** One record of the ring. */
export interface RingRecord extends Omit<RawRecord, "value"> {
  /** Its bytes; undefined past the ring's byte cap: to be read again from the log. */
  value: Uint8Array | undefined;
}

interface Placed extends RingRecord {
  readonly sessionKey: string;
}

/**
 * The raw records of one partition past the watermark, by session: what an attach folds onto a head. Past the byte cap
 * the oldest keep only their offsets; past the record cap the oldest go, and the ring starts later.
 */
export class Ring {
  readonly #bytesMax: number;
  readonly #recordsMax: number;
  readonly #bySession = new Map<string, RingRecord[]>();
  #records: Placed[] = [];
  /** Where the records that still have their bytes begin. */
  #valuesFrom = 0;
  #bytes = 0;
  #start: number;

  constructor(start: number, limits: { readonly ringBytes: number; readonly ringRecords: number }) {
    this.#start = start;
    this.#bytesMax = limits.ringBytes;
    this.#recordsMax = limits.ringRecords;
  }

  /** Every record from here on is in the ring. */
  get start(): number {
    return this.#start;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#records.length;
  }

  push(sessionKey: string, record: RawRecord): void {
    if (record.offset < this.#start) return;
    const { offset, timeMs, value } = record;
    const placed: Placed = { sessionKey, offset, timeMs, value };
    this.#records.push(placed);
    const ofSession = this.#bySession.get(sessionKey);
    if (ofSession === undefined) this.#bySession.set(sessionKey, [placed]);
    else ofSession.push(placed);
    this.#bytes += value.length;
    this.#capBytes();
    // By a tenth at once, because each trim costs a pass over what stays.
    if (this.#records.length > this.#recordsMax) this.#dropFirst(Math.ceil(this.#recordsMax / 10));
  }

  /** The session's records behind `offset`, oldest first. */
  after(sessionKey: string, offset: number): RingRecord[] {
    const records = this.#bySession.get(sessionKey) ?? [];
    return records.slice(firstAfter(records, offset));
  }

  /** Lets go of every record up to `covered`. Call it with a watermark that this process has itself read. */
  trim(covered: number): void {
    this.#dropFirst(firstAfter(this.#records, covered));
    this.#start = Math.max(this.#start, covered + 1);
  }

  #capBytes(): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#records[this.#valuesFrom];
      if (oldest === undefined) return;
      this.#bytes -= oldest.value?.length ?? 0;
      oldest.value = undefined;
      this.#valuesFrom += 1;
    }
  }

  #dropFirst(count: number): void {
    if (count === 0) return;
    const dropped = this.#records.slice(0, count);
    this.#records = this.#records.slice(count);
    this.#valuesFrom = Math.max(0, this.#valuesFrom - count);
    const last = dropped.at(-1)?.offset ?? -1;
    this.#start = Math.max(this.#start, last + 1);
    for (const { value } of dropped) this.#bytes -= value?.length ?? 0;
    for (const sessionKey of new Set(dropped.map((record) => record.sessionKey))) this.#dropOf(sessionKey, last);
  }

  #dropOf(sessionKey: string, last: number): void {
    const kept = this.after(sessionKey, last);
    if (kept.length === 0) this.#bySession.delete(sessionKey);
    else this.#bySession.set(sessionKey, kept);
  }
}

function firstAfter(records: readonly RingRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.offset ?? Number.POSITIVE_INFINITY) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
