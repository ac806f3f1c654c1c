import type { Accepted } from "@perdure/core";
import type { RecordJson } from "@perdure/protocol";
import { PackedAppends } from "./packed-appends.ts";

interface Kept {
  readonly accepted: Accepted;
  readonly sizeBytes: number;
}

/** The latest accepted records of one session, for readers that come back with a cursor. */
export class RecentRecords {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  /** From the first on. */
  #appends: PackedAppends | undefined;
  /** What cannot be had from its bytes again. */
  readonly #others: Kept[] = [];
  #count = 0;
  #bytes = 0;
  /** Every record behind this seq is here. */
  #from: number;

  constructor(fromSeq: number, limits: { readonly recentRecords: number; readonly recentBytes: number }) {
    this.#from = fromSeq;
    this.#recordsMax = limits.recentRecords;
    this.#bytesMax = limits.recentBytes;
  }

  /** `record` is what was judged, and `value` its bytes, which it counts for. */
  push(accepted: Accepted, record: RecordJson, value: Uint8Array): void {
    if (this.#recordsMax === 0) {
      this.#from = lastSeq(accepted);
      return;
    }
    if (isAppendAsWritten(accepted, record)) (this.#appends ??= new PackedAppends()).push(accepted, value);
    else this.#others.push({ accepted, sizeBytes: value.length });
    this.#count += 1;
    this.#bytes += value.length;
    while (this.#count > this.#recordsMax || this.#bytes > this.#bytesMax) this.#dropOldest();
  }

  /** The records behind `seq`, oldest first; undefined where some of them are gone, or one lies across `seq`. */
  since(seq: number): readonly Accepted[] | undefined {
    if (seq < this.#from) return undefined;
    const others = this.#others.map(({ accepted }) => accepted).filter((accepted) => lastSeq(accepted) > seq);
    // Both are in order, so that sorting them is one pass.
    const found = others.concat(this.#appends?.behind(seq) ?? []).toSorted((one, other) => one.seq - other.seq);
    const [next] = found;
    return next === undefined || next.seq === seq + 1 ? found : undefined;
  }

  #dropOldest(): void {
    this.#count -= 1;
    const [other] = this.#others;
    const appendSeq = this.#appends?.firstSeq ?? Number.POSITIVE_INFINITY;
    if (other !== undefined && other.accepted.seq < appendSeq) {
      this.#from = lastSeq(other.accepted);
      this.#bytes -= other.sizeBytes;
      this.#others.shift();
    } else if (this.#appends !== undefined) {
      this.#from = appendSeq;
      this.#bytes -= this.#appends.dropOldest();
    }
  }
}

/**
 * An append alone in its record, as nearly all are, of which nothing was cut off: the fold hands on the same event then.
 * Other records are kept as they are: they take long to read again, and the state holds most of their text anyway.
 */
const isAppendAsWritten = ({ events }: Accepted, record: RecordJson): boolean =>
  events.length === 1 && events[0]?.partAppended !== undefined && events[0] === record.events?.[0];

const lastSeq = ({ seq, count }: Accepted): number => seq + count - 1;
