import { RULE_BOOK, type RuleBook, type SessionState } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { type Log, LogError } from "@perdure/log";
import { decodeWatermark, WATERMARK_KEY } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import { alteredLog, canonicalText, SampleWriter } from "@perdure/replica/testing";
import { beatNode, type NodeBeat } from "@perdure/service-kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";
const OTHER = "acme/two";
const NOW = RULE_BOOK.length;
const NEXT = NEXT_RULE_BOOK.length;

let world: KeeperTest;
let user: SampleWriter;
let other: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start(1);
  user = new SampleWriter("u", "ROLE_USER");
  other = new SampleWriter("o", "ROLE_USER");
  await world.test.append(KEY, user.create());
  await world.test.append(OTHER, other.create());
});

afterEach(() => world.stop());

/** A node that beats and says that it knows these rules. */
function node(name: string, rules: number, alive: () => boolean = () => true): Promise<NodeBeat> {
  const { log, clock } = world.test;
  const mortal = alteredLog(log, {
    append: (topic, partition, entry) =>
      alive() ? log.append(topic, partition, entry) : Promise.reject(new LogError("unavailable", "this node is dead")),
  });
  const quiet = { onExpired: () => undefined, onReplaced: () => undefined, onProblem: () => undefined };
  const lease = { leaseMs: 6_000, beatMs: 2_000, kind: "NODE_KIND_EDGE" } as const;
  return beatNode({ log: mortal, clock, topic: TOPICS.nodes, node: name, rules, ...lease, ...quiet });
}

const newKeeper = (name: string, settings = {}) => world.keeper({ node: name, ...settings }, undefined, NEXT_RULE_BOOK);
const title = (text: string) => world.test.append(KEY, user.record([{ sessionUpdated: { title: text } }]));

/** The rules that a session follows, as its log tells it. */
const rulesOf = async (key: string): Promise<number> => (await world.test.foldAll(key, NEXT_RULE_BOOK)).rules;

/** Raises the rules of a session as a keeper does. */
const upgrade = (key: string) =>
  world.test.append(key, new SampleWriter("k", "ROLE_SYSTEM").record([{ rulesUpgraded: { version: NEXT } }]));

async function expectWhole(held: { readonly state: SessionState }, key = KEY): Promise<void> {
  expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(key, NEXT_RULE_BOOK)));
}

/** The present rules, and the versions of the states that they judged. */
function watchedBook(): { book: RuleBook; judgedAt: Set<number> } {
  const judgedAt = new Set<number>();
  const [first = { judges: {}, appliers: {} }] = RULE_BOOK;
  const { sessionUpdated } = first.judges;
  if (sessionUpdated === undefined) throw new Error("titles are not judged");
  const judge: typeof sessionUpdated.judge = (state, body, context) => {
    judgedAt.add(state.rules);
    return sessionUpdated.judge(state, body, context);
  };
  return { book: [{ ...first, judges: { ...first.judges, sessionUpdated: { ...sessionUpdated, judge } } }], judgedAt };
}

describe("a rolling deploy of later rules (SPEC 14)", () => {
  it("raises the rules of a session once every live node knows the next version, not before", async () => {
    await newKeeper("keeper-new");
    const old = await node("edge-old", NOW);
    await node("edge-new", NEXT);
    await world.pass(30_000);
    await title("Oslo");
    await world.pass(1_000);
    expect(await rulesOf(KEY)).toBe(NOW);
    await old.leave();
    await world.pass(3_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
    expect(await rulesOf(OTHER)).toBe(NEXT);
  });

  it("waits for an old node that is silent until its life is declared over", async () => {
    let alive = true;
    await newKeeper("keeper-new");
    await node("edge-old", NOW, () => alive);
    await node("edge-new", NEXT);
    await world.pass(15_000);
    alive = false;
    await world.pass(5_000);
    expect(await rulesOf(KEY)).toBe(NOW);
    await world.pass(6_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
  });

  it("raises nothing while the keeper has not listened for a whole lease", async () => {
    await newKeeper("keeper-new");
    await world.pass(6_000);
    expect(await rulesOf(KEY)).toBe(NOW);
    await world.pass(4_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
  });

  it("raises nothing past what a node says at most, although it knows more", async () => {
    await newKeeper("keeper-new", { rulesMax: NOW });
    await world.pass(30_000);
    expect(await rulesOf(KEY)).toBe(NOW);
  });

  it("leaves no record to an old node that is judged by the new rules", async () => {
    const { book, judgedAt } = watchedBook();
    await world.keeper({ node: "keeper-old" }, undefined, book);
    await newKeeper("keeper-new");
    const edgeOld = await node("edge-old", NOW);
    const old = await world.attach(KEY, book);
    const current = await world.attach(KEY, NEXT_RULE_BOOK);
    for (const text of ["a ", "b ", " "]) await title(text);
    await world.pass(10_000);
    const before = current.heard.length;
    await edgeOld.leave();
    // The old keeper's lease runs on: nothing changes yet.
    await world.pass(10_000);
    await title("c ");
    await world.pass(1_000);
    expect(old.heard).toEqual(current.heard);
    expect(current.heard.length).toBeGreaterThan(before);
    await upgrade(KEY);
    for (const text of ["d ", " ", " e"]) await title(text);
    await world.test.atRest();
    expect(current.state).toMatchObject({ rules: NEXT, info: { title: "e" } });
    expect(old.lost).toEqual(["rules_too_new"]);
    expect(old.heard).toEqual(current.heard.slice(0, old.heard.length));
    expect(old.state.info.title).toBe("c ");
    expect(judgedAt).toEqual(new Set([NOW]));
    await expect(world.attach(KEY, book)).rejects.toMatchObject({ code: "rules_too_new" });
    expect((await world.attach(OTHER, book)).state.rules).toBe(NOW);
    await expectWhole(current);
  });

  it("is rolled back without harm before the upgrade", async () => {
    const old = await node("edge-old", NOW);
    const first = await newKeeper("keeper-new");
    await title("a ");
    await world.pass(20_000);
    await first.stop();
    await world.keeper({ node: "keeper-old" });
    await title("b ");
    await world.pass(20_000);
    const held = await world.attach(KEY);
    expect(held.state).toMatchObject({ rules: NOW, info: { title: "b " } });
    expect((await world.indexEntry(KEY))?.unjudgedFrom).toBeUndefined();
    expect(await world.watermark(0)).toBe(3);
    await old.leave();
  });

  it("raises a session at rest that somebody is in, where its partition comes when the version is known already", async () => {
    await node("edge-new", NEXT);
    const joined = { member: "m", participant: "ann", role: "ROLE_USER", node: "edge-new", incarnation: 1 } as const;
    await world.test.append(KEY, new SampleWriter("n", "ROLE_SYSTEM").record([{ memberJoined: joined }]));
    const first = await newKeeper("keeper-a", { upgradesPerSecond: 0 });
    await newKeeper("keeper-b");
    await world.pass(20_000);
    expect(await rulesOf(KEY)).toBe(NOW);
    expect(await world.indexEntry(KEY)).toMatchObject({ rules: NOW, nodes: ["edge-new:1"] });
    await first.stop();
    await world.pass(15_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
    expect(await world.indexEntry(KEY)).toMatchObject({ rules: NEXT });
  });

  it("upgrades many sessions a few at a time", async () => {
    for (let index = 0; index < 40; index += 1) {
      await world.test.append(`acme/s${index}`, new SampleWriter(`w${index}`, "ROLE_USER").create());
    }
    const old = await node("edge-old", NOW);
    await newKeeper("keeper-new", { upgradesPerSecond: 10 });
    await world.pass(15_000);
    const countUpgraded = async (): Promise<number> => {
      const keys = Array.from({ length: 40 }, (_unused, index) => `acme/s${index}`);
      const rules = await Promise.all(keys.map(rulesOf));
      return rules.filter((version) => version === NEXT).length;
    };
    await old.leave();
    await world.pass(2_000, 100);
    const soon = await countUpgraded();
    expect(soon).toBeGreaterThan(0);
    expect(soon).toBeLessThanOrEqual(20);
    await world.pass(4_000, 100);
    expect(await countUpgraded()).toBe(40);
  });
});

/** The log, with a list of the watermarks that are written; records are read one by one only once `mayRead` settles. */
function watching(watermarks: number[], mayRead: Promise<void>): Log {
  const { log } = world.test;
  return alteredLog(log, {
    read: async (topic, ...where) => {
      if (topic === TOPICS.events) await mayRead;
      return log.read(topic, ...where);
    },
    checkpoint: (ownership, write) =>
      log.checkpoint(ownership, (scope) =>
        write({
          append: async (topic, entry) => {
            const { key, value } = entry;
            const isWatermark = entryKeyText({ key }) === WATERMARK_KEY && value !== null;
            if (isWatermark) watermarks.push(Number(decodeWatermark(value).covered ?? 0));
            return scope.append(topic, entry);
          },
        }),
      ),
  });
}

describe("a keeper that does not know a session's rules (SPEC 1: kept, SPEC 14)", () => {
  it("lets the watermark pass, and who knows the rules finds everything", async () => {
    await world.keeper({ node: "keeper-old" });
    await world.pass(10_000);
    await title("a ");
    await upgrade(KEY);
    await title("b ");
    await world.test.append(OTHER, other.say("hello"));
    await world.pass(20_000);
    const { end } = await world.test.log.bounds(TOPICS.events, 0);
    expect(await world.watermark(0)).toBe(end - 1);
    expect(await world.indexEntry(KEY)).toMatchObject({ unjudgedFrom: "2", needsRules: NEXT, seq: 1 });
    await title("c ");
    await world.pass(20_000);
    expect(await world.watermark(0)).toBe(end);
    await title("d ");
    await expect(world.attach(KEY)).rejects.toMatchObject({ code: "rules_too_new" });
    await expectWhole(await world.attach(KEY, NEXT_RULE_BOOK));
    expect((await world.attach(OTHER)).state.messages.size).toBe(1);
  });

  it("keeps the records that nobody has judged from being trimmed", async () => {
    await world.keeper({ node: "keeper-old", eventsKeptMs: 0, trimMs: 1_000 });
    await world.pass(10_000);
    await upgrade(KEY);
    await title("b ");
    await world.pass(30_000);
    expect((await world.test.log.bounds(TOPICS.events, 0)).start).toBe(2);
    expect((await world.attach(KEY, NEXT_RULE_BOOK)).state.info.title).toBe("b");
  });

  it("hands the session to the next keeper that knows them", async () => {
    const old = await world.keeper({ node: "keeper-old" });
    await world.pass(10_000);
    await upgrade(KEY);
    for (let said = 0; said < 200; said += 1) await world.test.append(KEY, user.say("some words ".repeat(40)));
    await world.pass(20_000);
    await title("b ");
    await world.pass(10_000);
    await old.stop();
    await world.test.append(OTHER, other.say("hello"));
    await title("c ");
    const whole = canonicalText(await world.test.foldAll(KEY, NEXT_RULE_BOOK));
    // One session a checkpoint, and the other one comes first, since this one's head is slow to come.
    const released = Promise.withResolvers<void>();
    const settings = { node: "keeper-new", eventsKeptMs: 0, trimMs: 1_000, checkpointBatchBytes: 1 };
    const watermarks = [await world.watermark(0)];
    await world.keeper(settings, watching(watermarks, released.promise), NEXT_RULE_BOOK);
    await world.pass(1_000);
    released.resolve();
    await world.pass(30_000);
    expect((await world.indexEntry(KEY))?.unjudgedFrom).toBeUndefined();
    // It went on from before the watermark, which did not go back for that.
    expect(watermarks).toEqual(watermarks.toSorted((one, another) => one - another));
    const { start, end } = await world.test.log.bounds(TOPICS.events, 0);
    expect(start).toBe(end);
    const held = await world.attach(KEY, NEXT_RULE_BOOK);
    expect(canonicalText(held.state)).toBe(whole);
    // What left the state while nobody judged is in the pages.
    expect(held.state.nextPage).toBeGreaterThan(0);
    const page = await world.replica(NEXT_RULE_BOOK).readPage(KEY, held.state.epoch ?? 0, 0);
    expect(page?.messages?.length).toBeGreaterThan(0);
  });

  it("does the same for a session that it has no head of", async () => {
    await world.keeper({ node: "keeper-old" });
    await world.pass(10_000);
    const third = new SampleWriter("t", "ROLE_USER");
    await world.test.append("acme/three", third.record([{ sessionCreated: { title: "T", rules: NEXT } }]));
    await world.test.append("acme/three", third.say("hello"));
    await world.pass(20_000);
    expect(await world.indexEntry("acme/three")).toMatchObject({ unjudgedFrom: "2", covered: "-1" });
    await expectWhole(await world.attach("acme/three", NEXT_RULE_BOOK), "acme/three");
    await expect(world.attach("acme/three")).rejects.toMatchObject({ code: "rules_too_new" });
  });

  it("does the same for a session that it has loaded from a head, before it has heard of any record", async () => {
    const first = await newKeeper("keeper-new");
    await world.pass(15_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
    await world.pass(10_000);
    await first.stop();
    await world.keeper({ node: "keeper-old" });
    await title("b ");
    await world.pass(5_000);
    await title("c ");
    await world.pass(20_000);
    const { end } = await world.test.log.bounds(TOPICS.events, 0);
    expect(await world.watermark(0)).toBe(end - 1);
    await expectWhole(await world.attach(KEY, NEXT_RULE_BOOK));
  });

  it("does the same for a session that it found when a node had died, before there was any record for it", async () => {
    const first = await newKeeper("keeper-new");
    const edge = await node("edge-1", NEXT);
    const joined = { member: "m", participant: "p", role: "ROLE_USER" as const, node: "edge-1", incarnation: 1 };
    await world.test.append(KEY, new SampleWriter("e", "ROLE_SYSTEM").record([{ memberJoined: joined }]));
    await world.pass(25_000);
    expect(await rulesOf(KEY)).toBe(NEXT);
    expect(await world.indexEntry(KEY)).toMatchObject({ nodes: ["edge-1:1"] });
    await first.stop();
    await edge.leave();
    await world.keeper({ node: "keeper-old" });
    await world.pass(2_000);
    await title("b ");
    await title("c ");
    await world.pass(20_000);
    const { end } = await world.test.log.bounds(TOPICS.events, 0);
    expect(await world.watermark(0)).toBe(end - 1);
    expect(await world.indexEntry(KEY)).toMatchObject({ unjudgedFrom: String(end - 2) });
    await expectWhole(await world.attach(KEY, NEXT_RULE_BOOK));
  });

  it("says that history is lost where the records have left the log all the same", async () => {
    await world.keeper({ node: "keeper-old" });
    await world.pass(10_000);
    await upgrade(KEY);
    await title("b ");
    await world.pass(20_000);
    await world.test.log.trim(TOPICS.events, 0, 4);
    await expect(world.attach(KEY, NEXT_RULE_BOOK)).rejects.toMatchObject({ code: "history_lost" });
  });

  it("sets such a session aside once the rules are known, without holding up the others", async () => {
    const old = await world.keeper({ node: "keeper-old" });
    await world.pass(10_000);
    await upgrade(KEY);
    await title("b ");
    await world.pass(20_000);
    await old.stop();
    await world.test.log.trim(TOPICS.events, 0, 4);
    await world.keeper({ node: "keeper-new" }, undefined, NEXT_RULE_BOOK);
    await title("c ");
    await world.test.append(OTHER, other.say("hello"));
    await world.pass(20_000);
    const { end } = await world.test.log.bounds(TOPICS.events, 0);
    expect(await world.watermark(0)).toBe(end - 1);
    expect(await world.indexEntry(KEY)).toMatchObject({ setAside: "2" });
    await expect(world.attach(KEY, NEXT_RULE_BOOK)).rejects.toMatchObject({ code: "set_aside" });
  });
});
