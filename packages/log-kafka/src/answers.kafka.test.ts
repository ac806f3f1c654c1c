import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckpointScope, Entry, Log, LogError, Ownership, TailListener } from "@perdure/log";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePorts, startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { AnswerProxy, Api, Gate } from "../test/answer-proxy.ts";
import { openKafkaLog } from "./index.ts";
import type { KafkaLogConfig } from "./index.ts";

// What a broker may answer, or not: each by itself, in answers that a proxy holds back or replaces.

const EVENTS = { name: "events", partitions: 4, cleanup: "none" } as const;
const HEADS = { name: "heads", partitions: 4, cleanup: "compact" } as const;
const OTHER = { name: "other", partitions: 1, cleanup: "none" } as const;
const ENTRY = { key: new Uint8Array(1), value: new Uint8Array(1) };
/** Of the answer to a fetch: a tag buffer, the throttle time, and then the code of it all. */
const FETCH_ERROR_AT = 5;
/** UNKNOWN_SERVER_ERROR, without a session or any partition. */
const REFUSED_FETCH = Buffer.from([0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 1, 0]);
const CLOSER = join(import.meta.dirname, "../test/joined-until-closed.ts");
const dir = mkdtempSync(join(tmpdir(), "perdure-answers-"));
let broker: Broker;
let proxy: AnswerProxy;
let topicPrefix: string;
let logs: Log[] = [];

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  proxy = await AnswerProxy.start(port);
  const properties = {
    "advertised.listeners": `PLAINTEXT://${proxy.address}`,
    "group.min.session.timeout.ms": "100",
  };
  broker = await startBroker({ dir, port, properties });
});

afterEach(async () => {
  proxy.reset();
  for (const log of logs) await log.close();
  logs = [];
});

afterAll(async () => {
  await broker.stop();
  await proxy.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(more: Partial<KafkaLogConfig> = {}): Promise<Log> {
  const log = await openKafkaLog({
    brokers: [proxy.address],
    topicPrefix,
    replication: { factor: 1, minInSync: 1 },
    ...more,
  });
  logs.push(log);
  return log;
}

/** A log whose topics are there, and one that has not heard of them yet. */
async function provisioned(more: Partial<KafkaLogConfig> = {}): Promise<Log> {
  topicPrefix = `answers-${randomUUID()}.`;
  const log = await open(more);
  await log.provision([EVENTS, HEADS, OTHER]);
  return log;
}

async function deleteTopic(name: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topicPrefix + name] });
  await admin.disconnect();
}

/** A tail's listener that counts what it hears. */
class Listener implements TailListener {
  readonly entryCounts = new Map<number, number>();
  readonly errors: LogError[] = [];
  #changed = Promise.withResolvers<void>();

  onEntries(partition: number, entries: readonly Entry[]): void {
    this.entryCounts.set(partition, (this.entryCounts.get(partition) ?? 0) + entries.length);
    this.#tell();
  }

  onPartitionError(_partition: number, error: LogError): void {
    this.errors.push(error);
    this.#tell();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

describe("a log that is opened", () => {
  test("while no broker says who it writes as waits for that, and ends when it is told to", async () => {
    const ended = new AbortController();
    const asked = Promise.withResolvers<void>();
    proxy.answering = ({ api, answer }) => {
      if (api !== Api.initProducerId) return answer;
      asked.resolve();
      return undefined;
    };
    const opening = open({ signal: ended.signal });
    await asked.promise;
    ended.abort();
    await expect(opening).rejects.toMatchObject({ code: "closed" });
  });
});

describe("a topic that is looked up", () => {
  test("while an answer is on its way that does not speak of it is found all the same", async () => {
    await provisioned();
    const log = await open();
    const gate = new Gate();
    proxy.change(Api.metadata, gate.hold);
    const first = log.bounds("events", 0);
    await gate.reached;
    const second = log.bounds("heads", 0);
    gate.open();
    expect(await Promise.all([first, second])).toEqual([
      { start: 0, end: 0 },
      { start: 0, end: 0 },
    ]);
  });

  test("is unavailable, and no more than that, while nobody says how it is kept", async () => {
    await provisioned();
    const log = await open({ requestTimeoutMs: 500 });
    proxy.change(Api.describeConfigs, () => undefined);
    await expect(log.read("events", 0, 0, { maxBytes: 1_000 })).rejects.toMatchObject({ code: "unavailable" });
    proxy.reset();
    expect(await log.read("events", 0, 0, { maxBytes: 1_000 })).toEqual([]);
  });
});

describe("a tail", () => {
  test("whose broker refuses its fetches as a whole asks where else it may, and comes back", async () => {
    const log = await provisioned();
    const listener = new Listener();
    log.tail("events", listener).add(0, 0);
    await listener.until(() => listener.entryCounts.has(0));
    const apis: number[] = [];
    const refusedOften = Promise.withResolvers<void>();
    proxy.answering = ({ api, answer }) => {
      apis.push(api);
      if (apis.filter((each) => each === Api.fetch).length === 5) refusedOften.resolve();
      return api === Api.fetch ? REFUSED_FETCH : answer;
    };
    await refusedOften.promise;
    proxy.reset();
    expect(apis.join(" ")).not.toContain(`${Api.fetch} ${Api.fetch}`);
    await log.append("events", 0, ENTRY);
    await listener.until(() => listener.entryCounts.get(0) === 1);
  });

  test("of a topic that has been deleted hears so, and asks seldom until then, however busy others are", async () => {
    const log = await provisioned({ requestTimeoutMs: 3_000 });
    const [gone, busy] = [new Listener(), new Listener()];
    log.tail("other", gone).add(0, 0);
    log.tail("events", busy).add(0, 0);
    await Promise.all([gone.until(() => gone.entryCounts.has(0)), busy.until(() => busy.entryCounts.has(0))]);
    let askedCount = 0;
    proxy.change(Api.metadata, ({ answer }) => {
      askedCount += 1;
      return answer;
    });
    await deleteTopic("other");
    for (let sent = 1; gone.errors.length === 0; sent += 1) {
      await log.append("events", 0, ENTRY);
      await busy.until(() => busy.entryCounts.get(0) === sent);
    }
    expect(gone.errors).toMatchObject([{ code: "no_such_topic" }]);
    expect(busy.errors).toEqual([]);
    // Waits that double up to a second: a dozen in that time, where every answer to another would start them anew hundreds.
    expect(askedCount).toBeLessThan(40);
  });

  test("that is closed while its topic is looked up leaves nothing behind that is asked for", async () => {
    const log = await provisioned();
    // From here on its leader knows that it leads it.
    await log.bounds("events", 0);
    const fetching = new Gate();
    const metadata = new Gate();
    let fetchCount = 0;
    proxy.answering = (exchange) => {
      if (exchange.api === Api.fetch && (fetchCount += 1) > 0) return fetching.hold(exchange);
      // Once provisioning has forgotten what was known of it, all topics are asked for.
      if (exchange.api === Api.metadata && exchange.request.includes("heads")) return metadata.hold(exchange);
      return exchange.answer;
    };
    const tail = log.tail("events", new Listener());
    tail.add(0, 0);
    await fetching.reached;
    const provisioning = log.provision([EVENTS]);
    await metadata.reached;
    await tail.close();
    metadata.open();
    await provisioning;
    fetching.open();
    for (let round = 0; round < 50; round += 1) await log.bounds("events", 0);
    expect(fetchCount).toBe(1);
  });

  test("that is closed while its fetch is on its way asks for nothing more where that is refused", async () => {
    const log = await provisioned();
    await log.bounds("events", 0);
    const fetching = new Gate();
    let askedCount = 0;
    proxy.answering = async (exchange) => {
      if (exchange.api === Api.metadata) askedCount += 1;
      if (exchange.api !== Api.fetch) return exchange.answer;
      await fetching.hold(exchange);
      return REFUSED_FETCH;
    };
    const tail = log.tail("events", new Listener());
    tail.add(0, 0);
    await fetching.reached;
    await tail.close();
    fetching.open();
    for (let round = 0; round < 50; round += 1) await log.bounds("events", 0);
    expect(askedCount).toBe(0);
  });

  test("that pauses between two fetches keeps one fetch session on each of its connections", async () => {
    const log = await provisioned({ fetchPauseMs: 300, longPollMs: 200 });
    const listener = new Listener();
    const codes: number[] = [];
    let silentOften = Promise.withResolvers<void>();
    proxy.change(Api.fetch, ({ answer }) => {
      if (codes.push(answer.readInt16BE(FETCH_ERROR_AT)) >= 6) silentOften.resolve();
      return answer;
    });
    const tail = log.tail("events", listener);
    tail.add(0, 0);
    await listener.until(() => listener.entryCounts.has(0));
    await log.append("events", 0, ENTRY);
    await listener.until(() => listener.entryCounts.get(0) === 1);
    // While the first connection pauses, a second one takes over, and a third is wanted.
    for (const partition of [1, 2]) {
      tail.add(partition, 0);
      await listener.until(() => listener.entryCounts.has(partition));
      await log.bounds("events", partition);
    }
    await log.append("events", 0, ENTRY);
    await listener.until(() => listener.entryCounts.get(0) === 2);
    codes.length = 0;
    silentOften = Promise.withResolvers();
    await silentOften.promise;
    expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe("a checkpoint", () => {
  test("that cannot begin is unavailable, and goes through once it can", async () => {
    const log = await provisioned({ requestTimeoutMs: 500, checkpointTimeoutMs: 500 });
    const assigned = Promise.withResolvers<readonly Ownership[]>();
    await log.joinGroup("keepers", "events", { onAssigned: assigned.resolve, onRevoked: () => undefined });
    const [ownership] = await assigned.promise;
    if (ownership === undefined) throw new Error("no partition was assigned");
    const write = async (scope: CheckpointScope): Promise<void> => void (await scope.append("heads", ENTRY));
    const failing = new Error("no");
    await expect(log.checkpoint(ownership, () => Promise.reject(failing))).rejects.toBe(failing);
    proxy.change(Api.initProducerId, () => undefined);
    await expect(log.checkpoint(ownership, write)).rejects.toMatchObject({ name: "LogError", code: "unavailable" });
    proxy.reset();
    await log.checkpoint(ownership, write);
  });
});

describe("a group", () => {
  test("that answers no heartbeat has let its member go, each time that it is in again", async () => {
    const group = { heartbeatMs: 100, sessionTimeoutMs: 500 };
    const log = await provisioned({ requestTimeoutMs: 300, group });
    proxy.change(Api.heartbeat, () => undefined);
    const told: string[] = [];
    const often = Promise.withResolvers<void>();
    await log.joinGroup("keepers", "events", {
      onAssigned: ({ length }) => told.push(`assigned ${length}`),
      onRevoked: ({ length }) => {
        told.push(`revoked ${length}`);
        if (told.length >= 6) often.resolve();
      },
    });
    await often.promise;
    expect(told).toEqual(Array.from({ length: 3 }, () => ["assigned 4", "revoked 4"]).flat());
  });

  test("that its member leaves while he joins anew is done with for his process", async () => {
    await provisioned();
    const keeper = fork(CLOSER, [proxy.address, topicPrefix]);
    onTestFinished(() => void keeper.kill("SIGKILL"));
    await once(keeper, "message");
    const joining = new Gate();
    const bothJoin = Promise.withResolvers<void>();
    let joiningCount = 0;
    proxy.change(Api.syncGroup, (exchange) => {
      joiningCount += 1;
      if (joiningCount === 2) bothJoin.resolve();
      return joining.hold(exchange);
    });
    // Whoever joins beside him makes him join anew. The answer to that reaches him when he has said that he leaves.
    proxy.onAsked = (api) => {
      if (api === Api.leaveGroup) joining.open();
    };
    const other = await open({ group: { heartbeatMs: 100 } });
    const assigned = Promise.withResolvers<unknown>();
    const joined = other.joinGroup("keepers", "events", { onAssigned: assigned.resolve, onRevoked: () => undefined });
    await bothJoin.promise;
    keeper.send("close");
    await once(keeper, "exit");
    expect([keeper.exitCode, keeper.signalCode]).toEqual([0, null]);
    await Promise.all([joined, assigned.promise]);
  });
});
