import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RawHeart } from "../testing/raw-agent.ts";
import { opened, Streams } from "../testing/streams.ts";
import { TestNode } from "../testing/node.ts";

let node: TestNode;
let streams: Streams;

beforeEach(async () => {
  await restart({});
});

afterEach(async () => {
  await streams.close();
});

async function restart(limits: Parameters<typeof TestNode.start>[0]): Promise<void> {
  node = await TestNode.start(limits);
  streams = new Streams(node);
}

describe("SPEC 9: presence", () => {
  const presence = (instance: string) => (state: { agents: ReadonlyMap<string, { presence: string }> }) =>
    state.agents.get(instance)?.presence;

  test("a stream that breaks is told at once, in every session", async () => {
    const [first, second] = [await node.watch("s1"), await node.watch("s2")];
    const agent = await streams.joined(await streams.joined(await streams.welcomed(), "s1"), "s2");
    agent.break();
    for (const watcher of [first, second]) {
      await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
      expect(watcher.state.agents.get("i-1")?.lostReason).toBe("LOST_REASON_STREAM");
    }
  });

  test("the same instance is back on another stream, and the old one's end says nothing", async () => {
    const watcher = await node.watch("s");
    const former = await streams.joined(await streams.welcomed());
    const again = streams.connect(await node.token());
    again.hello();
    const { attachment } = await again.next("welcome");
    expect((await former.ended).code).toBe("connection_lost");
    await streams.joined(again);
    again.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect(await again.accepted(1)).toBeDefined();
    expect(watcher.state.agents.get("i-1")).toMatchObject({ presence: "AGENT_PRESENCE_HERE", attachment });
  });

  test("an agent that a session misses, though its stream is here, is there again with its next heartbeat", async () => {
    const watcher = await node.watch("s");
    await streams.joined(await streams.welcomed());
    const attachment = watcher.state.agents.get("i-1")?.attachment;
    const bot = { participant: "bot", role: "ROLE_AGENT", instance: "i-1" } as const;
    const earlier = { instance: "i-1", attachment: "earlier", node: "elsewhere", incarnation: 1 };
    await watcher.write([{ agentResumed: earlier }], bot);
    await watcher.write([{ agentLost: { instance: "i-1", attachment: "earlier" } }], {
      participant: "keeper",
      role: "ROLE_SYSTEM",
    });
    const heart = new RawHeart(node.address, await node.token());
    await heart.beat("i-1");
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_HERE");
    expect(watcher.state.agents.get("i-1")?.attachment).toBe(attachment);
    heart.close();
  });

  test("three missed heartbeats are a loss; one that comes in time is none", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    const heart = new RawHeart(node.address, await node.token());
    node.clock.advance(5_999);
    expect(await heart.beat("i-1")).toBe(true);
    node.clock.advance(5_999);
    expect(presence("i-1")(watcher.state)).toBe("AGENT_PRESENCE_HERE");
    node.clock.advance(1);
    expect((await agent.ended).code).toBe("idle_timeout");
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
    expect(watcher.state.agents.get("i-1")?.lostReason).toBe("LOST_REASON_SILENT");
    expect(await heart.beat("i-1")).toBe(false);
    heart.close();
  });

  test("a node that was stopped itself hears first what came meanwhile", async () => {
    const watcher = await node.watch("s");
    await streams.joined(await streams.welcomed());
    const heart = new RawHeart(node.address, await node.token());
    await heart.beat("i-1");
    node.clock.stoppedMs = 10_000;
    node.clock.advance(6_000);
    expect(await heart.beat("i-1")).toBe(true);
    node.clock.advance(5_999);
    expect(presence("i-1")(watcher.state)).toBe("AGENT_PRESENCE_HERE");
    node.clock.advance(1);
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
    heart.close();
  });

  test("a loop that is behind is busy, and no longer when it has caught up", async () => {
    const watcher = await node.watch("s");
    await streams.joined(await streams.welcomed());
    const heart = new RawHeart(node.address, await node.token());
    await heart.beat("i-1", 3_000);
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_BUSY");
    expect(watcher.state.agents.get("i-1")?.busyDelayMs).toBe(3_000);
    await heart.beat("i-1", 4_000);
    await heart.beat("i-1", 0);
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_HERE");
    heart.close();
  });

  test("nobody beats for another's instance", async () => {
    await streams.welcomed();
    const stranger = new RawHeart(node.address, await node.token({ participant: "mallory" }));
    expect(await stranger.beat("i-1")).toBe(false);
    stranger.close();
    const nobody = new RawHeart(node.address, undefined);
    expect((await nobody.ended).code).toBe("unauthenticated");
  });

  test("who leaves in good order has left", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    agent.send({ case: "leave", value: {} });
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LEFT");
    expect((await agent.ended).code).toBe("status 0");
  });

  test("who leaves a session and comes back at once is there again, any number of times", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.welcomed();
    for (let round = 0; round < 5; round += 1) {
      await streams.joined(agent);
      agent.send({ case: "detach", value: { session: "s" } });
    }
    await streams.joined(agent);
    expect(presence("i-1")(watcher.state)).toBe("AGENT_PRESENCE_HERE");
  });

  test("an instance that was declared crashed is fenced: in a session and in its pool", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    agent.break();
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
    await watcher.write([{ sessionUpdated: { policy: { agentGraceMs: 1 } } }]);
    const cause = watcher.state.agents.get("i-1")?.changed ?? 0;
    await node.crash("s", "i-1", cause);
    const again = await streams.welcomed();
    again.send({ case: "join", value: { session: "s" } });
    expect(await again.next("refused")).toMatchObject({ session: "s", code: "fenced" });
  });
});

describe("a node whose life was declared over", () => {
  test("begins another, and its agents are here again under it", async () => {
    const watcher = await node.watch("s");
    await streams.joined(await streams.welcomed());
    expect(watcher.state.agents.get("i-1")?.incarnation).toBe(1);
    await watcher.write([{ nodeExpired: { node: "ingest-1", incarnation: 1 } }], {
      participant: "keeper",
      role: "ROLE_SYSTEM",
    });
    expect(watcher.state.agents.get("i-1")).toMatchObject({
      presence: "AGENT_PRESENCE_LOST",
      lostReason: "LOST_REASON_NODE",
    });
    await node.expireLease("ingest-1", 1);
    await watcher.until(({ agents }) => agents.get("i-1")?.incarnation === 2);
    expect(watcher.state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_HERE");
  });
});
