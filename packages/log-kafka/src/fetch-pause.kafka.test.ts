import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { openKafkaLog } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const PAUSE_MS = 50;

test("a tail that pauses after each fetch misses nothing, doubles nothing and asks less often", async () => {
  const log = await openKafkaLog({
    brokers: (process.env["KAFKA_BROKERS"] ?? "").split(","),
    topicPrefix: `pause-${randomUUID()}.`,
    replication: { factor: 1, minInSync: 1 },
    fetchPauseMs: PAUSE_MS,
  });
  await log.provision([{ name: "events", partitions: 2, cleanup: "none" }]);
  const offsets: number[] = [];
  let fetches = 0;
  const all = Promise.withResolvers<void>();
  const tail = log.tail("events", {
    onEntries: (_partition, entries) => {
      if (entries.length > 0) fetches += 1;
      offsets.push(...entries.map(({ offset }) => offset));
      if (offsets.length === 100) all.resolve();
    },
    onPartitionError: (_partition, error) => all.reject(error),
  });
  tail.add(0, 0);
  for (let number = 0; number < 100; number += 1) await log.append("events", 0, { key: bytes("k"), value: bytes("v") });
  await all.promise;
  expect(offsets).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(fetches).toBeLessThan(100);
  await tail.close();
  await log.close();
});

test("a pause holds back no partition that is newly wanted", async () => {
  const log = await openKafkaLog({
    brokers: (process.env["KAFKA_BROKERS"] ?? "").split(","),
    topicPrefix: `pause-${randomUUID()}.`,
    replication: { factor: 1, minInSync: 1 },
    fetchPauseMs: 100_000,
  });
  await log.provision([{ name: "events", partitions: 2, cleanup: "none" }]);
  const heard = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const tail = log.tail("events", {
    onEntries: (partition, entries) => {
      if (entries.length > 0) heard[partition]?.resolve();
    },
    onPartitionError: (partition, error) => heard[partition]?.reject(error),
  });
  tail.add(0, 0);
  await log.append("events", 0, { key: bytes("k"), value: bytes("v") });
  await heard[0]?.promise;
  await log.append("events", 1, { key: bytes("k"), value: bytes("v") });
  tail.add(1, 0);
  await expect(heard[1]?.promise).resolves.toBeUndefined();
  await tail.close();
  await log.close();
});
