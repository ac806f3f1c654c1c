// Who is put to the test: every one idempotent and with acks=all, as its makers say that nothing is lost.
import { type Producer as PlatformaticProducer, Producer, stringSerializers } from "@platformatic/kafka";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { openKafkaLog } from "../../src/index.ts";

export interface ClientUnderTest {
  /** Resolves when acknowledged. */
  append(partition: number, text: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface ClientPlace {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly topic: string;
}

export type OpenClient = (place: ClientPlace) => Promise<ClientUnderTest>;

const TRIES = 60;
const RETRY_MS = 250;

export const openLog: OpenClient = async ({ brokers, topicPrefix, topic }) => {
  const log = await openKafkaLog({ brokers, topicPrefix, deliveryTimeoutMs: 60_000 });
  const encoder = new TextEncoder();
  return {
    append: (partition, text) =>
      log.append(topic, partition, { key: encoder.encode(text.split(":")[0]), value: encoder.encode(text) }),
    close: () => log.close(),
  };
};

export const openKafkajs: OpenClient = async ({ brokers, topicPrefix, topic }) => {
  const retry = { retries: TRIES, initialRetryTime: RETRY_MS, maxRetryTime: RETRY_MS };
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry });
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry,
  });
  await producer.connect();
  return {
    append: (partition, value) =>
      producer.send({ topic: topicPrefix + topic, acks: -1, messages: [{ partition, value }] }),
    close: () => producer.disconnect(),
  };
};

export const openPlatformatic: OpenClient = async ({ brokers, topicPrefix, topic }) => {
  const producer: PlatformaticProducer<string, string, string, string> = new Producer({
    clientId: "race",
    bootstrapBrokers: [...brokers],
    serializers: stringSerializers,
    idempotent: true,
    retries: TRIES,
    retryDelay: RETRY_MS,
  });
  return {
    append: (partition, value) =>
      producer.send({ messages: [{ topic: topicPrefix + topic, partition, value }], acks: -1 }),
    close: () => producer.close(),
  };
};
