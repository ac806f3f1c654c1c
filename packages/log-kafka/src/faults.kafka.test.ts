import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LogError } from "@perdure/log";
import type { Entry, Log, Ownership } from "@perdure/log";
import { freePorts, startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { TcpProxy } from "../../../tools/proxy/tcp-proxy.ts";
import { openKafkaLog } from "./index.ts";
import type { KafkaLogConfig, KafkaStatus } from "./index.ts";

const PARTITIONS = [0, 1, 2, 3];
const EVENTS = { name: "events", partitions: PARTITIONS.length, cleanup: "none" } as const;
const HEADS = { name: "heads", partitions: PARTITIONS.length, cleanup: "compact" } as const;
let dir: string;
let port: number;
let proxy: TcpProxy;
let statuses: KafkaStatus["state"][];
let address: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "perdure-faults-"));
  [port = 0] = await freePorts(1);
  proxy = await TcpProxy.start({ targets: [port] });
  address = `127.0.0.1:${proxy.port}`;
  statuses = [];
});

afterEach(async () => {
  await proxy.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A broker that sends its clients through the proxy. */
function start(): Promise<Broker> {
  return startBroker({ dir, port, properties: { "advertised.listeners": `PLAINTEXT://${address}` } });
}

function open(more: Partial<KafkaLogConfig> = {}): Promise<Log> {
  return openKafkaLog({
    brokers: [address],
    replication: { factor: 1, minInSync: 1 },
    onStatus: ({ state }) => statuses.push(state),
    ...more,
  });
}

function number({ value }: Entry): number {
  return Number(new TextDecoder().decode(value ?? new Uint8Array()));
}

describe("connections that drop", () => {
  test("lose, double and reorder nothing that is appended or followed", async () => {
    const broker = await start();
    const log = await open();
    await log.provision([EVENTS]);
    const heard = new Map<number, number[]>(PARTITIONS.map((partition) => [partition, []]));
    const { promise: heardAll, resolve } = Promise.withResolvers<void>();
    const tail = log.tail("events", {
      onEntries: (partition, entries) => {
        heard.get(partition)?.push(...entries.map(number));
        if ([...heard.values()].every((numbers) => numbers.length >= 500)) resolve();
      },
      onPartitionError: (_partition, error) => {
        throw error;
      },
    });
    for (const partition of PARTITIONS) tail.add(partition, 0);
    const appended = new AbortController();
    const dropping = (async () => {
      // Uneven waits, the same in every run: in the middle of requests and of answers.
      for (let step = 1; !appended.signal.aborted; step += 1) {
        await sleep(20 + ((step * 37) % 90));
        proxy.cut();
      }
    })();
    const appends = PARTITIONS.map(async (partition) => {
      const waiting: Promise<unknown>[] = [];
      for (let at = 0; at < 500; at += 1) {
        waiting.push(
          log.append("events", partition, { key: new Uint8Array(1), value: new TextEncoder().encode(String(at)) }),
        );
        await sleep(1 + (at % 3));
      }
      await Promise.all(waiting);
    });
    await Promise.all(appends);
    appended.abort();
    await dropping;
    await heardAll;
    const expected = Array.from({ length: 500 }, (_unused, at) => at);
    for (const partition of PARTITIONS) {
      expect(heard.get(partition)).toEqual(expected);
      const stored: number[] = [];
      while (stored.length < 500) {
        const entries = await log.read("events", partition, stored.length, { maxBytes: 1_000_000 });
        if (entries.length === 0) break;
        stored.push(...entries.map(number));
      }
      expect(stored).toEqual(expected);
      expect(await log.bounds("events", partition)).toEqual({ start: 0, end: 500 });
    }
    expect(proxy.cutCount).toBeGreaterThan(20);
    await log.close();
    await broker.stop();
  });
});

describe("a broker that is not there", () => {
  test("at the start is said, waited for, and found when it comes", async () => {
    const opening = open();
    while (statuses.length === 0) await sleep(10);
    expect(statuses).toEqual(["unreachable"]);
    const broker = await start();
    const log = await opening;
    expect(statuses).toEqual(["unreachable", "connected"]);
    await log.provision([EVENTS]);
    await log.append("events", 0, { key: new Uint8Array(1), value: new Uint8Array(1) });
    await log.close();
    await broker.stop();
  });

  test("can be given up", async () => {
    await expect(open({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ code: "closed" });
  });

  test("for a while stops appends and tails for that while only", async () => {
    const broker = await start();
    const log = await open();
    await log.provision([EVENTS]);
    const { promise: heard, resolve } = Promise.withResolvers<Entry>();
    const tail = log.tail("events", {
      onEntries: (_partition, [entry]) => {
        if (entry !== undefined) resolve(entry);
      },
      onPartitionError: () => undefined,
    });
    tail.add(2, 0);
    await broker.kill();
    const appending = log.append("events", 2, { key: new Uint8Array(1), value: new TextEncoder().encode("7") });
    while (!statuses.includes("unreachable")) await sleep(10);
    await broker.restart();
    expect(await appending).toEqual({ partition: 2, offset: 0 });
    expect(number(await heard)).toBe(7);
    expect(statuses).toEqual(["connected", "unreachable", "connected"]);
    await log.close();
    await broker.stop();
  });

  test("for a while leaves a group its member, who goes on under a new generation or the old one", async () => {
    const broker = await start();
    const log = await open({ group: { heartbeatMs: 100 } });
    await log.provision([EVENTS, HEADS]);
    let owned: readonly Ownership[] = [];
    const { promise: assigned, resolve } = Promise.withResolvers<void>();
    const onAssigned = (ownerships: readonly Ownership[]): void => {
      owned = ownerships;
      resolve();
    };
    await log.joinGroup("keepers", "events", { onAssigned, onRevoked: () => undefined });
    await assigned;
    await broker.kill();
    await broker.restart();
    const checkpoint = async (): Promise<boolean> => {
      const [ownership] = owned;
      if (ownership === undefined) return false;
      const writing = log.checkpoint(ownership, async (scope) => {
        await scope.append("heads", { key: new Uint8Array(1), value: new TextEncoder().encode("1") });
      });
      return writing.then(
        () => true,
        () => false,
      );
    };
    while (!(await checkpoint())) await sleep(100);
    expect((await log.read("heads", owned[0]?.partition ?? 0, 0, { maxBytes: 1_000 })).map(number)).toEqual([1]);
    await log.close();
    await broker.stop();
  });

  test("frozen for longer than every limit, and thawed, is used again by all that was refused meanwhile", async () => {
    const broker = await start();
    const log = await open({
      requestTimeoutMs: 500,
      deliveryTimeoutMs: 1_000,
      checkpointTimeoutMs: 1_000,
      group: { heartbeatMs: 100 },
    });
    await log.provision([EVENTS, HEADS]);
    const heard: number[] = [];
    const errors: unknown[] = [];
    const tail = log.tail("events", {
      onEntries: (_partition, entries) => void heard.push(...entries.map(({ offset }) => offset)),
      onPartitionError: (_partition, error) => void errors.push(error),
    });
    tail.add(0, 0);
    let owned: readonly Ownership[] = [];
    let revokedCount = 0;
    await log.joinGroup("keepers", "events", {
      onAssigned: (ownerships) => (owned = ownerships),
      onRevoked: (partitions) => (revokedCount += partitions.length),
    });
    while (owned.length < PARTITIONS.length) await sleep(10);
    const entry = { key: new Uint8Array(1), value: new Uint8Array(1) };
    await log.append("events", 0, entry);
    process.kill(broker.pid, "SIGSTOP");
    const [first] = owned;
    if (first === undefined) throw new Error("no partition was assigned");
    owned = [];
    // The signal stops the broker's threads one by one: the first appends may still be answered.
    const refused = async (): Promise<unknown> => {
      for (;;) {
        const refusal: unknown = await log.append("events", 0, entry).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (refusal !== undefined) return refusal;
      }
    };
    expect(await refused()).toMatchObject({ code: "unavailable" });
    const checkpoint = (ownership: Ownership): Promise<void> =>
      log.checkpoint(ownership, async (scope) => void (await scope.append("heads", entry)));
    await expect(checkpoint(first)).rejects.toMatchObject({ code: "unavailable" });
    // Until the member knows that the group has let it go.
    while (revokedCount < PARTITIONS.length) await sleep(10);
    process.kill(broker.pid, "SIGCONT");
    const failures: unknown[] = [];
    const succeeds = (attempt: () => Promise<unknown>): Promise<boolean> =>
      attempt().then(
        () => true,
        (error: unknown) => failures.push(error) < 0,
      );
    while (!(await succeeds(() => log.append("events", 0, entry)))) await sleep(10);
    while (owned.length < PARTITIONS.length) await sleep(10);
    const [again] = owned;
    if (again === undefined) throw new Error("no partition was assigned");
    while (!(await succeeds(() => checkpoint(again)))) await sleep(10);
    const { end } = await log.bounds("events", 0);
    while (heard.length < end) await sleep(10);
    expect(heard).toEqual(Array.from({ length: end }, (_unused, at) => at));
    expect(errors).toEqual([]);
    expect(failures.filter((failure) => !(failure instanceof LogError))).toEqual([]);
    await log.close();
    await broker.stop();
  });

  test("for too long fails what waits for it, with a time to wait, until it is there again", async () => {
    const broker = await start();
    const log = await open({ deliveryTimeoutMs: 500, limits: { retryAfterMs: 90 } });
    await log.provision([EVENTS]);
    await log.append("events", 0, { key: new Uint8Array(1), value: new Uint8Array(1) });
    await broker.kill();
    const entry = { key: new Uint8Array(1), value: new Uint8Array(1) };
    await expect(log.append("events", 0, entry)).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 90 });
    await expect(log.append("events", 0, entry)).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 90 });
    await broker.restart();
    // Nothing else asks for a broker meanwhile: this log has no tail, and it refuses its writers by itself.
    const isTaken = (): Promise<boolean> =>
      log.append("events", 0, entry).then(
        () => true,
        () => false,
      );
    while (!(await isTaken())) await sleep(10);
    await log.close();
    await broker.stop();
  });
});
