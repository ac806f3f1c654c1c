import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonical, fold, newSession, type RuleBook, type SessionState, toHead } from "@perdure/core";
import { type Appended, type Entry, type Log, partitionOf } from "@perdure/log";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { decodeRecord, encodeRecord, keyBytes, type RecordJson } from "@perdure/protocol";
import { entryKeyText } from "../entry-key.ts";
import { TOPICS, topicSpecs } from "../topics.ts";
import { ManualClock } from "./manual-clock.ts";
import { WatchedLog } from "./watched-log.ts";

const READ_BYTES = 1024 * 1024;

/** A real log in a directory of its own, with all topics, on a clock that the test moves. */
export class TestLog {
  readonly clock: ManualClock;
  readonly partitions: number;
  readonly #dir: string;
  #watched: WatchedLog;

  private constructor(log: Log, dir: string, clock: ManualClock, partitions: number) {
    this.#watched = new WatchedLog(log);
    this.#dir = dir;
    this.clock = clock;
    this.partitions = partitions;
  }

  static async open(partitions = 1): Promise<TestLog> {
    const dir = await mkdtemp(join(tmpdir(), "perdure-test-log-"));
    const clock = new ManualClock();
    const log = await openEmbeddedLog({ dir, clock: () => clock.now() });
    await log.provision(topicSpecs(partitions));
    return new TestLog(log, dir, clock, partitions);
  }

  get log(): Log {
    return this.#watched.log;
  }

  /** Settles when whatever goes on in the process waits for the clock, or for the test. */
  atRest(): Promise<void> {
    return this.#watched.atRest();
  }

  /** As a process does that begins again. */
  async reopen(): Promise<void> {
    await this.log.close();
    this.#watched = new WatchedLog(await openEmbeddedLog({ dir: this.#dir, clock: () => this.clock.now() }));
  }

  async close(): Promise<void> {
    await this.log.close();
    await rm(this.#dir, { recursive: true });
  }

  partitionOf(sessionKey: string): number {
    return partitionOf(sessionKey, this.partitions);
  }

  append(sessionKey: string, record: RecordJson): Promise<Appended> {
    return this.appendBytes(sessionKey, encodeRecord(record));
  }

  appendBytes(sessionKey: string, value: Uint8Array): Promise<Appended> {
    return this.log.append(TOPICS.events, this.partitionOf(sessionKey), { key: keyBytes(sessionKey), value });
  }

  /** Everything that a topic holds in a partition, from `start` on. */
  async entries(topic: string, partition: number, start = 0): Promise<Entry[]> {
    const { end } = await this.log.bounds(topic, partition);
    const found: Entry[] = [];
    for (let offset = start; offset < end;) {
      const read = await this.log.read(topic, partition, offset, { maxBytes: READ_BYTES });
      const last = read.at(-1);
      if (last === undefined) break;
      found.push(...read);
      offset = last.offset + 1;
    }
    return found;
  }

  /** The session as the whole log tells it, without heads; call it while nothing has been trimmed. */
  async foldAll(sessionKey: string, book?: RuleBook): Promise<SessionState> {
    const state = newSession();
    for (const entry of await this.entries(TOPICS.events, this.partitionOf(sessionKey))) {
      if (entry.value === null || entryKeyText(entry) !== sessionKey) continue;
      fold(state, decodeRecord(entry.value), entry, book);
    }
    return state;
  }
}

/** The state's canonical bytes, as text: what must be equal wherever it was folded. */
export const canonicalText = (state: SessionState): string => canonical(toHead(state));

/** Waits until `test` holds, letting everything else in the process go on. Fails by the test's own time limit. */
export async function until(test: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setImmediate(resolve));
}
