import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { canonical, fold, newSession, type RuleBook, type SessionState, toHead } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { type Log, partitionOf } from "@perdure/log";
import { openKafkaLog } from "@perdure/log-kafka";
import { decodeRecord, encodeRecord, keyBytes, type RecordJson } from "@perdure/protocol";
import { createReplica, entryKeyText, type HeldSession, type Replica, TOPICS, topicSpecs } from "@perdure/replica";
import { SampleWriter, TestLogger, until } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Keeper, startKeeper } from "./keeper.ts";
import type { KeeperSettings } from "./settings.ts";

const PARTITIONS = 4;
const KEYS = ["acme/one", "acme/two", "acme/three", "acme/four"];
const logger = createLogger({ service: "keeper", node: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });
const quiet = { onAccepted: () => undefined, onLost: () => undefined };

let prefix: string;
let log: Log;
let closing: (() => Promise<void>)[];
const writers = new Map<string, SampleWriter>();

beforeEach(async () => {
  prefix = `keeper-${randomUUID().slice(0, 8)}.`;
  closing = [];
  log = await open();
  await log.provision(topicSpecs(PARTITIONS));
  for (const key of KEYS) {
    const writer = new SampleWriter(randomUUID(), "ROLE_USER");
    writers.set(key, writer);
    await append(key, writer.create());
  }
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
});

/** A log handle of its own, as every process has. */
async function open(): Promise<Log> {
  const opened = await openKafkaLog({
    brokers: (process.env["KAFKA_BROKERS"] ?? "").split(","),
    topicPrefix: prefix,
    replication: { factor: 1, minInSync: 1 },
    group: { heartbeatMs: 200 },
  });
  closing.push(() => opened.close());
  return opened;
}

/** `book`: the rules that it knows. */
async function newKeeper(settings: Partial<KeeperSettings> = {}, book?: RuleBook): Promise<Keeper> {
  const config = { node: randomUUID(), partitions: PARTITIONS, checkpointMs: 200, ...settings };
  const keeper = await startKeeper({ log: await open(), logger, config, ...(book && { book }) });
  closing.push(() => keeper.stop());
  return keeper;
}

async function newReplica(book?: RuleBook): Promise<Replica> {
  const known = book && { book };
  const replica = createReplica({ log: await open(), partitions: PARTITIONS, logger: new TestLogger(), ...known });
  closing.push(() => replica.close());
  return replica;
}

async function append(key: string, record: RecordJson): Promise<void> {
  const entry = { key: keyBytes(key), value: encodeRecord(record) };
  await log.append(TOPICS.events, partitionOf(key, PARTITIONS), entry, { lane: key });
}

async function sayEverywhere(text = "some words"): Promise<void> {
  for (const [key, writer] of writers) await append(key, writer.say(text));
}

async function foldAll(key: string, book?: RuleBook): Promise<SessionState> {
  const state = newSession();
  const partition = partitionOf(key, PARTITIONS);
  const { end } = await log.bounds(TOPICS.events, partition);
  for (let offset = 0; offset < end;) {
    const entries = await log.read(TOPICS.events, partition, offset, { maxBytes: 1_000_000 });
    for (const entry of entries) {
      offset = entry.offset + 1;
      if (entry.value !== null && entryKeyText(entry) === key) fold(state, decodeRecord(entry.value), entry, book);
    }
  }
  return state;
}

const text = (state: SessionState): string => canonical(toHead(state));

async function attachAll(): Promise<HeldSession[]> {
  const replica = await newReplica();
  return Promise.all(KEYS.map((key) => replica.attach(key, quiet)));
}

async function expectAllWhole(): Promise<void> {
  for (const held of await attachAll()) expect(text(held.state)).toBe(text(await foldAll(held.sessionKey)));
}

/** Heads cover all that is in the log: a node that attaches has nothing recent to give. */
async function allCovered(): Promise<void> {
  await until(async () => {
    await delay(100);
    const held = await attachAll();
    return held.every((session) => session.state.seq > 0 && session.acceptedSince(session.state.seq - 1) === undefined);
  });
}

describe("keepers on a real broker", () => {
  it("cover sessions with heads from which another node goes on", async () => {
    await newKeeper();
    await sayEverywhere();
    await allCovered();
    await sayEverywhere();
    await expectAllWhole();
  });

  it("hand over when one joins and when one leaves, and lose nothing", async () => {
    await newKeeper();
    await sayEverywhere();
    const second = await newKeeper();
    for (let round = 0; round < 10; round += 1) await sayEverywhere();
    await allCovered();
    await second.stop();
    await sayEverywhere();
    await allCovered();
    await expectAllWhole();
  });

  it("shed pages that are found from the newest back to the first", async () => {
    await newKeeper();
    const [key = ""] = KEYS;
    for (let count = 0; count < 12; count += 1) {
      await append(key, writers.get(key)?.say(`${count} ${"a passage of some length ".repeat(1_000)}`) ?? {});
    }
    await allCovered();
    const replica = await newReplica();
    const { state } = await replica.attach(key, quiet);
    expect(state.nextPage).toBeGreaterThan(2);
    const ids = new Set(state.messages.keys());
    for (let number = state.nextPage - 1; number >= 0; number -= 1) {
      const page = await replica.readPage(key, state.epoch ?? 0, number);
      for (const message of page?.messages ?? []) ids.add(message.id ?? "");
    }
    expect(ids.size).toBe(12);
  });

  it("go on past a session whose rules they do not know, and the next one that knows them goes on with it (SPEC 14)", async () => {
    const old = await newKeeper();
    await sayEverywhere();
    const [key = "", ...others] = KEYS;
    const node = new SampleWriter(randomUUID(), "ROLE_SYSTEM");
    await append(key, node.record([{ rulesUpgraded: { version: NEXT_RULE_BOOK.length } }]));
    for (let round = 0; round < 5; round += 1) await sayEverywhere();
    const replica = await newReplica();
    await until(async () => {
      await delay(100);
      const held = await Promise.all(others.map((other) => replica.attach(other, quiet)));
      return held.every(({ state }) => state.messages.size === 6);
    });
    await expect((await newReplica()).attach(key, quiet)).rejects.toMatchObject({ code: "rules_too_new" });
    const whole = text(await foldAll(key, NEXT_RULE_BOOK));
    expect(text((await (await newReplica(NEXT_RULE_BOOK)).attach(key, quiet)).state)).toBe(whole);
    await old.stop();
    await newKeeper({ eventsKeptMs: 0, trimMs: 200 }, NEXT_RULE_BOOK);
    const partition = partitionOf(key, PARTITIONS);
    await until(async () => {
      await delay(100);
      const { start, end } = await log.bounds(TOPICS.events, partition);
      return start === end;
    });
    const held = await (await newReplica(NEXT_RULE_BOOK)).attach(key, quiet);
    expect(text(held.state)).toBe(whole);
    expect(held.acceptedSince(held.state.seq - 1)).toBeUndefined();
  });
});
