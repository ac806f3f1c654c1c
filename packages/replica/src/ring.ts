import { PackedRows } from "./packed-rows.ts";
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
const FIRST_CHUNK_BYTES = 4 * 1024;

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
  readonly #values = new PackedValues(FIRST_CHUNK_BYTES);
  /** Of each record that is kept; their numbers are the records'. */
  readonly #rows = new PackedRows(COLUMNS, FEWEST_ROWS);
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
    return this.#rows.size;
  }

  push(sessionKey: string, { offset, timeMs, value }: RawRecord): void {
    if (offset < this.#start) return;
    const number = this.#rows.add();
    this.#rows.set(number, OFFSET, offset);
    this.#rows.set(number, TIME, timeMs);
    this.#rows.set(number, PLACE, this.#values.append(value));
    this.#rows.set(number, LENGTH, value.length);
    this.#rows.set(number, BEFORE, this.#latest.get(sessionKey) ?? NONE);
    this.#latest.set(sessionKey, number);
    this.#bytes += value.length;
    this.#capBytes();
    // By a tenth at once, because each trim costs a pass over what stays.
    if (this.size > this.#recordsMax) this.#dropUpTo(this.#rows.first + Math.ceil(this.#recordsMax / 10));
  }

  /** The session's records behind `offset`, oldest first. */
  after(sessionKey: string, offset: number): RingRecord[] {
    const found: RingRecord[] = [];
    let number = this.#latest.get(sessionKey) ?? NONE;
    while (number >= this.#rows.first && this.#rows.get(number, OFFSET) > offset) {
      found.push(this.#record(number));
      number = this.#rows.get(number, BEFORE);
    }
    return found.toReversed();
  }

  /** Lets go of every record up to `covered`. Call it with a watermark that this process has itself read. */
  trim(covered: number): void {
    this.#dropUpTo(this.#rows.firstAbove(OFFSET, covered));
    this.#start = Math.max(this.#start, covered + 1);
  }

  #record(number: number): RingRecord {
    const [offset, timeMs] = [this.#rows.get(number, OFFSET), this.#rows.get(number, TIME)];
    if (number < this.#valuesFrom) return { offset, timeMs, value: undefined };
    return { offset, timeMs, value: this.#values.at(this.#rows.get(number, PLACE), this.#rows.get(number, LENGTH)) };
  }

  #capBytes(): void {
    if (this.#bytes <= this.#bytesMax) return;
    while (this.#bytes > this.#bytesMax) this.#bytes -= this.#rows.get(this.#valuesFrom++, LENGTH);
    this.#dropValues();
  }

  /** `kept` is the number of the first record that stays. */
  #dropUpTo(kept: number): void {
    if (kept === this.#rows.first) return;
    this.#start = Math.max(this.#start, this.#rows.get(kept - 1, OFFSET) + 1);
    for (; this.#valuesFrom < kept; this.#valuesFrom += 1) this.#bytes -= this.#rows.get(this.#valuesFrom, LENGTH);
    this.#dropValues();
    this.#rows.dropUpTo(kept);
    this.#forgetSessions();
  }

  #dropValues(): void {
    const isNone = this.#valuesFrom === this.#rows.next;
    this.#values.dropBefore(isNone ? Number.POSITIVE_INFINITY : this.#rows.get(this.#valuesFrom, PLACE));
  }

  /** Sessions of which nothing is left, when they are most of all: so a pass over them costs little for each record. */
  #forgetSessions(): void {
    if (this.#latest.size <= 2 * this.size + FEWEST_ROWS) return;
    for (const [sessionKey, number] of this.#latest) {
      if (number < this.#rows.first) this.#latest.delete(sessionKey);
    }
  }
}
