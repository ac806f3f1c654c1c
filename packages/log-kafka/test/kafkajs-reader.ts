import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";

/** A record as a client reads it that shares no code with ours. */
export interface ForeignRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly headers: Record<string, string>;
}

/** Reads a topic with kafkajs from its beginning, committed records only, until `isAll`; by partition and offset. */
export async function readWithKafkajs(
  brokers: readonly string[],
  topic: string,
  isAll: (records: readonly ForeignRecord[]) => boolean,
): Promise<ForeignRecord[]> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `reader-${randomUUID()}`,
    readUncommitted: false,
    // It cannot leave before every broker has answered, and one that has nothing answers after that time.
    maxWaitTimeInMs: 100,
  });
  const records: ForeignRecord[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message: { key, value, offset, headers = {} } }) => {
      const texts = Object.entries(headers).map(([name, content]): [string, string] => [name, String(content)]);
      records.push({
        partition,
        offset: Number(offset),
        key: key?.toString(),
        value: value?.toString(),
        headers: Object.fromEntries(texts),
      });
      if (isAll(records)) resolve();
    },
  });
  await all;
  await consumer.disconnect();
  return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}
