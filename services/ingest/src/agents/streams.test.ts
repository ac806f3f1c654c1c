import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EventJson } from "@perdure/protocol";
import { RawAgent, RawHeart } from "../testing/raw-agent.ts";
import { TestNode } from "../testing/node.ts";

let node: TestNode;
const open: { break(): void }[] = [];

beforeEach(async () => {
  node = await TestNode.start({ windowBytes: 10_000, maxMessageBytes: 100_000 });
});

afterEach(async () => {
  for (const agent of open.splice(0)) agent.break();
  await node.stop();
});

function connect(token: string | undefined): RawAgent {
  const agent = new RawAgent(node.address, token);
  open.push(agent);
  return agent;
}

/** An agent that has been welcomed. */
async function welcomed(instance = "i-1", claims: Parameters<TestNode["token"]>[0] = {}): Promise<RawAgent> {
  const agent = connect(await node.token(claims));
  agent.hello({ instance });
  await agent.next("welcome");
  return agent;
}

async function joined(agent: RawAgent, session = "s"): Promise<RawAgent> {
  agent.send({ case: "join", value: { session } });
  await agent.next("joined");
  return agent;
}

const say = (text: string): EventJson => ({ transient: { kind: "typing", data: JSON.stringify(text) } });

/** A message outside any run, under number `first`. */
function opened(first: number, producer = "p-1") {
  const value = { role: 2 } as const;
  const events = [{ kind: { case: "messageOpened", value } }] as const;
  return { producer, first, last: first, events: [...events] };
}

describe("who may open a stream", () => {
  test("nobody without a token, with a wrong one, or with one that has ended", async () => {
    expect((await connect(undefined).ended).code).toBe("unauthenticated");
    expect((await connect("nonsense").ended).code).toBe("unauthenticated");
    expect((await connect(await node.token({}, -60_000)).ended).code).toBe("token_expired");
  });

  test("only a token of role agent, for the agent's name that it covers", async () => {
    expect((await connect(await node.token({ role: "user" })).ended).code).toBe("forbidden");
    const agent = connect(await node.token({ agents: ["other"] }));
    agent.hello();
    expect((await agent.ended).code).toBe("forbidden");
  });

  test.each([
    ["another version of the protocol", { protocol: 2 }, "protocol_version"],
    ["a name with spaces", { agent: "my agent" }, "invalid_name"],
    ["no instance", { instance: "" }, "invalid_name"],
    ["a capacity out of bounds", { capacity: 10_001 }, "invalid_event"],
  ])("a hello with %s is refused", async (_, hello, code) => {
    const agent = connect(await node.token());
    agent.hello(hello);
    expect((await agent.ended).code).toBe(code);
  });

  test("whoever says something else first, or garbage, or nothing, is told", async () => {
    const eager = connect(await node.token());
    eager.send({ case: "join", value: { session: "s" } });
    expect((await eager.ended).code).toBe("hello_expected");
    const garbage = connect(await node.token());
    garbage.call.write(Buffer.from([0xff, 0xff, 0xff]));
    expect((await garbage.ended).code).toBe("malformed");
    const empty = await welcomed();
    empty.send(undefined);
    expect((await empty.ended).code).toBe("unknown_frame");
    const silent = connect(await node.token());
    await welcomed("i-2");
    node.clock.advance(5_000);
    expect((await silent.ended).code).toBe("hello_expected");
  });

  test("a second hello, and a message beyond the limit, end the stream", async () => {
    const twice = await welcomed();
    twice.hello();
    expect((await twice.ended).code).toBe("malformed");
    const huge = await welcomed("i-2");
    huge.call.write(Buffer.alloc(200_000));
    expect((await huge.ended).code).toBe("status 8");
  });
});

describe("a token's end", () => {
  test("ends the stream, unless a new one has come", async () => {
    const ending = await welcomed("i-1");
    const renewing = await welcomed("i-2");
    renewing.send({ case: "auth", value: { token: await node.token({}, 3_600_000) } });
    expect((await renewing.next("renewed")).tokenExpiresInMs).toBeGreaterThan(3_000_000);
    const heart = new RawHeart(node.address, await node.token({}, 3_600_000));
    for (let second = 0; second < 60; second += 2) {
      expect(await heart.beat("i-1")).toBe(true);
      await heart.beat("i-2");
      node.clock.advance(2_000);
    }
    expect((await ending.ended).code).toBe("token_expired");
    expect(await heart.beat("i-2")).toBe(true);
    heart.close();
  });

  test("a new token of somebody else ends it", async () => {
    const agent = await welcomed();
    agent.send({ case: "auth", value: { token: await node.token({ participant: "mallory" }) } });
    expect((await agent.ended).code).toBe("unauthenticated");
  });
});

describe("SPEC 13: what an agent may write", () => {
  test("as itself: the node fills in who it is, and a forged actor is refused", async () => {
    const watcher = await node.watch("s");
    const agent = await joined(await welcomed());
    const record = opened(1);
    agent.send({
      case: "publish",
      value: { session: "s", record: { ...record, actor: { participant: "ann", role: 1 } } },
    });
    expect((await agent.next("verdict")).code).toBe("forged_actor");
    agent.send({ case: "publish", value: { session: "s", record } });
    expect(await agent.next("verdict")).toMatchObject({ code: "", first: 1 });
    const [message] = [...watcher.state.messages.values()];
    expect(message?.author).toBe("bot");
  });

  test("nothing that is the node's to say", async () => {
    await node.watch("s");
    const agent = await joined(await welcomed());
    const value = { agent: "helper", instance: "i-9", attachment: "a" };
    const record = { ...opened(1), events: [{ kind: { case: "agentJoined" as const, value } }] };
    agent.send({ case: "publish", value: { session: "s", record } });
    expect((await agent.next("verdict")).code).toBe("forbidden");
    agent.send({ case: "publish", value: { session: "s", record: { ...opened(1), cause: { seq: 1 } } } });
    expect((await agent.next("verdict")).code).toBe("forbidden");
  });

  test("nothing under an attempt that is not its own", async () => {
    await node.watch("s");
    const agent = await joined(await welcomed());
    const value = { runId: "nobody:1:0", result: "" };
    const record = { ...opened(1), attempt: 3, events: [{ kind: { case: "runCompleted" as const, value } }] };
    agent.send({ case: "publish", value: { session: "s", record } });
    expect((await agent.next("verdict")).code).not.toBe("");
  });

  test("nothing in a session that it has not joined, that is not there, or that its token does not cover", async () => {
    await node.watch("s");
    await node.watch("secret");
    const agent = await welcomed("i-1", { sessions: ["s", "missing"] });
    agent.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect((await agent.next("verdict")).code).toBe("not_attached");
    for (const [session, code] of [
      ["missing", "session_not_found"],
      ["secret", "forbidden_session"],
      ["~pool.helper", "forbidden_session"],
      ["no spaces", "invalid_name"],
    ]) {
      agent.send({ case: "join", value: { session: session ?? "" } });
      expect(await agent.next("refused")).toMatchObject({ session, code });
    }
  });
});

describe("what an agent hears", () => {
  test("the state, then every record after it, once and in order", async () => {
    const watcher = await node.watch("s");
    await watcher.write([{ sessionUpdated: { title: "before" } }]);
    const agent = await welcomed();
    agent.send({ case: "join", value: { session: "s" } });
    const writing = [1, 2, 3].map((index) => watcher.write([{ sessionUpdated: { title: `title ${index}` } }]));
    const { head } = await agent.next("joined");
    await Promise.all(writing);
    const last = watcher.state.seq;
    const seqs: number[] = [];
    for (let seq = head?.seq ?? 0; seq < last; seq = seqs.at(-1) ?? 0) {
      seqs.push((await agent.next("record")).accepted?.seq ?? 0);
    }
    expect(seqs).toEqual(Array.from({ length: last - (head?.seq ?? 0) }, (_, index) => (head?.seq ?? 0) + 1 + index));
  });

  test("that its records are stored and what became of them; sent again, the first verdict", async () => {
    await node.watch("s");
    const agent = await joined(await welcomed());
    agent.send({ case: "publish", value: { session: "s", record: opened(1) } });
    const first = await agent.next("verdict");
    agent.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect(await agent.next("verdict")).toMatchObject({ code: "", duplicate: true, first: 1 });
    agent.send({ case: "publish", value: { session: "s", record: opened(3) } });
    expect(await agent.next("verdict")).toMatchObject({ code: "producer_gap", expected: 2 });
    expect(first.seq).toBeGreaterThan(0);
  });

  test("what is passing through, without a seq", async () => {
    const watcher = await node.watch("s");
    const agent = await joined(await welcomed());
    const { stored } = await (async () => {
      const held = await node.replica.attach("acme/s", { onAccepted: () => undefined, onLost: () => undefined });
      const actor = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;
      return held.publish({ producer: "q", actor, events: [say("…")] });
    })();
    await stored;
    const record = await agent.next("record", ({ accepted }) => accepted?.seq === 0);
    expect(record.accepted?.record?.events[0]?.kind.case).toBe("transient");
    expect(watcher.state.seq).toBeGreaterThan(0);
  });

  test("its own writers, when it joins again: what they have sent and what was refused", async () => {
    await node.watch("s");
    const agent = await joined(await welcomed("i-1"));
    agent.send({ case: "publish", value: { session: "s", record: opened(1, "i-1-a") } });
    await agent.next("verdict");
    agent.send({ case: "publish", value: { session: "s", record: { ...opened(2, "i-1-a"), attempt: 99 } } });
    await agent.next("verdict");
    agent.send({ case: "publish", value: { session: "s", record: opened(1, "other") } });
    await agent.next("verdict");
    agent.send({ case: "join", value: { session: "s" } });
    const { producers } = await agent.next("joined");
    expect(producers?.producers.map(({ key, last }) => [key, last])).toEqual([["bot/i-1-a", 2]]);
  });
});

describe("SPEC 9: presence", () => {
  const presence = (instance: string) => (state: { agents: ReadonlyMap<string, { presence: string }> }) =>
    state.agents.get(instance)?.presence;

  test("a stream that breaks is told at once, in every session", async () => {
    const [first, second] = [await node.watch("s1"), await node.watch("s2")];
    const agent = await joined(await joined(await welcomed(), "s1"), "s2");
    agent.break();
    for (const watcher of [first, second]) {
      await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
      expect(watcher.state.agents.get("i-1")?.lostReason).toBe("LOST_REASON_STREAM");
    }
  });

  test("the same instance is back on another stream, and the old one's end says nothing", async () => {
    const watcher = await node.watch("s");
    const former = await joined(await welcomed());
    const again = connect(await node.token());
    again.hello();
    const { attachment } = await again.next("welcome");
    expect((await former.ended).code).toBe("connection_lost");
    await joined(again);
    again.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect((await again.next("verdict")).code).toBe("");
    expect(watcher.state.agents.get("i-1")).toMatchObject({ presence: "AGENT_PRESENCE_HERE", attachment });
  });

  test("three missed heartbeats are a loss; one that comes in time is none", async () => {
    const watcher = await node.watch("s");
    const agent = await joined(await welcomed());
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

  test("a loop that is behind is busy, and no longer when it has caught up", async () => {
    const watcher = await node.watch("s");
    await joined(await welcomed());
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
    await welcomed();
    const stranger = new RawHeart(node.address, await node.token({ participant: "mallory" }));
    expect(await stranger.beat("i-1")).toBe(false);
    stranger.close();
    const nobody = new RawHeart(node.address, undefined);
    expect((await nobody.ended).code).toBe("unauthenticated");
  });

  test("who leaves in good order has left", async () => {
    const watcher = await node.watch("s");
    const agent = await joined(await welcomed());
    agent.send({ case: "leave", value: {} });
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LEFT");
    expect((await agent.ended).code).toBe("status 0");
  });

  test("an instance that was declared crashed is fenced: in a session and in its pool", async () => {
    const watcher = await node.watch("s");
    const agent = await joined(await welcomed());
    agent.break();
    await watcher.until((state) => presence("i-1")(state) === "AGENT_PRESENCE_LOST");
    await watcher.write([{ sessionUpdated: { policy: { agentGraceMs: 1 } } }]);
    const cause = watcher.state.agents.get("i-1")?.changed ?? 0;
    await node.crash("s", "i-1", cause);
    const again = await welcomed();
    again.send({ case: "join", value: { session: "s" } });
    expect(await again.next("refused")).toMatchObject({ session: "s", code: "fenced" });
  });
});

describe("a node whose life was declared over", () => {
  test("begins another, and its agents are here again under it", async () => {
    const watcher = await node.watch("s");
    await joined(await welcomed());
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

describe("SPEC 11: bounded", () => {
  test("an agent that sends more than its window is not read until it has been answered", async () => {
    await node.watch("s");
    const agent = await joined(await welcomed());
    const metadata = JSON.stringify("x".repeat(4_000));
    for (let number = 1; number <= 50; number += 1) {
      const events = [{ kind: { case: "messageUpdated" as const, value: { messageId: "none:1:0", metadata } } }];
      agent.send({ case: "publish", value: { session: "s", record: { ...opened(number), events } } });
    }
    for (let number = 1; number <= 50; number += 1) {
      expect(await agent.next("verdict")).toMatchObject({ first: number, code: "not_found" });
    }
    // 4 KB each: the one that fills the window of 10 KB is the last one read.
    expect(node.replica.mostOpen).toBeLessThanOrEqual(3);
  });

  test("one that does not read is cut off, and the others go on", async () => {
    await node.stop();
    node = await TestNode.start({ maxOutgoingBytes: 200_000 });
    const watcher = await node.watch("s");
    const slow = await joined(await welcomed("i-1"));
    const quick = await joined(await welcomed("i-2"));
    slow.call.pause();
    const metadata = JSON.stringify("x".repeat(10_000));
    while (watcher.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_HERE") {
      await watcher.write([{ sessionUpdated: { metadata } }]);
    }
    slow.call.resume();
    expect((await slow.ended).code).toBe("slow_consumer");
    quick.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect((await quick.next("verdict")).code).toBe("");
  });
});
