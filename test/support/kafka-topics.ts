// The topics as kafkajs reads them: a client that shares no code with ours.
import { randomUUID } from "node:crypto";
import { type Consumer, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { fold, fromHead, newSession, type SessionState } from "@perdure/core";
import { decodeHead, decodeIndexEntry, decodeRecord, type HeadJson, type IndexEntryJson } from "@perdure/protocol";
import { until } from "./until.ts";

const TOPICS = ["events", "heads", "index"] as const;
type Topic = (typeof TOPICS)[number];

interface ReadMessage {
  readonly partition: number;
  readonly offset: number;
  readonly timeMs: number;
  readonly key: string;
  readonly value: Buffer | null;
}

/** A session as it stands in the log. */
export interface StoredSession {
  /** Fold of all its records from nothing. */
  readonly state: SessionState;
  /** Its latest committed head, and the fold of that head and the records that it does not cover. */
  readonly head: HeadJson;
  readonly fromHead: SessionState;
}

export class KafkaTopics {
  readonly #prefix: string;
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  readonly #messages: Readonly<Record<Topic, ReadMessage[]>> = { events: [], heads: [], index: [] };

  /** Reads everything below the prefix from its beginning on, committed only, and goes on until it is closed. */
  static async open(brokers: string, prefix: string): Promise<KafkaTopics> {
    const topics = new KafkaTopics(brokers, prefix);
    await topics.#start();
    return topics;
  }

  private constructor(brokers: string, prefix: string) {
    this.#prefix = prefix;
    this.#kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
    this.#consumer = this.#kafka.consumer({
      groupId: `reader-${randomUUID()}`,
      readUncommitted: false,
      maxWaitTimeInMs: 100,
    });
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect();
  }

  /** All records of the session that are in the log now, folded from nothing. */
  async folded(key: string): Promise<SessionState> {
    await this.#readToEnd();
    return this.foldFrom(key, newSession());
  }

  /** The session once a head covers all that is in the log of it now. */
  async session(key: string): Promise<StoredSession> {
    await this.#readToEnd();
    const last = this.#of("events", key).at(-1)?.offset ?? -1;
    const entry = await until(`an index entry of ${key} that covers offset ${last}`, () => {
      const latest = this.#of("index", key).at(-1);
      const decoded = latest?.value ? decodeIndexEntry(latest.value) : undefined;
      return Number(decoded?.covered ?? -1) >= last && decoded;
    });
    const head = await this.#head(key, entry);
    await this.#readToEnd();
    return { head, state: this.foldFrom(key, newSession()), fromHead: this.foldFrom(key, fromHead(head)) };
  }

  /** All heads that the keeper has written of the session. */
  headsOf(key: string): HeadJson[] {
    return this.#of("heads", key).flatMap(({ value }) => (value === null ? [] : [decodeHead(value)]));
  }

  /** All records of the session that have been read. */
  recordsOf(key: string): { readonly offset: number; readonly timeMs: number; readonly value: Buffer }[] {
    return this.#of("events", key).flatMap(({ value, ...place }) => (value === null ? [] : [{ ...place, value }]));
  }

  /** `state`, and all records of the session after it. */
  foldFrom(key: string, state: SessionState): SessionState {
    for (const { value, offset, timeMs } of this.recordsOf(key)) {
      if (offset > state.covered) fold(state, decodeRecord(value), { offset, timeMs });
    }
    return state;
  }

  async #head(key: string, { headOffset }: IndexEntryJson): Promise<HeadJson> {
    const message = await until(`the head of ${key}`, () =>
      this.#of("heads", key).find(({ offset }) => offset === Number(headOffset ?? 0)),
    );
    if (message.value === null) throw new Error(`the index of ${key} names a head that is none`);
    return decodeHead(message.value);
  }

  #of(topic: Topic, key: string): ReadMessage[] {
    return this.#messages[topic].filter((message) => message.key === key).toSorted((a, b) => a.offset - b.offset);
  }

  async #start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: TOPICS.map((topic) => this.#prefix + topic), fromBeginning: true });
    await this.#consumer.run({
      eachMessage: async ({ topic, partition, message }) =>
        this.#take(topic.slice(this.#prefix.length), partition, message),
    });
  }

  #take(topic: string, partition: number, { key, value, offset, timestamp }: KafkaMessage): void {
    const known = TOPICS.find((one) => one === topic);
    if (known === undefined) return;
    const message = { partition, offset: Number(offset), timeMs: Number(timestamp), key: key?.toString() ?? "", value };
    this.#messages[known].push(message);
  }

  /** All that stands in `events` now; nothing there is transactional, so that the last offset is a record's. */
  async #readToEnd(): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(`${this.#prefix}events`);
    await admin.disconnect();
    for (const { partition, high } of ends) {
      if (high === "0") continue;
      await until(`offset ${Number(high) - 1} of events/${partition}`, () =>
        this.#messages.events.some((message) => message.partition === partition && message.offset === Number(high) - 1),
      );
    }
  }
}

/** The text of a run's answer in a state. */
export function answerIn(state: SessionState, runId: string): string {
  const own = [...state.messages.values()].filter((message) => message.runId === runId);
  return own
    .flatMap(({ parts }) => parts.filter(({ spec }) => spec.kind === "PART_KIND_TEXT").map(({ text }) => text))
    .join("");
}
