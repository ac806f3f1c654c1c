import { describe, expect, test } from "vitest";
import { kafkaSettings } from "./config.ts";
import { openKafkaLog } from "./open.ts";

const brokers = ["127.0.0.1:9092"];

describe("kafkaSettings", () => {
  test("hands TLS and SASL settings to every connection", () => {
    const tls = { ca: "certificate", rejectUnauthorized: true };
    const sasl = { mechanism: "SCRAM-SHA-512", username: "perdure", password: "secret" } as const;
    expect(kafkaSettings({ brokers, tls, sasl }).connection).toMatchObject({ tls, tlsServerName: true, sasl });
  });

  test("uses neither where neither is said", () => {
    const { connection } = kafkaSettings({ brokers });
    expect(connection).not.toHaveProperty("tls");
    expect(connection).not.toHaveProperty("sasl");
  });

  test("keeps members and replicas as the design says, unless told otherwise", () => {
    expect(kafkaSettings({ brokers })).toMatchObject({
      replication: { factor: 3, minInSync: 2 },
      group: { sessionTimeoutMs: 6_000, heartbeatMs: 2_000, rebalanceTimeoutMs: 10_000 },
    });
    expect(kafkaSettings({ brokers, group: { heartbeatMs: 100 } }).group).toMatchObject({
      sessionTimeoutMs: 6_000,
      heartbeatMs: 100,
    });
  });

  test("refuses an address that is none at once, instead of waiting for it", async () => {
    for (const address of ["localhost", "localhost:0", "localhost:99999", ":9092"]) {
      await expect(openKafkaLog({ brokers: [address] })).rejects.toThrow(TypeError);
    }
  });

  test("refuses a configuration without a broker, and limits that cannot be", () => {
    expect(() => kafkaSettings({ brokers: [] })).toThrow(TypeError);
    expect(() => kafkaSettings({ brokers, limits: { entryBytes: 10, laneQueueBytes: 5 } })).toThrow(RangeError);
  });
});
