import type { Log } from "@perdure/log";
import { TOPICS } from "@perdure/replica";
import { alteredLog, canonicalText, SampleWriter } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeeperTest } from "./testing/keeper-test.ts";

const KEYS = ["acme/one", "acme/two", "acme/three", "acme/four", "acme/five"];

let world: KeeperTest;
let writers: Map<string, SampleWriter>;

beforeEach(async () => {
  world = await KeeperTest.start(4);
  writers = new Map(KEYS.map((key, index) => [key, new SampleWriter(`w${index}`, "ROLE_USER")]));
  for (const [key, writer] of writers) await world.test.append(key, writer.create());
});

afterEach(() => world.stop());

async function sayEverywhere(): Promise<void> {
  for (const [key, writer] of writers) await world.test.append(key, writer.say("some words"));
}

async function expectAllWhole(): Promise<void> {
  for (const key of KEYS) {
    const held = await world.attach(key);
    expect([key, canonicalText(held.state)]).toEqual([key, canonicalText(await world.test.foldAll(key))]);
  }
}

async function expectAllCovered(): Promise<void> {
  for (let partition = 0; partition < 4; partition += 1) {
    const { end } = await world.test.log.bounds(TOPICS.events, partition);
    expect([partition, await world.watermark(partition)]).toEqual([partition, end - 1]);
  }
}

/** The log of a keeper whose next checkpoint is written whole, and then something happens before it commits. */
function beforeNextCommit(act: () => Promise<unknown>): { log: Log; outcomes: string[] } {
  const { log } = world.test;
  const outcomes: string[] = [];
  let done = false;
  const altered = alteredLog(log, {
    async checkpoint(ownership, write) {
      try {
        await log.checkpoint(ownership, async (scope) => {
          await write(scope);
          if (done) return;
          done = true;
          await act();
        });
        outcomes.push("committed");
      } catch (error) {
        outcomes.push(error instanceof Error && "code" in error ? String(error.code) : String(error));
        throw error;
      }
    },
  });
  return { log: altered, outcomes };
}

describe("keepers that share the partitions", () => {
  it("go on where the other one stopped, when one joins and when one leaves", async () => {
    await world.keeper({ node: "first" });
    await sayEverywhere();
    await world.pass(3_000);
    const second = await world.keeper({ node: "second" });
    await sayEverywhere();
    await world.pass(10_000);
    await expectAllCovered();
    await sayEverywhere();
    await second.stop();
    await sayEverywhere();
    await world.pass(10_000);
    await expectAllCovered();
    await expectAllWhole();
  });

  it("make nothing visible of a checkpoint whose partition went to another one meanwhile", async () => {
    const { log, outcomes } = beforeNextCommit(() => world.keeper({ node: "second" }));
    await world.keeper({ node: "first" }, log);
    await sayEverywhere();
    await world.pass(9_000);
    expect(outcomes).toContain("fenced");
    await sayEverywhere();
    await world.pass(20_000);
    expect(outcomes.at(-1)).toBe("committed");
    await expectAllCovered();
    await expectAllWhole();
  });

  it("try again when a checkpoint fails for another reason, and cover what came meanwhile too", async () => {
    const { log, outcomes } = beforeNextCommit(async () => {
      await sayEverywhere();
      throw new Error("the broker went away");
    });
    await world.keeper({}, log);
    await sayEverywhere();
    await world.pass(20_000);
    expect(outcomes).toContain("Error: the broker went away");
    await expectAllCovered();
    await expectAllWhole();
  });

  it("answer for what was acknowledged while nobody kept the partitions", async () => {
    const first = await world.keeper({ node: "first" });
    await sayEverywhere();
    await first.stop();
    await sayEverywhere();
    await expectAllWhole();
    await world.keeper({ node: "second" });
    await world.pass(10_000);
    await expectAllCovered();
    await expectAllWhole();
  });
});

describe("an index that is slow to come", () => {
  it("is read to its end before anything in it counts as due", async () => {
    const key = KEYS[0] ?? "";
    const bot = new SampleWriter("bot", "ROLE_AGENT", { instance: "i-1" });
    const here = { instance: "i-1", node: "ingest", incarnation: 1 };
    const first = await world.keeper({ node: "first" });
    await world.test.append(key, bot.record([{ agentJoined: { ...here, agent: "helper", attachment: "a" } }]));
    const node = new SampleWriter("node", "ROLE_SYSTEM");
    const lost = { agentLost: { instance: "i-1", attachment: "a", reason: "LOST_REASON_STREAM" } } as const;
    await world.test.append(key, node.record([lost], { cause: { seq: 2 } }));
    await world.covered(key);
    await world.test.append(key, bot.record([{ agentResumed: { ...here, attachment: "b" } }]));
    await sayEverywhere();
    await world.covered(key);
    await first.stop();
    await world.pass(20_000);
    await world.keeper({ node: "second" }, oneByOne(TOPICS.index));
    await sayEverywhere();
    await world.pass(20_000);
    await expectAllCovered();
    await expectAllWhole();
  });

  /** The log with a tail that hands out one entry at a time, while time passes. */
  function oneByOne(slowTopic: string): Log {
    const { log, clock } = world.test;
    return alteredLog(log, {
      tail: (topic, listener) =>
        topic !== slowTopic
          ? log.tail(topic, listener)
          : log.tail(topic, {
              onPartitionError: (partition, error) => listener.onPartitionError(partition, error),
              async onEntries(partition, entries, nextOffset, end) {
                for (const entry of entries) {
                  await listener.onEntries(partition, [entry], entry.offset, end);
                  clock.advance(1);
                  await new Promise((resolve) => setImmediate(resolve));
                }
                await listener.onEntries(partition, [], nextOffset, end);
              },
            }),
    });
  }
});

describe("a head that is slow to come", () => {
  it("has its session looked at when it is here, for what fell due meanwhile", async () => {
    const key = KEYS[0] ?? "";
    const bot = new SampleWriter("bot", "ROLE_AGENT", { instance: "i-1" });
    const first = await world.keeper({ node: "first" });
    const joined = { instance: "i-1", node: "ingest", incarnation: 1, agent: "helper", attachment: "a" };
    await world.test.append(key, bot.record([{ agentJoined: joined }]));
    const lost = { agentLost: { instance: "i-1", attachment: "a", reason: "LOST_REASON_STREAM" } } as const;
    await world.test.append(key, new SampleWriter("node", "ROLE_SYSTEM").record([lost], { cause: { seq: 2 } }));
    await world.covered(key);
    await first.stop();
    const { log } = world.test;
    const released = Promise.withResolvers<void>();
    const slow = alteredLog(log, {
      async read(topic, partition, offset, options) {
        const found = await log.read(topic, partition, offset, options);
        return topic === TOPICS.heads ? released.promise.then(() => found) : found;
      },
    });
    await world.keeper({ node: "second" }, slow);
    await world.test.append(key, writers.get(key)?.say("only words") ?? bot.create());
    for (let second = 0; second < 20; second += 1) {
      world.test.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    released.resolve();
    await world.pass(2_000);
    expect((await world.attach(key)).state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_CRASHED");
  });

  it("holds up its own session and no other", async () => {
    const first = await world.keeper({ node: "first" });
    await first.stop();
    const { log } = world.test;
    const released = Promise.withResolvers<void>();
    const slowKey = KEYS[0] ?? "";
    const partition = world.test.partitionOf(slowKey);
    const names = Array.from({ length: 20 }, (_unused, index) => `acme/n${index}`);
    const neighbour = names.find((key) => world.test.partitionOf(key) === partition) ?? "";
    const slow = alteredLog(log, {
      async read(topic, from, offset, options) {
        if (topic === TOPICS.heads && from === partition) await released.promise;
        return log.read(topic, from, offset, options);
      },
    });
    await world.keeper({ node: "second" }, slow);
    await sayEverywhere();
    await world.test.append(neighbour, new SampleWriter("n", "ROLE_USER").create());
    await world.pass(10_000);
    expect(await world.indexEntry(neighbour)).toMatchObject({ seq: 1 });
    expect(await world.indexEntry(slowKey)).toMatchObject({ seq: 1 });
    released.resolve();
    await world.pass(10_000);
    await expectAllCovered();
    await expectAllWhole();
  });
});
