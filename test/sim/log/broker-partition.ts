import type { Entry, NewEntry, TopicSpec } from "@perdure/log";

/** Whose writes become visible together. */
export interface Transaction {
  readonly id: number;
  state: "open" | "committed" | "aborted";
}

export interface StoredEntry extends Entry {
  /** The checkpoint that it belongs to, if any. */
  readonly transaction: Transaction | undefined;
}

/** What a reader gets at one place. */
export interface Fetched {
  readonly entries: readonly Entry[];
  readonly nextOffset: number;
  readonly end: number;
}

/** One partition as the broker keeps it: what is there now, and the archive of everything that ever was. */
export class BrokerPartition {
  readonly topic: TopicSpec;
  readonly index: number;
  readonly archive: StoredEntry[] = [];
  /** Where it was made to begin, and up to where a head said at that time that it covers it. */
  readonly trims: { readonly start: number; readonly covered: number }[] = [];
  start = 0;
  next = 0;
  #entries: StoredEntry[] = [];
  /** Checkpoints whose end has not reached this partition: readers wait in front of their first entry. */
  readonly #undecided = new Map<Transaction, number>();
  #lastTimeMs = 0;
  #waiting: (() => void)[] = [];

  constructor(topic: TopicSpec, index: number) {
    this.topic = topic;
    this.index = index;
  }

  get visibleEnd(): number {
    let end = this.next;
    for (const first of this.#undecided.values()) end = Math.min(end, first);
    return end;
  }

  append({ key, value, headers }: NewEntry, nowMs: number, transaction?: Transaction): number {
    const offset = this.next;
    this.#lastTimeMs = Math.max(this.#lastTimeMs, Math.floor(nowMs));
    const entry = { key, value, offset, timeMs: this.#lastTimeMs, transaction, ...(headers && { headers }) };
    this.#entries.push(entry);
    this.archive.push(entry);
    this.next += 1;
    if (transaction === undefined) this.#wake();
    else if (!this.#undecided.has(transaction)) this.#undecided.set(transaction, offset);
    return offset;
  }

  /** The end of a checkpoint has reached this partition; its marker takes an offset, as Kafka's do. */
  decide(transaction: Transaction): void {
    if (!this.#undecided.delete(transaction)) return;
    this.next += 1;
    this.#wake();
  }

  /** Whether the offset lies in a checkpoint that was decided and whose end is still on its way here. */
  isAboutToShow(offset: number): boolean {
    return [...this.#undecided].some(([{ state }, first]) => state === "committed" && offset >= first);
  }

  fetch(offset: number, maxEntries: number): Fetched {
    const end = this.visibleEnd;
    const found: StoredEntry[] = [];
    let nextOffset = end;
    for (const entry of this.#entries.slice(this.#firstFrom(offset))) {
      if (entry.offset >= end) break;
      if (found.length === maxEntries) {
        nextOffset = entry.offset;
        break;
      }
      if (entry.transaction?.state !== "aborted") found.push(entry);
    }
    return { entries: found.map(readable), nextOffset: Math.max(offset, nextOffset), end };
  }

  /** Calls once, when something new can be read. */
  whenChanged(call: () => void): void {
    this.#waiting.push(call);
  }

  trim(before: number, covered = Number.POSITIVE_INFINITY): void {
    this.trims.push({ start: before, covered });
    this.start = Math.max(this.start, Math.min(before, this.visibleEnd));
    this.#entries = this.#entries.filter(({ offset }) => offset >= this.start);
  }

  /** Removes what a later entry of the same key replaces, as far as readers may read. */
  compact(): void {
    const end = this.visibleEnd;
    const latest = new Map<string, number>();
    for (const { key, offset, transaction } of this.#entries) {
      if (offset < end && transaction?.state !== "aborted") latest.set(Buffer.from(key).toString("latin1"), offset);
    }
    this.#entries = this.#entries.filter(
      ({ key, offset }) => offset >= end || latest.get(Buffer.from(key).toString("latin1")) === offset,
    );
  }

  #firstFrom(offset: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.offset ?? Number.POSITIVE_INFINITY) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call();
  }
}

/** What a reader sees of an entry. */
function readable({ transaction: _transaction, ...entry }: StoredEntry): Entry {
  return entry;
}
