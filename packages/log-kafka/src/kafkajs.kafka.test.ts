import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Entry, Log, Ownership } from "@perdure/log";
import { readWithKafkajs } from "../test/kafkajs-reader.ts";
import type { ForeignRecord } from "../test/kafkajs-reader.ts";
import { openKafkaLog } from "./index.ts";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const PREFIX = `foreign-${process.pid}-${Date.now()}.`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let log: Log;

beforeAll(async () => {
  log = await openKafkaLog({ brokers, topicPrefix: PREFIX, replication: { factor: 1, minInSync: 1 } });
  await log.provision([
    { name: "events", partitions: 3, cleanup: "none" },
    { name: "heads", partitions: 3, cleanup: "compact" },
  ]);
});

afterAll(() => log.close());

function asForeign(partition: number, { offset, key, value, headers = [] }: Entry): ForeignRecord {
  const text = (content: Uint8Array): string => new TextDecoder().decode(content);
  return {
    partition,
    offset,
    key: text(key),
    value: value === null ? undefined : text(value),
    headers: Object.fromEntries(headers.map((header) => [header.name, text(header.value)])),
  };
}

async function readWithLog(topic: string): Promise<ForeignRecord[]> {
  const records: ForeignRecord[] = [];
  for (const partition of [0, 1, 2]) {
    const { end } = await log.bounds(topic, partition);
    for (let at = 0; at < end;) {
      const entries = await log.read(topic, partition, at, { maxBytes: 100_000 });
      if (entries.length === 0) break;
      records.push(...entries.map((entry) => asForeign(partition, entry)));
      at = (entries.at(-1)?.offset ?? at) + 1;
    }
  }
  return records;
}

describe("a client that shares no code with this one reads the same", () => {
  test("of plain appends: keys, values, tombstones, headers, order and place", async () => {
    const appends = Array.from({ length: 600 }, (_unused, at) =>
      log.append("events", at % 3, {
        key: bytes(`tenant/session-${at % 7}`),
        value: at % 50 === 49 ? null : bytes(`ä${"x".repeat(at * 3)}${at}`),
        ...(at % 4 === 0 ? { headers: [{ name: "traceparent", value: bytes(`00-${at}`) }] } : {}),
      }),
    );
    await Promise.all(appends);
    const foreign = await readWithKafkajs(brokers, `${PREFIX}events`, (records) => records.length === 600);
    expect(foreign).toEqual(await readWithLog("events"));
  });

  test("of checkpoints: what was committed, and nothing that was not", async () => {
    const assigned = Promise.withResolvers<readonly Ownership[]>();
    const group = await log.joinGroup("keepers", "events", {
      onAssigned: assigned.resolve,
      onRevoked: () => undefined,
    });
    const [ownership] = await assigned.promise;
    if (ownership === undefined) throw new Error("nothing is owned");
    for (let at = 0; at < 6; at += 1) {
      const isKept = at % 2 === 0;
      const checkpoint = log.checkpoint(ownership, async (scope) => {
        await scope.append("heads", { key: bytes(`a${at}`), value: bytes(isKept ? "kept" : "dropped") });
        await scope.append("heads", { key: bytes(`b${at}`), value: bytes(isKept ? "kept" : "dropped") });
        if (!isKept) throw new Error("dropped");
      });
      const outcome = await checkpoint.then(
        () => "kept",
        (error: unknown) => String(error),
      );
      expect(outcome).toBe(isKept ? "kept" : "Error: dropped");
    }
    await log.append("heads", ownership.partition, { key: bytes("last"), value: bytes("last") });
    const foreign = await readWithKafkajs(brokers, `${PREFIX}heads`, (records) => records.at(-1)?.key === "last");
    expect(foreign.map(({ value }) => value)).toEqual([...Array.from({ length: 6 }, () => "kept"), "last"]);
    expect(foreign).toEqual(await readWithLog("heads"));
    await group.close();
  });
});
