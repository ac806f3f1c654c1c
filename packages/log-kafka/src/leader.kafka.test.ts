import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LogError } from "@perdure/log";
import type { Entry, Log, Ownership } from "@perdure/log";
import { startBrokers } from "../../../tools/kafka/brokers.ts";
import type { Brokers } from "../../../tools/kafka/brokers.ts";
import { openKafkaLog } from "./index.ts";

const PARTITIONS = [0, 1, 2];
const NOT_YET: Ownership = { partition: 0, member: "nobody", generation: 0 };
const dir = mkdtempSync(join(tmpdir(), "perdure-leader-"));
let brokers: Brokers;

beforeAll(async () => {
  brokers = await startBrokers({ dir, count: 3 });
});

afterAll(async () => {
  await brokers.kill();
  rmSync(dir, { recursive: true, force: true });
});

function number({ value }: Entry): number {
  return Number(new TextDecoder().decode(value ?? new Uint8Array()));
}

function numbered(at: number): { key: Uint8Array; value: Uint8Array } {
  return { key: new Uint8Array(1), value: new TextEncoder().encode(String(at)) };
}

/** Makes a checkpoint, again for as long as its coordinators are still moving. */
async function checkpointed(log: Log, owned: () => Ownership | undefined): Promise<void> {
  for (;;) {
    const failure = await log
      .checkpoint(owned() ?? NOT_YET, async (scope) => {
        await scope.append("heads", numbered(1));
      })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    if (failure === undefined) return;
    expect(["unavailable", "fenced"]).toContain(failure instanceof LogError ? failure.code : failure);
    await sleep(200);
  }
}

describe("three brokers, each entry on at least two", () => {
  test("lose, double and reorder nothing when a leader is killed, and a checkpoint goes on", async () => {
    const log = await openKafkaLog({ brokers: brokers.bootstrap.split(","), group: { heartbeatMs: 100 } });
    await log.provision([
      { name: "events", partitions: PARTITIONS.length, cleanup: "none" },
      { name: "heads", partitions: PARTITIONS.length, cleanup: "compact" },
    ]);
    let owned: readonly Ownership[] = [];
    const onAssigned = (ownerships: readonly Ownership[]): void => {
      owned = ownerships;
    };
    await log.joinGroup("keepers", "events", { onAssigned, onRevoked: () => undefined });
    const heard = new Map<number, number[]>(PARTITIONS.map((partition) => [partition, []]));
    const { promise: heardAll, resolve } = Promise.withResolvers<void>();
    const tail = log.tail("events", {
      onEntries: (partition, entries) => {
        heard.get(partition)?.push(...entries.map(number));
        if ([...heard.values()].every((numbers) => numbers.length >= 400)) resolve();
      },
      onPartitionError: () => undefined,
    });
    for (const partition of PARTITIONS) tail.add(partition, 0);
    let killed: Promise<void> | undefined;
    const appends = PARTITIONS.map(async (partition) => {
      const waiting: Promise<unknown>[] = [];
      for (let at = 0; at < 400; at += 1) {
        waiting.push(log.append("events", partition, numbered(at)));
        await sleep(4);
        // Each broker leads one of the partitions.
        if (at === 150) killed ??= brokers.nodes[0]?.kill();
      }
      await Promise.all(waiting);
    });
    await Promise.all([...appends, killed]);
    await heardAll;
    const expected = Array.from({ length: 400 }, (_unused, at) => at);
    for (const partition of PARTITIONS) {
      expect(heard.get(partition)).toEqual(expected);
      expect(await log.bounds("events", partition)).toEqual({ start: 0, end: 400 });
    }
    await checkpointed(log, () => owned[0]);
    await log.close();
  });

  test("are used while one of them takes connections and answers nothing", async () => {
    const [frozen] = brokers.nodes;
    if (frozen === undefined) throw new Error("there is no broker");
    await frozen.restart();
    await brokers.formed();
    process.kill(frozen.pid, "SIGSTOP");
    const opening = openKafkaLog({
      brokers: brokers.bootstrap.split(","),
      requestTimeoutMs: 1_000,
      signal: AbortSignal.timeout(60_000),
    });
    await expect(opening).resolves.toBeDefined();
    process.kill(frozen.pid, "SIGCONT");
    await (await opening).close();
  });
});
