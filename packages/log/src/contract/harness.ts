import { randomUUID } from "node:crypto";
import type { LogLimits } from "../limits.ts";
import type { Cleanup, Entry, GroupListener, Log, LogError, NewEntry, Ownership, TailListener } from "../port.ts";

/** What the suite asks of a log when it opens one. */
export interface OpenOptions {
  readonly limits?: Partial<LogLimits>;
  /** A log that polls must then wait longer in a poll than a test may take. */
  readonly isPatient?: boolean;
}

/** How the suite gets at one kind of log. All logs that one harness opens share what they store. */
export interface LogHarness {
  open(options?: OpenOptions): Promise<Log>;
  /**
   * Has `count` entries with the values 0, 1, 2 … appended to partition 0 of the topic in one lane, and kills in the
   * middle of it whatever may die without warning. Settles with the values that were acknowledged.
   */
  appendThroughKill(topic: string, count: number): Promise<readonly number[]>;
  /** Appends with a writer's time stamp; absent where the log's writers have none. */
  readonly appendStamped?: (topic: string, partition: number, entry: NewEntry, stampMs: number) => Promise<void>;
}

/** Makes a topic of a name nobody else uses. */
export async function newTopic(log: Log, cleanup: Cleanup = "none", partitions = 4): Promise<string> {
  const name = `contract-${randomUUID()}`;
  await log.provision([{ name, partitions, cleanup }]);
  return name;
}

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** An entry of a key (and so of a lane) with a text as its value. */
export function entry(key: string, value: string | null): NewEntry {
  return { key: bytes(key), value: value === null ? null : bytes(value) };
}

/** The value as text; undefined for a tombstone. */
export function text({ value }: NewEntry): string | undefined {
  return value === null ? undefined : new TextDecoder().decode(value);
}

/** In order, for what may come in any. */
export function sorted<Value extends string | number | undefined>(values: Iterable<Value>): Value[] {
  return [...values].toSorted((a, b) => String(a).localeCompare(String(b)));
}

/** All entries of a partition from an offset on. */
export async function readAll(log: Log, topic: string, partition = 0, from = 0): Promise<Entry[]> {
  const { end } = await log.bounds(topic, partition);
  const all: Entry[] = [];
  for (let position = from; position < end;) {
    const entries = await log.read(topic, partition, position, { maxBytes: 1_000_000 });
    if (entries.length === 0) break;
    all.push(...entries);
    position = (entries.at(-1)?.offset ?? 0) + 1;
  }
  return all;
}

/** Something that is watched until it is as it should be. */
class Watched {
  #waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = [];

  /** Settles when it is so; a test that waits in vain ends by its own time limit. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ isSo, resolve });
    });
  }

  protected changed(): void {
    const now = this.#waiting.filter(({ isSo }) => isSo());
    this.#waiting = this.#waiting.filter((each) => !now.includes(each));
    for (const { resolve } of now) resolve();
  }
}

/** A tail's listener that writes down what it hears. */
export class Heard extends Watched implements TailListener {
  readonly entries: Entry[] = [];
  readonly byPartition = new Map<number, Entry[]>();
  readonly errors = new Map<number, LogError>();
  readonly nextOffsets = new Map<number, number>();
  readonly ends = new Map<number, number>();
  /** Called for each batch; what it returns goes back to the log. */
  onBatch: (partition: number, entries: readonly Entry[]) => void | Promise<void> = () => undefined;

  onEntries(partition: number, entries: readonly Entry[], nextOffset: number, end: number): void | Promise<void> {
    this.entries.push(...entries);
    this.byPartition.set(partition, [...this.of(partition), ...entries]);
    this.nextOffsets.set(partition, nextOffset);
    this.ends.set(partition, end);
    const answer = this.onBatch(partition, entries);
    this.changed();
    return answer;
  }

  onPartitionError(partition: number, error: LogError): void {
    this.errors.set(partition, error);
    this.changed();
  }

  of(partition: number): Entry[] {
    return this.byPartition.get(partition) ?? [];
  }

  texts(partition: number): (string | undefined)[] {
    return this.of(partition).map(text);
  }
}

/** A group's listener that knows what it owns now. */
export class Owned extends Watched implements GroupListener {
  now = new Map<number, Ownership>();
  readonly revoked: number[] = [];
  assignedCount = 0;

  onAssigned(ownerships: readonly Ownership[]): void {
    this.now = new Map(ownerships.map((ownership) => [ownership.partition, ownership]));
    this.assignedCount += 1;
    this.changed();
  }

  onRevoked(partitions: readonly number[]): void {
    this.revoked.push(...partitions);
    for (const partition of partitions) this.now.delete(partition);
    this.changed();
  }

  /** The ownership of a partition that is owned now. */
  of(partition: number): Ownership {
    const ownership = this.now.get(partition);
    if (ownership === undefined) throw new Error(`partition ${partition} is not owned`);
    return ownership;
  }
}

/** What a promise fails with; undefined where it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}
