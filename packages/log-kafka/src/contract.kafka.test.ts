import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log, NewEntry } from "@perdure/log";
import { logContract } from "@perdure/log/contract";
import type { OpenOptions } from "@perdure/log/contract";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll } from "vitest";
import { startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { openKafkaLog } from "./index.ts";

const dir = mkdtempSync(join(tmpdir(), "perdure-log-kafka-"));
const PREFIX = "contract.";
let broker: Broker;

// A broker of its own, because one of the tests kills it.
beforeAll(async () => {
  broker = await startBroker({ dir });
});

afterAll(async () => {
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

function open({ limits = {}, isPatient = false }: OpenOptions = {}): Promise<Log> {
  return openKafkaLog({
    brokers: [broker.bootstrap],
    topicPrefix: PREFIX,
    replication: { factor: 1, minInSync: 1 },
    limits,
    longPollMs: isPatient ? 100_000 : 500,
    // A broker that comes back on a busy machine may take its time.
    deliveryTimeoutMs: 100_000,
    // Members learn of a rebalance by their heartbeats.
    group: { heartbeatMs: 100 },
  });
}

/** Appends through a crash of the broker, which comes back on the same data. */
async function appendThroughKill(topic: string, count: number): Promise<readonly number[]> {
  const log = await open();
  const acknowledged: number[] = [];
  const key = new TextEncoder().encode("key");
  const restarted = Promise.withResolvers<void>();
  await Promise.all(
    Array.from({ length: count }, async (_unused, at) => {
      await sleep(at);
      await log.append(topic, 0, { key, value: new TextEncoder().encode(String(at)) });
      acknowledged.push(at);
      if (acknowledged.length === count / 2) restarted.resolve(broker.kill().then(() => broker.restart()));
    }),
  );
  await restarted.promise;
  await log.close();
  return acknowledged;
}

async function appendStamped(topic: string, partition: number, entry: NewEntry, stampMs: number): Promise<void> {
  const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const value = entry.value === null ? null : Buffer.from(entry.value);
  const message = { key: Buffer.from(entry.key), value, partition, timestamp: String(stampMs) };
  await producer.send({ topic: PREFIX + topic, messages: [message] });
  await producer.disconnect();
}

logContract("Kafka log", { open, appendThroughKill, appendStamped });
