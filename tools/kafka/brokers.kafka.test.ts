import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { freePorts } from "./broker.ts";
import { startBrokers } from "./brokers.ts";
import { brokerAnswers, brokersKnown } from "./probe.ts";

const twoOfThree = [{ name: "min.insync.replicas", value: "2" }];

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "perdure-brokers-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("three brokers keep three copies, and take entries for every partition while two of them live", async () => {
  const brokers = await startBrokers({ dir: folder(), count: 3 });
  onTestFinished(() => brokers.kill());
  const kafka = new Kafka({
    brokers: brokers.bootstrap.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 40 },
  });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])));
  const topic = { topic: "copied", numPartitions: 3, replicationFactor: 3, configEntries: twoOfThree };
  await admin.createTopics({ topics: [topic] });
  const [described] = (await admin.fetchTopicMetadata({ topics: ["copied"] })).topics;
  expect(described?.partitions.map(({ replicas }) => replicas.length)).toEqual([3, 3, 3]);
  const send = (partition: number) =>
    producer.send({ topic: "copied", acks: -1, messages: [{ partition, value: "a" }] });

  await brokers.nodes[0]?.kill();
  await Promise.all([0, 1, 2].map(send));

  await brokers.nodes[0]?.restart();
  await brokers.formed();
  await Promise.all([0, 1, 2].map(send));
  const ends = await admin.fetchTopicOffsets("copied");
  expect(ends.map(({ high }) => Number(high) >= 2)).toEqual([true, true, true]);
});

test("./dev kafka starts three that outlive it, says when one is gone, and stops the rest", async () => {
  const dir = folder();
  const [port = 0] = await freePorts(1);
  const addresses = [0, 1, 2].map((index) => `127.0.0.1:${port + index}`);
  const env = { ...process.env };
  delete env["KAFKA_BROKERS"];
  const kafka = (...args: string[]): string => {
    const script = ["tools/kafka.ts", ...args, "--dir", dir, "--port", String(port)];
    const { stdout, stderr } = spawnSync(process.execPath, script, { encoding: "utf8", env });
    return stdout + stderr;
  };
  onTestFinished(() => void kafka("stop"));
  expect(kafka("start", "--nodes", "3")).toContain(`running at ${addresses.join(",")}`);
  for (const address of addresses) expect(await brokersKnown(address)).toBe(3);
  expect(kafka("start", "--nodes", "3")).toContain(`already running at ${addresses.join(",")}`);
  expect(kafka("status")).toContain(`running at ${addresses.join(",")}`);

  const pid = Number(/"pid":(\d+)/.exec(readFileSync(join(dir, "brokers.json"), "utf8"))?.[1]);
  process.kill(pid, "SIGKILL");
  while (await brokerAnswers(addresses[0] ?? "")) continue;
  expect(kafka("status")).toContain(`no answer from ${addresses[0]} (pid`);
  expect(kafka("start")).toContain(`no answer from ${addresses[0]} (pid ${pid}): ./dev kafka stop`);
  expect(kafka("stop")).toBe("stopped\n");
  expect(kafka("status")).toBe("not running\n");
  expect(await Promise.all(addresses.map((address) => brokerAnswers(address)))).toEqual([false, false, false]);
});

test("a number of nodes that makes no sense is refused", () => {
  const { stderr } = spawnSync(process.execPath, ["tools/kafka.ts", "start", "--nodes", "many"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] },
  });
  expect(stderr).toBe("--nodes takes a whole number from 1 to 9, not 'many'\n");
});
