import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "@perdure/log";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../../../tools/kafka/broker.ts";
import { startBrokers } from "../../../tools/kafka/brokers.ts";
import type { Brokers } from "../../../tools/kafka/brokers.ts";
import { type Answering, AnswerProxy, Api, Gate } from "../test/answer-proxy.ts";
import { openKafkaLog } from "./index.ts";

const ENTRY = { key: new Uint8Array(1), value: new Uint8Array(1) };
const dir = mkdtempSync(join(tmpdir(), "perdure-moved-"));
let brokers: Brokers;
let proxies: readonly AnswerProxy[];
let admin: Admin;

beforeAll(async () => {
  const ports = await freePorts(2);
  proxies = await Promise.all(ports.map((port) => AnswerProxy.start(port)));
  const properties = (nodeId: number): Record<string, string> => ({
    "advertised.listeners": `PLAINTEXT://${proxies[nodeId - 1]?.address}`,
  });
  brokers = await startBrokers({ dir, count: 2, ports, properties });
  admin = new Kafka({ brokers: proxies.map(({ address }) => address), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  await brokers.kill();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  rmSync(dir, { recursive: true, force: true });
});

/** Gives a topic of one partition to a broker, and waits until that one leads it. */
async function move(topic: string, nodeId: number): Promise<void> {
  const partitionAssignment = [{ partition: 0, replicas: [nodeId] }];
  await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
  const leader = async (): Promise<number | undefined> =>
    (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions[0]?.leader;
  while ((await leader()) !== nodeId) await sleep(20);
}

/** A log with topics of one partition that the first broker leads, and that were written to. */
async function openAtFirstBroker(topics: readonly string[]): Promise<Log> {
  const addresses = proxies.map(({ address }) => address);
  const log = await openKafkaLog({ brokers: addresses, topicPrefix: "", replication: { factor: 1, minInSync: 1 } });
  await log.provision(topics.map((name) => ({ name, partitions: 1, cleanup: "none" })));
  for (const topic of topics) {
    await move(topic, 1);
    await log.append(topic, 0, ENTRY);
  }
  return log;
}

test("what waits at a broker that is slow goes out at the one that leads it since, and there alone", async () => {
  const topics = ["slow", "moved"];
  const log = await openAtFirstBroker(topics);
  const gate = new Gate();
  const asked: string[] = [];
  proxies[0]?.change(Api.produce, (exchange) => {
    asked.push(...topics.filter((topic) => exchange.request.includes(topic)));
    return gate.hold(exchange);
  });
  const slow = log.append("slow", 0, ENTRY);
  await gate.reached;
  const waiting = log.append("moved", 0, ENTRY);
  await move("moved", 2);
  expect((await log.bounds("moved", 0)).end).toBe(1);
  // The next one finds the new leader, and takes along what waits for the old one.
  expect(await Promise.all([waiting, log.append("moved", 0, ENTRY)])).toMatchObject([{ offset: 1 }, { offset: 2 }]);
  gate.open();
  await slow;
  await log.append("slow", 0, ENTRY);
  // A busy machine may have "slow" sent once more; what has moved was never asked for here.
  expect(new Set(asked)).toEqual(new Set(["slow"]));
  await log.close();
});

/** In a metadata answer, between a topic's name and its first leader: id, kind, a count, and that partition's code and number. */
const LEADER_AFTER = 16 + 1 + 1 + 2 + 4;

test("what waits at a broker that is slow waits for a leader where there is none now, and goes out once", async () => {
  const topics = ["busy", "orphaned"];
  const log = await openAtFirstBroker(topics);
  const gate = new Gate();
  const asked: string[] = [];
  const answering: Answering = ({ api, request, answer }) => {
    if (api === Api.metadata && answer.includes("orphaned")) {
      answer.writeInt32BE(-1, answer.indexOf("orphaned") + "orphaned".length + LEADER_AFTER);
    }
    if (api !== Api.produce) return answer;
    asked.push(...topics.filter((topic) => request.includes(topic)));
    return gate.hold({ api, request, answer });
  };
  for (const proxy of proxies) proxy.answering = answering;
  const busy = log.append("busy", 0, ENTRY);
  await gate.reached;
  const waiting = log.append("orphaned", 0, ENTRY);
  await expect(log.bounds("not there", 0)).rejects.toMatchObject({ code: "no_such_topic" });
  const next = log.append("orphaned", 0, ENTRY);
  gate.open();
  await busy;
  await log.append("busy", 0, ENTRY);
  expect(new Set(asked)).toEqual(new Set(["busy"]));
  for (const proxy of proxies) proxy.reset();
  expect(await Promise.all([waiting, next])).toMatchObject([{ offset: 1 }, { offset: 2 }]);
  await log.close();
});
