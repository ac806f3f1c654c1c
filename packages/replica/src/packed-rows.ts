const NO_CELLS = new Float64Array();

/**
 * Rows of numbers, which get their own numbers as they come; the oldest go. Kept in one typed array, so that the
 * collector of garbage neither copies nor visits them.
 */
export class PackedRows {
  readonly #columns: number;
  readonly #fewest: number;
  #cells = NO_CELLS;
  /** The first row that is kept, where it lies, and the number of the next. */
  #first = 0;
  #firstRow = 0;
  #next = 0;

  /** `fewest`: for so many rows there is room as soon as there is one. */
  constructor(columns: number, fewest: number) {
    this.#columns = columns;
    this.#fewest = fewest;
  }

  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  get size(): number {
    return this.#next - this.#first;
  }

  /** The number of a new row, whose columns the caller sets. */
  add(): number {
    this.#makeRoom();
    return this.#next++;
  }

  /** Call it only for rows that are kept. */
  get(number: number, column: number): number {
    return this.#cells[this.#cell(number, column)] ?? Number.NaN;
  }

  set(number: number, column: number, value: number): void {
    this.#cells[this.#cell(number, column)] = value;
  }

  /** The first row whose `column`, which must ascend, is above `value`; `next` where there is none. */
  firstAbove(column: number, value: number): number {
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.get(middle, column) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** `kept` is the number of the first row that stays. */
  dropUpTo(kept: number): void {
    this.#firstRow += kept - this.#first;
    this.#first = kept;
    if (this.#capacity > this.#fewest && this.size < this.#capacity / 8) this.#move(this.#capacity / 4);
  }

  #cell(number: number, column: number): number {
    return (this.#firstRow + number - this.#first) * this.#columns + column;
  }

  get #capacity(): number {
    return this.#cells.length / this.#columns;
  }

  #makeRoom(): void {
    if (this.#firstRow + this.size < this.#capacity) return;
    this.#move(this.size * 2 > this.#capacity ? this.#capacity * 2 : this.#capacity);
  }

  /** To the front of as many rows; where they are as many as before, of the same ones. */
  #move(wanted: number): void {
    const capacity = Math.max(this.#fewest, wanted);
    const held = this.#cells.subarray(this.#cell(this.#first, 0), this.#cell(this.#next, 0));
    if (capacity !== this.#capacity) this.#cells = new Float64Array(capacity * this.#columns);
    this.#cells.set(held);
    this.#firstRow = 0;
  }
}
