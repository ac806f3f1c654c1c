import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { type Broker, type BrokerOptions, freePorts, startBroker } from "./broker.ts";
import { brokerAnswers } from "./probe.ts";

async function start(options: Omit<BrokerOptions, "dir">): Promise<Broker> {
  const dir = mkdtempSync(join(tmpdir(), "perdure-broker-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const broker = await startBroker({ dir, ...options });
  onTestFinished(() => broker.stop());
  return broker;
}

test("a killed broker comes back at the same address with what it had acknowledged", async () => {
  const broker = await start({});
  const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])));
  await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 1 }] });
  await producer.send({ topic: "kept", acks: -1, messages: [{ value: "a" }, { value: "b" }] });

  await broker.kill();
  expect(await brokerAnswers(broker.bootstrap)).toBe(false);
  await broker.restart();

  expect(await admin.fetchTopicOffsets("kept")).toMatchObject([{ high: "2" }]);
});

test("a port that is taken is named", async () => {
  const broker = await start({});
  const port = Number(broker.bootstrap.split(":")[1]);
  await expect(start({ port })).rejects.toThrow(`port ${port} on 127.0.0.1 is in use`);
});

test("a broker that cannot start says why", async () => {
  await expect(start({ properties: { "num.partitions": "none" } })).rejects.toThrow(/num\.partitions/);
});

test("a free port is given once, also while nothing listens on it yet, and to this test file's worker alone", async () => {
  const ports = [...(await freePorts(40)), ...(await freePorts(40))];
  expect(new Set(ports).size).toBe(80);
  const first = 20_000 + Number(process.env["VITEST_POOL_ID"]) * 1_500;
  expect(ports.filter((port) => port < first || port >= first + 1_500)).toEqual([]);
});
