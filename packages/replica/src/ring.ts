import { PackedValues } from "./packed-values.ts";

/** A record as it comes from the log. */
export interface RawRecord {
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

/** One record of the ring. */
export interface RingRecord extends Omit<RawRecord, "value"> {
  /** Its bytes; undefined past the ring's byte cap: to be read again from the log. */
  readonly value: Uint8Array | undefined;
}

/** Columns of a row: offset, time, place and length of the value, and the number of the same session's record before. */
const OFFSET = 0;
const TIME = 1;
const PLACE = 2;
const LENGTH = 3;
const BEFORE = 4;
const COLUMNS = 5;
const NONE = -1;
const FEWEST_ROWS = 16;

/**
 * The raw records of one partition past the watermark, by session: what an attach folds onto a head. Past the byte cap
 * the oldest keep only their offsets; past the record cap the oldest go, and the ring starts later. Packed, since what
 * is kept here until a head covers it is every record of the partition.
 */
export class Ring {
  readonly #bytesMax: number;
  readonly #recordsMax: number;
  /** Of each session the number of its latest record; some that have gone stay for a while. */
  readonly #latest = new Map<string, number>();
  readonly #values = new PackedValues();
  #rows = new Float64Array(FEWEST_ROWS * COLUMNS);
  /** Records are numbered as they come. The first that is kept, where its row is, and the number of the next. */
  #first = 0;
  #firstRow = 0;
  #next = 0;
  /** The first record that still has its bytes. */
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

  /** Of the records that have them. */
  get heldBytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#next - this.#first;
  }

  push(sessionKey: string, { offset, timeMs, value }: RawRecord): void {
    if (offset < this.#start) return;
    const number = this.#next;
    this.#makeRoom();
    this.#next += 1;
    this.#set(number, OFFSET, offset);
    this.#set(number, TIME, timeMs);
    this.#set(number, PLACE, this.#values.append(value));
    this.#set(number, LENGTH, value.length);
    this.#set(number, BEFORE, this.#latest.get(sessionKey) ?? NONE);
    this.#latest.set(sessionKey, number);
    this.#bytes += value.length;
    this.#capBytes();
    // By a tenth at once, because each trim costs a pass over what stays.
    if (this.size > this.#recordsMax) this.#dropUpTo(this.#first + Math.ceil(this.#recordsMax / 10));
  }

  /** The session's records behind `offset`, oldest first. */
  after(sessionKey: string, offset: number): RingRecord[] {
    const found: RingRecord[] = [];
    let number = this.#latest.get(sessionKey) ?? NONE;
    while (number >= this.#first && this.#get(number, OFFSET) > offset) {
      found.push(this.#record(number));
      number = this.#get(number, BEFORE);
    }
    return found.toReversed();
  }

  /** Lets go of every record up to `covered`. Call it with a watermark that this process has itself read. */
  trim(covered: number): void {
    this.#dropUpTo(this.#firstAfter(covered));
    this.#start = Math.max(this.#start, covered + 1);
  }

  #record(number: number): RingRecord {
    const [offset, timeMs] = [this.#get(number, OFFSET), this.#get(number, TIME)];
    if (number < this.#valuesFrom) return { offset, timeMs, value: undefined };
    return { offset, timeMs, value: this.#values.at(this.#get(number, PLACE), this.#get(number, LENGTH)) };
  }

  #capBytes(): void {
    if (this.#bytes <= this.#bytesMax) return;
    while (this.#bytes > this.#bytesMax) this.#bytes -= this.#get(this.#valuesFrom++, LENGTH);
    this.#dropValues();
  }

  /** `kept` is the number of the first record that stays. */
  #dropUpTo(kept: number): void {
    if (kept === this.#first) return;
    this.#start = Math.max(this.#start, this.#get(kept - 1, OFFSET) + 1);
    for (; this.#valuesFrom < kept; this.#valuesFrom += 1) this.#bytes -= this.#get(this.#valuesFrom, LENGTH);
    this.#dropValues();
    this.#firstRow += kept - this.#first;
    this.#first = kept;
    this.#forgetSessions();
    if (this.#capacity > FEWEST_ROWS && this.size < this.#capacity / 8) this.#move(this.#capacity / 4);
  }

  #dropValues(): void {
    const isNone = this.#valuesFrom === this.#next;
    this.#values.dropBefore(isNone ? Number.POSITIVE_INFINITY : this.#get(this.#valuesFrom, PLACE));
  }

  /** Sessions of which nothing is left, when they are most of all: so a pass over them costs little for each record. */
  #forgetSessions(): void {
    if (this.#latest.size <= 2 * this.size + FEWEST_ROWS) return;
    for (const [sessionKey, number] of this.#latest) {
      if (number < this.#first) this.#latest.delete(sessionKey);
    }
  }

  #firstAfter(offset: number): number {
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#get(middle, OFFSET) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get #capacity(): number {
    return this.#rows.length / COLUMNS;
  }

  #makeRoom(): void {
    if (this.#firstRow + this.size < this.#capacity) return;
    this.#move(this.size * 2 > this.#capacity ? this.#capacity * 2 : this.#capacity);
  }

  /** To the front of as many rows. */
  #move(capacity: number): void {
    const held = this.#rows.subarray(this.#firstRow * COLUMNS, (this.#firstRow + this.size) * COLUMNS);
    const rows = new Float64Array(Math.max(FEWEST_ROWS, capacity) * COLUMNS);
    rows.set(held);
    this.#rows = rows;
    this.#firstRow = 0;
  }

  #get(number: number, column: number): number {
    return this.#rows[(this.#firstRow + number - this.#first) * COLUMNS + column] ?? NONE;
  }

  #set(number: number, column: number, value: number): void {
    this.#rows[(this.#firstRow + number - this.#first) * COLUMNS + column] = value;
  }
}
