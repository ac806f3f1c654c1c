import { randomUUID } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@perdure/client";
import type { Edge } from "@perdure/edge";
import { type Log, partitionOf } from "@perdure/log";
import { openKafkaLog } from "@perdure/log-kafka";
import { type HeldSession, TOPICS } from "@perdure/replica";
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Reader, shownOf } from "./reader.ts";
import { expectMet, walk } from "./seam.ts";
import { PARTITIONS, StubAgent, TENANT, token, urlOf, World, Writer } from "./support.ts";

const SESSION = "trip";
const KEY = `${TENANT}/${SESSION}`;
const PARTITION = partitionOf(KEY, PARTITIONS);
const LONG = "a passage of some length, as answers are. ".repeat(100);
/** So many messages of that length pass the 64 KB from which a session sheds. */
const SHED_AFTER = 24;
const brokers = (): string[] => (process.env["KAFKA_BROKERS"] ?? "").split(",");
const ignore = { onAccepted: () => undefined, onLost: () => undefined };

let prefix: string;
let world: World;
let admin: Admin;
let backend: Writer;
let held: HeldSession;
const logs: Log[] = [];

beforeEach(async () => {
  prefix = `resume-${randomUUID().slice(0, 8)}.`;
  world = await World.on(await open(), await mkdtemp(path.join(tmpdir(), "perdure-resume-")));
  // The client that plays the operator shares no code with ours.
  admin = new Kafka({ brokers: brokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  held = await world.replica.attach(KEY, ignore);
  backend = new Writer(held, { participant: "backend", role: "ROLE_SERVICE" }, "backend");
  await backend.write([{ sessionCreated: { title: "a trip" } }]);
});

afterEach(async () => {
  await world.close();
  for (const log of logs.splice(0)) await log.close();
  await admin.disconnect();
});

/** A handle of its own, as every process has. */
async function open(): Promise<Log> {
  const log = await openKafkaLog({
    brokers: brokers(),
    topicPrefix: prefix,
    replication: { factor: 1, minInSync: 1 },
    group: { heartbeatMs: 200 },
  });
  return log;
}

async function keeper(settings = {}) {
  const log = await open();
  logs.push(log);
  return world.keeper(settings, log);
}

/** The reader has all that there is, and shows what a node shows that has just begun. */
async function expectWhole(reader: Reader): Promise<void> {
  const server = await world.freshReplica().attach(KEY, ignore);
  await reader.reach((state) => state.seq >= server.state.seq);
  expect(shownOf(reader.state, server.state)).toBe(shownOf(server.state, server.state));
}

/** Resolves when nothing of the partition is left in `events`: heads cover it all. */
async function trimmed(): Promise<void> {
  await expect
    .poll(async () => world.log.bounds(TOPICS.events, PARTITION).then(({ start, end }) => end - start), {
      timeout: 30_000,
    })
    .toBe(0);
}

const SOON = {
  "segment.ms": "100",
  "min.cleanable.dirty.ratio": "0.001",
  "max.compaction.lag.ms": "100",
  "delete.retention.ms": "100",
};

/** Makes a compacted topic's cleaner run as soon as it can. */
async function compactSoon(topic: string): Promise<void> {
  const resource = { type: ConfigResourceTypes.TOPIC, name: `${prefix}${topic}` };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  const own = resources.flatMap(({ configEntries }) => configEntries).filter(({ isDefault }) => !isDefault);
  // The call replaces all that the topic sets for itself.
  const wanted = {
    ...Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue])),
    ...SOON,
  };
  const configEntries = Object.entries(wanted).map(([name, value]) => ({ name, value }));
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
}

describe("resume on a real broker (SPEC 10)", () => {
  test("goes on after heads and index were compacted and every record was trimmed, back to the first event", async () => {
    await compactSoon(TOPICS.heads);
    await compactSoon(TOPICS.index);
    const firstId = await backend.say(`first ${LONG}`);
    await keeper({ eventsKeptMs: 0, trimMs: 100 });
    const reader = new Reader(SESSION);
    await reader.attach(await world.edge());
    reader.leave();
    await trimmed();
    const before = await world.freshReplica().attach(KEY, ignore);
    expect(before.state.seq).toBe(held.state.seq);
    const ids = [firstId];
    // Each round makes another head; the cleaner takes the earlier ones away, and what the reader had seen is shed.
    await expect
      .poll(
        async () => {
          ids.push(await backend.say(`later ${LONG}`));
          const [oldest] = await world.log.read(TOPICS.heads, PARTITION, 0, { maxBytes: 1 });
          return ids.length < SHED_AFTER ? 0 : (oldest?.offset ?? 0);
        },
        { timeout: 90_000, interval: 300 },
      )
      .toBeGreaterThan(1);
    await trimmed();
    await reader.attach(await world.edge());
    expect(reader.hows).toEqual(["snapshot", "snapshot"]);
    await expectWhole(reader);
    const pages = await reader.history();
    const past = pages.flatMap(({ messages = [] }) => messages.map(({ id = "" }) => id));
    expect([...past, ...reader.state.messages.keys()].toSorted()).toEqual(ids.toSorted());
    expect(pages.at(-1)?.messages?.[0]?.parts?.[0]?.part?.text).toContain("first ");
    reader.leave();
  });

  test("goes on in the middle of hand-overs between keepers, on nodes that have just begun and on old ones", async () => {
    await backend.write([{ runRequested: { agent: "helper" } }]);
    const agent = await StubAgent.join(world, SESSION);
    await agent.accept();
    await agent.open();
    const edge: Edge = await world.edge();
    const readers = [new Reader(SESSION), new Reader(SESSION), new Reader(SESSION)];
    await Promise.all(readers.map((reader) => reader.attach(edge)));
    let current = await keeper({ eventsKeptMs: 0, trimMs: 100 });
    for (const [round, reader] of readers.entries()) {
      reader.leave();
      for (let word = 0; word < 20; word += 1) await agent.say(`${round}.${word} `);
      const joining = keeper({ eventsKeptMs: 0, trimMs: 100 });
      await agent.say("| ");
      const back = reader.attach(round === 1 ? edge : await world.edge());
      for (let word = 0; word < 20; word += 1) await agent.say("- ");
      const next = await joining;
      await current.stop();
      await agent.say(". ");
      await back;
      current = next;
    }
    await agent.finish();
    for (const reader of readers) {
      await expectWhole(reader);
      expect(reader.hows.at(-1)).not.toBe("snapshot");
      reader.leave();
    }
  });

  test("reads history while tokens stream and what is shown leaves the server, without gap and overlap", async () => {
    await keeper({ eventsKeptMs: 0, trimMs: 100 });
    const ids: string[] = [];
    for (let count = 0; count < 40; count += 1) ids.push(await backend.say(`${count} ${LONG}`));
    const client = createClient({ url: urlOf(await world.edge()), getToken: () => token(), baseDelayMs: 1 });
    const session = client.session(SESSION);
    await expect.poll(() => session.view.messages.length).toBeGreaterThan(0);
    await backend.write([{ runRequested: { agent: "helper" } }]);
    const agent = await StubAgent.join(world, SESSION);
    await agent.accept();
    await agent.open();
    ids.push(agent.messageId);
    const walked = await walk(session, async () => {
      await agent.say("a token ");
      for (let count = 0; count < 4; count += 1) ids.push(await backend.say(`later ${LONG}`));
    });
    await agent.finish();
    await expect.poll(() => session.view.seq).toBe(held.state.seq);
    expectMet(session, walked, ids, [agent.runId]);
    client.close();
  });

  test("says history_lost, never new, where retention has taken what no head covers", async () => {
    const reader = new Reader(SESSION);
    await backend.say("one");
    await reader.attach(await world.edge());
    const topic = `${prefix}${TOPICS.events}`;
    // Metadata names a new partition's leader a moment before that broker knows that it is.
    const ends = await vi.waitFor(() => admin.fetchTopicOffsets(topic), { timeout: 30_000 });
    const end = Number(ends.find(({ partition }) => partition === PARTITION)?.high);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: PARTITION, offset: String(end - 1) }] });
    await expect(reader.attach(await world.edge())).rejects.toMatchObject({ code: "history_lost" });
    const stopped = await keeper();
    await expect(new Reader(SESSION).attach(await world.edge())).rejects.toMatchObject({ code: "history_lost" });
    await expect.poll(() => stopped.readiness(), { timeout: 30_000 }).toMatchObject({ ready: false });
    // Whoever had read it all in time still has it.
    expect(held.state.messages.size).toBe(1);
  });
});
