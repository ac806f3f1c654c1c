import { type Appended, LogError } from "@perdure/log";
import { decodeNodeLease, encodeNodeLease, keyBytes, type NodeLeaseStateJson } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import { alteredLog, SampleWriter } from "@perdure/replica/testing";
import { beatNode, type NodeBeat } from "@perdure/service-kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heardAtMs, KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";

let world: KeeperTest;
let user: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start(2);
  user = new SampleWriter("u", "ROLE_USER");
  await world.test.append(KEY, user.create());
});

afterEach(() => world.stop());

/** An edge that beats as long as `alive` says. */
async function edge(node: string, alive: () => boolean = () => true): Promise<NodeBeat> {
  const { log, clock } = world.test;
  const mortal = alteredLog(log, {
    append: (topic, partition, entry) =>
      alive()
        ? log.append(topic, partition, entry)
        : Promise.reject<Appended>(new LogError("unavailable", "this node is dead")),
  });
  return beatNode({
    log: mortal,
    clock,
    node,
    topic: TOPICS.nodes,
    kind: "NODE_KIND_EDGE",
    rules: 1,
    leaseMs: 6_000,
    beatMs: 2_000,
    onExpired: () => undefined,
    onReplaced: () => undefined,
    onProblem: () => undefined,
  });
}

let joins = 0;
async function join(node: string, incarnation: number, key = KEY): Promise<string> {
  joins += 1;
  const member = `m${joins}`;
  const participant = `person-${joins}`;
  const writer = new SampleWriter(`edge-${joins}`, "ROLE_SYSTEM");
  const joined = { member, participant, role: "ROLE_USER" as const, node, incarnation };
  await world.test.append(key, writer.record([{ memberJoined: joined }]));
  return member;
}

async function stateOf(node: string): Promise<string | undefined> {
  const entries = await world.test.entries(TOPICS.nodes, 0);
  const value = entries.findLast((entry) => entryKeyText(entry) === node)?.value ?? undefined;
  return value === undefined ? undefined : decodeNodeLease(value).state;
}

describe("a node that dies (SPEC 9: presence converges)", () => {
  it("takes away the observers that it counted, though none of them is a member", async () => {
    let alive = true;
    await world.keeper();
    const dead = await edge("edge-1", () => alive);
    const { incarnation } = dead;
    const writer = new SampleWriter("counter", "ROLE_SYSTEM");
    const count = (observers: number) =>
      world.test.append(KEY, writer.record([{ observersCounted: { node: "edge-1", incarnation, count: observers } }]));
    await count(40);
    const held = await world.attach(KEY);
    await world.pass(10_000);
    expect(held.state.observers.size).toBe(1);
    alive = false;
    await world.passing(() => held.state.observers.size === 0);
    expect(heardAtMs(held.heard, "nodeExpired")).toBeGreaterThan(0);
    await count(41);
    await world.test.atRest();
    expect(held.state.observers.size).toBe(0);
  });

  it("takes away what it counted where that came after its end", async () => {
    await world.keeper();
    const value = encodeNodeLease({
      node: "edge-1",
      incarnation: 2,
      leaseMs: 6_000,
      state: "NODE_LEASE_STATE_EXPIRED",
    });
    await world.test.log.append(TOPICS.nodes, 0, { key: keyBytes("edge-1"), value });
    const held = await world.attach(KEY);
    await world.test.atRest();
    const writer = new SampleWriter("counter", "ROLE_SYSTEM");
    await world.test.append(KEY, writer.record([{ observersCounted: { node: "edge-1", incarnation: 2, count: 3 } }]));
    await world.passing(() => held.state.expiredNodes.has("edge-1"));
    expect(held.state.observers.size).toBe(0);
  });

  it("takes its members away within its lease, and no others", async () => {
    let alive = true;
    await world.keeper();
    const dead = await edge("edge-1", () => alive);
    const living = await edge("edge-2");
    const gone = await join("edge-1", dead.incarnation);
    const here = await join("edge-2", living.incarnation);
    const held = await world.attach(KEY);
    await world.pass(10_000);
    expect([...held.state.members.keys()]).toEqual([gone, here]);
    alive = false;
    const diedMs = world.test.clock.now();
    await world.passing(() => !held.state.members.has(gone));
    expect(heardAtMs(held.heard, "nodeExpired") - diedMs).toBeLessThan(8_000);
    expect([...held.state.members.keys()]).toEqual([here]);
    await living.leave();
  });

  it("is found in sessions that nobody has in memory, from the index alone", async () => {
    let alive = true;
    await world.keeper({ node: "first" });
    const { incarnation } = await edge("edge-1", () => alive);
    const member = await join("edge-1", incarnation);
    await world.covered(KEY);
    expect(await world.indexEntry(KEY)).toMatchObject({ nodes: [`edge-1:${incarnation}`], live: true });
    alive = false;
    await world.kill();
    await world.keeper({ node: "second" });
    await world.passing(async () => !(await world.attach(KEY)).state.members.has(member), 1_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_EXPIRED");
  });

  it("has its earlier life ended at once when it begins another", async () => {
    await world.keeper();
    const first = await edge("edge-1");
    const member = await join("edge-1", first.incarnation);
    const held = await world.attach(KEY);
    await edge("edge-1");
    await world.test.atRest();
    expect(held.state.members.has(member)).toBe(false);
  });

  it("has what it left behind removed when it leaves in good order", async () => {
    await world.keeper();
    const beat = await edge("edge-1");
    const member = await join("edge-1", beat.incarnation);
    const held = await world.attach(KEY);
    await beat.leave();
    await world.test.atRest();
    expect(held.state.members.has(member)).toBe(false);
  });

  it("does not come back by a join that was under way", async () => {
    await world.keeper();
    const beat = await edge("edge-1");
    await beat.leave();
    await world.test.atRest();
    const held = await world.attach(KEY);
    const member = await join("edge-1", beat.incarnation);
    await world.test.atRest();
    expect(held.state.members.has(member)).toBe(false);
  });

  it("is tried again where its end could not be written into the session", async () => {
    const { log } = world.test;
    let failures = 0;
    const failing = alteredLog(log, {
      append: (topic, partition, entry, options) => {
        if (topic !== TOPICS.events || failures === 3) return log.append(topic, partition, entry, options);
        failures += 1;
        return Promise.reject<Appended>(new LogError("unavailable", "the broker went away"));
      },
    });
    await world.keeper({}, failing);
    const beat = await edge("edge-1");
    const member = await join("edge-1", beat.incarnation);
    const held = await world.attach(KEY);
    await beat.leave();
    await world.passing(() => !held.state.members.has(member));
    expect(failures).toBe(3);
  });

  it("stays dead although beats of it arrive late", async () => {
    await world.keeper();
    const lease = (incarnation: number, state: NodeLeaseStateJson) =>
      world.test.log.append(TOPICS.nodes, 0, {
        key: keyBytes("edge-1"),
        value: encodeNodeLease({ node: "edge-1", incarnation, leaseMs: 6_000, state }),
      });
    await lease(2, "NODE_LEASE_STATE_EXPIRED");
    await lease(2, "NODE_LEASE_STATE_LIVE");
    await lease(3, "NODE_LEASE_STATE_LIVE");
    await lease(1, "NODE_LEASE_STATE_LIVE");
    const gone = [await join("edge-1", 1), await join("edge-1", 2)];
    const here = await join("edge-1", 3);
    await world.test.atRest();
    const held = await world.attach(KEY);
    expect([...held.state.members.keys()]).toEqual([here]);
    expect(gone).not.toContain(here);
  });

  it("makes its agents lost, and crashed when they do not come back", async () => {
    let alive = true;
    await world.keeper();
    const { incarnation } = await edge("ingest-1", () => alive);
    const agent = new SampleWriter("a", "ROLE_AGENT", { instance: "i-1" });
    const joined = { agent: "helper", instance: "i-1", attachment: "at", node: "ingest-1", incarnation };
    await world.test.append(KEY, agent.record([{ agentJoined: joined }]));
    const held = await world.attach(KEY);
    alive = false;
    await world.passing(() => held.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_CRASHED");
    expect(heardAtMs(held.heard, "agentCrashed") - heardAtMs(held.heard, "nodeExpired")).toBeGreaterThanOrEqual(10_000);
  });
});

describe("a keeper that cannot know", () => {
  it("expires nobody while its own beats do not come back", async () => {
    let connected = true;
    const { log } = world.test;
    const cutOff = alteredLog(log, {
      append: (topic, partition, entry, options) =>
        connected || topic !== TOPICS.nodes
          ? log.append(topic, partition, entry, options)
          : Promise.reject<Appended>(new LogError("unavailable", "cut off")),
    });
    await world.keeper({}, cutOff);
    let alive = true;
    await edge("edge-1", () => alive);
    await world.pass(10_000);
    connected = false;
    alive = false;
    await world.pass(30_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_LIVE");
    connected = true;
    await world.pass(6_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_LIVE");
    await world.pass(10_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_EXPIRED");
  });

  it("expires nobody right after it was paused, although nothing was heard for long", async () => {
    await world.keeper();
    const beat = await edge("edge-1");
    await world.pass(10_000);
    // As after SIGSTOP and SIGCONT: all timers late, at once.
    world.test.clock.advance(0);
    world.test.clock.jump(60_000);
    await world.pass(6_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_LIVE");
    await beat.leave();
  });

  it("takes nobody away when most nodes fall silent at once, and everybody is still there when they are back", async () => {
    let connected = true;
    await world.keeper();
    const edges = await Promise.all(["edge-1", "edge-2", "edge-3"].map((node) => edge(node, () => connected)));
    const member = await join("edge-1", edges[0]?.incarnation ?? 0);
    const held = await world.attach(KEY);
    await world.pass(10_000);
    connected = false;
    await world.pass(25_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_LIVE");
    connected = true;
    await world.pass(60_000);
    expect(await stateOf("edge-1")).toBe("NODE_LEASE_STATE_LIVE");
    expect(held.state.members.has(member)).toBe(true);
    expect(edges.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1]);
  });

  it("takes them away after all when they stay silent", async () => {
    let alive = true;
    await world.keeper();
    const edges = await Promise.all(["edge-1", "edge-2", "edge-3"].map((node) => edge(node, () => alive)));
    const member = await join("edge-1", edges[0]?.incarnation ?? 0);
    const held = await world.attach(KEY);
    await world.pass(10_000);
    alive = false;
    const diedMs = world.test.clock.now();
    await world.passing(() => !held.state.members.has(member));
    const afterMs = heardAtMs(held.heard, "nodeExpired") - diedMs;
    expect(afterMs).toBeGreaterThan(30_000);
    expect(afterMs).toBeLessThan(40_000);
  });

  it("leaves it to the owner of partition 0", async () => {
    const first = await world.keeper({ node: "first" });
    await world.keeper({ node: "second" });
    let alive = true;
    await edge("edge-1", () => alive);
    await world.pass(10_000);
    alive = false;
    await world.pass(10_000);
    const expiries = (await world.test.entries(TOPICS.nodes, 0)).filter(
      ({ value }) => value !== null && decodeNodeLease(value).state === "NODE_LEASE_STATE_EXPIRED",
    );
    expect(expiries).toHaveLength(1);
    expect(first.readiness()).toEqual({ ready: true });
  });
});
