import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Log } from "@perdure/log";
import { openKafkaLog } from "./index.ts";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const PREFIX = `provision-${process.pid}-${Date.now()}.`;
const kafkajs = new Kafka({ brokers, logLevel: logLevel.NOTHING });
const admin = kafkajs.admin();
let log: Log;

beforeAll(async () => {
  await admin.connect();
  log = await openKafkaLog({ brokers, topicPrefix: PREFIX, replication: { factor: 1, minInSync: 1 } });
});

afterAll(async () => {
  await admin.disconnect();
  await log.close();
});

async function configOf(topic: string): Promise<Map<string, string>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: PREFIX + topic }],
  });
  return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
}

describe("provisioning", () => {
  test("gives a topic what perdure relies on", async () => {
    await log.provision([
      { name: "events", partitions: 2, cleanup: "none" },
      { name: "heads", partitions: 2, cleanup: "compact" },
    ]);
    const events = await configOf("events");
    const heads = await configOf("heads");
    for (const config of [events, heads]) {
      expect(config.get("message.timestamp.type")).toBe("LogAppendTime");
      expect(config.get("unclean.leader.election.enable")).toBe("false");
      expect(config.get("min.insync.replicas")).toBe("1");
      expect(Number(config.get("max.message.bytes"))).toBeGreaterThan(8 * 1024 * 1024);
    }
    expect([events.get("cleanup.policy"), heads.get("cleanup.policy")]).toEqual(["delete", "compact"]);
    // The keeper trims, and nobody else.
    expect([events.get("retention.ms"), events.get("retention.bytes")]).toEqual(["-1", "-1"]);
  });

  test("says where a topic that others made differs, and leaves it alone", async () => {
    const configEntries = [{ name: "retention.ms", value: "1000" }];
    await admin.createTopics({
      topics: [{ topic: `${PREFIX}theirs`, numPartitions: 3, replicationFactor: 1, configEntries }],
    });
    const before = await configOf("theirs");
    const differences = await log.provision([{ name: "theirs", partitions: 4, cleanup: "none" }]);
    expect(differences.map(({ setting, wanted, found }) => [setting, wanted, found])).toEqual([
      ["message.timestamp.type", "LogAppendTime", "CreateTime"],
      ["max.message.bytes", "8454144", "1048588"],
      ["retention.ms", "-1", "1000"],
      ["partitions", "4", "3"],
    ]);
    expect(await configOf("theirs")).toEqual(before);
  });

  test("says what Kafka does not allow", async () => {
    const demanding = await openKafkaLog({ brokers, topicPrefix: PREFIX, replication: { factor: 9, minInSync: 5 } });
    const provisioning = demanding.provision([{ name: "nowhere", partitions: 1, cleanup: "none" }]);
    await expect(provisioning).rejects.toThrow(/nowhere: .*replication factor/i);
    await demanding.close();
  });
});
