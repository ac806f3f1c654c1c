import type { Accepted } from "@perdure/core";

/** The latest accepted records of one session, for readers that come back with a cursor. */
export class RecentRecords {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  #records: Accepted[] = [];
  #sizes: number[] = [];
  #bytes = 0;
  /** Every record behind this seq is here. */
  #from: number;

  constructor(fromSeq: number, limits: { readonly recentRecords: number; readonly recentBytes: number }) {
    this.#from = fromSeq;
    this.#recordsMax = limits.recentRecords;
    this.#bytesMax = limits.recentBytes;
  }

  /** `sizeBytes`: what the record counts for. */
  push(accepted: Accepted, sizeBytes: number): void {
    if (this.#recordsMax === 0) {
      this.#from = lastSeq(accepted);
      return;
    }
    this.#records.push(accepted);
    this.#sizes.push(sizeBytes);
    this.#bytes += sizeBytes;
    if (this.#records.length > this.#recordsMax || this.#bytes > this.#bytesMax) this.#dropOldest();
  }

  /** The records behind `seq`, oldest first; undefined where some of them are gone, or one lies across `seq`. */
  since(seq: number): readonly Accepted[] | undefined {
    if (seq < this.#from) return undefined;
    const first = this.#firstBehind(seq);
    const next = this.#records[first];
    if (next !== undefined && next.seq !== seq + 1) return undefined;
    return this.#records.slice(first);
  }

  #firstBehind(seq: number): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = this.#records[middle];
      if (record !== undefined && lastSeq(record) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A quarter more than needed, because each time costs a pass over what stays. */
  #dropOldest(): void {
    const recordsTarget = this.#recordsMax * 0.75;
    const bytesTarget = this.#bytesMax * 0.75;
    let count = 0;
    while (this.#records.length - count > recordsTarget || this.#bytes > bytesTarget) {
      const dropped = this.#records[count];
      if (dropped === undefined) break;
      this.#bytes -= this.#sizes[count] ?? 0;
      this.#from = lastSeq(dropped);
      count += 1;
    }
    this.#records = this.#records.slice(count);
    this.#sizes = this.#sizes.slice(count);
  }
}

function lastSeq({ seq, count }: Accepted): number {
  return seq + count - 1;
}
