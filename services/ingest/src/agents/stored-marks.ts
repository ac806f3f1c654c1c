import type { RecordJson } from "@perdure/protocol";
import type { Clock } from "@perdure/service-kit";

interface Marks {
  /** Told, or not worth telling any more. */
  told: number;
  stored: number;
  /** Lowest number that the log did not take; nothing from there on is in the log as far as the writer can rely on it. */
  missing: number;
}

/** A stream has one writer a session; who uses more than these gets fewer marks, and verdicts all the same. */
const WRITERS_KEPT = 16;

/** A verdict comes a few milliseconds behind, and tells more: only where it is late there is something to tell. */
const TOLD_AFTER_MS = 10;

/** How far each writer's records are in the log, told as one number where the verdict takes its time. */
export class StoredMarks {
  readonly #clock: Clock;
  readonly #tell: (producer: string, number: number) => void;
  readonly #marks = new Map<string, Marks>();
  #scheduled = false;

  constructor(clock: Clock, tell: (producer: string, number: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  stored(record: RecordJson): void {
    const marks = this.#of(record);
    const { first = 0, last = 0 } = record;
    if (first <= marks.missing && marks.missing <= last) marks.missing = Number.POSITIVE_INFINITY;
    if (last >= marks.missing) return;
    marks.stored = Math.max(marks.stored, last);
    this.#schedule();
  }

  failed(record: RecordJson): void {
    const marks = this.#of(record);
    marks.missing = Math.min(marks.missing, record.first ?? 0);
  }

  judged(record: RecordJson): void {
    const marks = this.#of(record);
    marks.told = Math.max(marks.told, record.last ?? 0);
  }

  #of({ producer = "" }: RecordJson): Marks {
    const known = this.#marks.get(producer);
    if (known !== undefined) return known;
    const [oldest] = this.#marks.keys();
    if (oldest !== undefined && this.#marks.size >= WRITERS_KEPT) this.#marks.delete(oldest);
    const marks = { told: 0, stored: 0, missing: Number.POSITIVE_INFINITY };
    this.#marks.set(producer, marks);
    return marks;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(TOLD_AFTER_MS, () => {
      this.#scheduled = false;
      for (const [producer, marks] of this.#marks) {
        if (marks.stored <= marks.told) continue;
        marks.told = marks.stored;
        this.#tell(producer, marks.stored);
      }
    });
  }
}
