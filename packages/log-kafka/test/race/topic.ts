import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Admin, Kafka, logLevel } from "kafkajs";
import type { ProxiedBrokers } from "../../../../tools/kafka/proxied-brokers.ts";

/** Makes a topic of its own for a race, with as many copies as there are brokers, three at most. */
export async function createTopic(
  { addresses }: ProxiedBrokers,
  numPartitions: number,
): Promise<{ readonly topicPrefix: string; readonly topic: string }> {
  const topicPrefix = `race-${randomUUID().slice(0, 8)}.`;
  const topic = "entries";
  const admin = new Kafka({ brokers: [...addresses], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const replicationFactor = Math.min(3, addresses.length);
  const configEntries = [{ name: "min.insync.replicas", value: String(Math.min(2, addresses.length)) }];
  const spec = { topic: topicPrefix + topic, numPartitions, replicationFactor, configEntries };
  await admin.createTopics({ topics: [spec], waitForLeaders: false });
  while (!(await isLed(admin, spec.topic, numPartitions))) await sleep(50);
  await admin.disconnect();
  return { topicPrefix, topic };
}

/** Also false for as long as the broker that is asked has not heard of the topic: kafkajs does not wait for that. */
async function isLed(admin: Admin, topic: string, partitionCount: number): Promise<boolean> {
  const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
  const partitions = metadata?.topics[0]?.partitions ?? [];
  return partitions.length === partitionCount && partitions.every(({ leader }) => leader >= 0);
}
