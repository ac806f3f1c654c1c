// What became of what was acknowledged, as a client reads it that shares no code with ours.
import { Kafka, logLevel } from "kafkajs";
import { readWithKafkajs } from "../kafkajs-reader.ts";
import { type Entry, entryOf, GREETING, type Sent, textOf } from "./writers.ts";

export interface Judgement {
  readonly acknowledged: number;
  /** Acknowledged, and not in the log. */
  readonly lost: number;
  /** Copies beyond the first. */
  readonly doubled: number;
  /** Entries that stand behind a later one of the same writer. */
  readonly outOfOrder: number;
  /** What was said of those that were never acknowledged; they may stand in the log or not. */
  readonly refused: readonly string[];
}

/** `stored`: what the log holds, in order. */
export function judge(stored: readonly Entry[], { acknowledged, refused }: Omit<Sent, "sent">): Judgement {
  const found = new Set(stored.map(textOf));
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((entry) => !found.has(textOf(entry))).length,
    doubled: stored.length - found.size,
    outOfOrder: outOfOrderIn(stored),
    refused,
  };
}

function outOfOrderIn(stored: readonly Entry[]): number {
  const highest = new Map<number, number>();
  let count = 0;
  for (const { writer, number } of stored) {
    const before = highest.get(writer) ?? -1;
    if (number < before) count += 1;
    highest.set(writer, Math.max(before, number));
  }
  return count;
}

/** All that stands in a topic, as kafkajs reads it. */
export async function storedIn(brokers: readonly string[], topic: string): Promise<Entry[]> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const total = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const records = await readWithKafkajs(brokers, topic, ({ length }) => length === total);
  return records.map(({ value = "" }) => entryOf(value)).filter(({ writer }) => writer !== GREETING.writer);
}
