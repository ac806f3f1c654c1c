import { type Accepted, acceptedRecord } from "@perdure/core";
import { decodeRecord } from "@perdure/protocol";
import { PackedRows } from "./packed-rows.ts";
import { PackedValues } from "./packed-values.ts";

/** Columns of a row: the record's seq, its time, place and length of its bytes. */
const SEQ = 0;
const TIME = 1;
const PLACE = 2;
const LENGTH = 3;
const COLUMNS = 4;

/** There are as many of these as sessions, and in most of them little happens. */
const FEWEST_ROWS = 2;
const FIRST_CHUNK_BYTES = 256;

/**
 * Accepted records of one event each, which say all that their bytes say, by seq. They are kept as these, packed, and
 * read again for who asks: as objects they would grow old, half a dozen for each token, and be marked again and again.
 */
export class PackedAppends {
  readonly #rows = new PackedRows(COLUMNS, FEWEST_ROWS);
  readonly #values = new PackedValues(FIRST_CHUNK_BYTES);

  /** Of the oldest; undefined where there is none. */
  get firstSeq(): number | undefined {
    return this.#rows.size === 0 ? undefined : this.#rows.get(this.#rows.first, SEQ);
  }

  push({ seq, timeMs }: Accepted, value: Uint8Array): void {
    const number = this.#rows.add();
    this.#rows.set(number, SEQ, seq);
    this.#rows.set(number, TIME, timeMs);
    this.#rows.set(number, PLACE, this.#values.append(value));
    this.#rows.set(number, LENGTH, value.length);
  }

  /** Those behind `seq`, oldest first. */
  behind(seq: number): Accepted[] {
    const found: Accepted[] = [];
    for (let number = this.#rows.firstAbove(SEQ, seq); number < this.#rows.next; number += 1) {
      found.push(this.#at(number));
    }
    return found;
  }

  /** Lets go of the oldest; how many bytes it had. Call it only where there is one. */
  dropOldest(): number {
    const { first } = this.#rows;
    const length = this.#rows.get(first, LENGTH);
    this.#values.dropBefore(this.#rows.get(first, PLACE) + length);
    this.#rows.dropUpTo(first + 1);
    return length;
  }

  #at(number: number): Accepted {
    const value = this.#values.at(this.#rows.get(number, PLACE), this.#rows.get(number, LENGTH));
    const [seq, timeMs] = [this.#rows.get(number, SEQ), this.#rows.get(number, TIME)];
    return acceptedRecord(decodeRecord(value), { seq, count: 1, timeMs });
  }
}
