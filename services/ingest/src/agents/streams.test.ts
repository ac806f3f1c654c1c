import { LogError } from "@perdure/log";
import type { EventJson } from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RawHeart } from "../testing/raw-agent.ts";
import { opened, Streams } from "../testing/streams.ts";
import { TestNode } from "../testing/node.ts";

let node: TestNode;
let streams: Streams;

beforeEach(async () => {
  await restart({ windowBytes: 10_000, maxMessageBytes: 100_000 });
});

afterEach(async () => {
  await streams.close();
});

async function restart(limits: Parameters<typeof TestNode.start>[0]): Promise<void> {
  node = await TestNode.start(limits);
  streams = new Streams(node);
}

const say = (text: string): EventJson => ({ transient: { kind: "typing", data: JSON.stringify(text) } });

test("a node that drains asks its agents to go elsewhere, and stops, though the log takes no lease", async () => {
  const agent = await streams.welcomed();
  const { log } = node;
  const append = log.append.bind(log);
  const lease = Promise.withResolvers<never>();
  vi.spyOn(log, "append").mockImplementation((topic, ...entry) =>
    topic === TOPICS.nodes ? lease.promise : append(topic, ...entry),
  );
  void node.ingest.drain(1_000);
  expect((await agent.next("move")).withinMs).toBeLessThanOrEqual(1_000);
  lease.reject(new LogError("unavailable", "no broker can be reached"));
});

describe("who may open a stream", () => {
  test("nobody without a token, with a wrong one, or with one that has ended", async () => {
    expect((await streams.connect(undefined).ended).code).toBe("unauthenticated");
    expect((await streams.connect("nonsense").ended).code).toBe("unauthenticated");
    expect((await streams.connect(await node.token({}, -60_000)).ended).code).toBe("token_expired");
  });

  test("only a token of role agent, for the agent's name that it covers", async () => {
    expect((await streams.connect(await node.token({ role: "user" })).ended).code).toBe("forbidden");
    const agent = streams.connect(await node.token({ agents: ["other"] }));
    agent.hello();
    expect((await agent.ended).code).toBe("forbidden");
  });

  test.each([
    ["another version of the protocol", { protocol: 2 }, "protocol_version"],
    ["a name with spaces", { agent: "my agent" }, "invalid_name"],
    ["no instance", { instance: "" }, "invalid_name"],
    ["a capacity out of bounds", { capacity: 10_001 }, "invalid_event"],
  ])("a hello with %s is refused", async (_, hello, code) => {
    const agent = streams.connect(await node.token());
    agent.hello(hello);
    expect((await agent.ended).code).toBe(code);
  });

  test("whoever says something else first, or garbage, or nothing, is told", async () => {
    const eager = streams.connect(await node.token());
    eager.send({ case: "join", value: { session: "s" } });
    expect((await eager.ended).code).toBe("hello_expected");
    const garbage = streams.connect(await node.token());
    garbage.call.write(Buffer.from([0xff, 0xff, 0xff]));
    expect((await garbage.ended).code).toBe("malformed");
    const empty = await streams.welcomed();
    empty.send(undefined);
    expect((await empty.ended).code).toBe("unknown_frame");
    const silent = streams.connect(await node.token());
    await streams.welcomed("i-2");
    node.clock.advance(5_000);
    expect((await silent.ended).code).toBe("idle_timeout");
  });

  test("a node that was stopped itself hears first what came meanwhile", async () => {
    const agent = streams.connect(await node.token());
    await streams.welcomed("i-2");
    node.clock.stoppedMs = 60_000;
    node.clock.advance(5_000);
    agent.hello({});
    expect(await agent.next("welcome")).toMatchObject({ tenant: "acme" });
  });

  test("several requests in one message are taken in their order; a batch in a batch, or one cut short, ends the stream", async () => {
    const hello = { case: "hello", value: { protocol: 1, agent: "helper", instance: "i-1" } } as const;
    const join = { case: "join", value: { session: "nowhere" } } as const;
    const together = streams.connect(await node.token());
    together.sendTogether([hello, join]);
    await together.next("welcome");
    expect((await together.next("refused")).code).toBe("session_not_found");
    together.send({ case: "batch", value: { messages: [{ kind: { case: "batch", value: {} } }] } });
    expect((await together.ended).code).toBe("malformed");
    const short = await streams.welcomed("i-2");
    short.call.write(Buffer.from([0x52, 5, 0x0a, 2, 0x1a]));
    expect((await short.ended).code).toBe("malformed");
  });

  test("a second hello, and a message beyond the limit, end the stream", async () => {
    const twice = await streams.welcomed();
    twice.hello();
    expect((await twice.ended).code).toBe("malformed");
    const huge = await streams.welcomed("i-2");
    huge.call.write(Buffer.alloc(200_000));
    expect((await huge.ended).code).toBe("status 8");
  });
});

describe("a token's end", () => {
  test("ends the stream, unless a new one has come", async () => {
    const ending = await streams.welcomed("i-1");
    const renewing = await streams.welcomed("i-2");
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
    const agent = await streams.welcomed();
    agent.send({ case: "auth", value: { token: await node.token({ participant: "mallory" }) } });
    expect((await agent.ended).code).toBe("unauthenticated");
  });
});

describe("SPEC 13: what an agent may write", () => {
  test("as itself: the node fills in who it is, and a forged actor is refused", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    const record = opened(1);
    agent.send({
      case: "publish",
      value: { session: "s", record: { ...record, actor: { participant: "ann", role: 1 } } },
    });
    expect((await agent.next("verdict")).code).toBe("forged_actor");
    agent.send({ case: "publish", value: { session: "s", record } });
    expect(await agent.accepted(1)).toBeDefined();
    const [message] = [...watcher.state.messages.values()];
    expect(message?.author).toBe("bot");
  });

  test("nothing that is the node's to say", async () => {
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    const value = { agent: "helper", instance: "i-9", attachment: "a" };
    const record = { ...opened(1), events: [{ kind: { case: "agentJoined" as const, value } }] };
    agent.send({ case: "publish", value: { session: "s", record } });
    expect((await agent.next("verdict")).code).toBe("forbidden");
    agent.send({ case: "publish", value: { session: "s", record: { ...opened(1), cause: { seq: 1 } } } });
    expect((await agent.next("verdict")).code).toBe("forbidden");
  });

  test("nothing under an attempt that is not its own", async () => {
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    const value = { runId: "nobody:1:0", result: "" };
    const record = { ...opened(1), attempt: 3, events: [{ kind: { case: "runCompleted" as const, value } }] };
    agent.send({ case: "publish", value: { session: "s", record } });
    expect((await agent.next("verdict")).code).not.toBe("");
  });

  test("no message without a record, and is told so", async () => {
    const agent = await streams.welcomed("i-1");
    agent.send({ case: "publish", value: { session: "s" } });
    expect((await agent.next("verdict")).code).toBe("invalid_record");
  });

  test("nothing in a session that it has not joined, that is not there, or that its token does not cover", async () => {
    await node.watch("s");
    await node.watch("secret");
    const agent = await streams.welcomed("i-1", { sessions: ["s", "missing"] });
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
    const agent = await streams.welcomed();
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

  test("its own records, accepted, and what else became of them; sent again, the first verdict", async () => {
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    agent.send({ case: "publish", value: { session: "s", record: opened(1) } });
    const first = await agent.accepted(1);
    agent.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect(await agent.next("verdict")).toMatchObject({ code: "", duplicate: true, first: 1, seq: first?.seq });
    agent.send({ case: "publish", value: { session: "s", record: opened(3) } });
    expect(await agent.next("verdict")).toMatchObject({ code: "producer_gap", expected: 2 });
  });

  test("what is passing through, without a seq", async () => {
    const watcher = await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
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
    const agent = await streams.joined(await streams.welcomed("i-1"));
    agent.send({ case: "publish", value: { session: "s", record: opened(1, "i-1-a") } });
    await agent.accepted(1);
    agent.send({ case: "publish", value: { session: "s", record: { ...opened(2, "i-1-a"), attempt: 99 } } });
    await agent.next("verdict");
    agent.send({ case: "publish", value: { session: "s", record: opened(1, "other") } });
    await agent.accepted(1);
    agent.send({ case: "join", value: { session: "s" } });
    const { producers } = await agent.next("joined");
    expect(producers?.producers.map(({ key, last }) => [key, last])).toEqual([["bot/i-1-a", 2]]);
  });
});

describe("SPEC 12: a record that never gets to the session", () => {
  const publish = (record: ReturnType<typeof opened>) =>
    ({ case: "publish", value: { session: "s", record } }) as const;
  const metadata = JSON.stringify("x".repeat(5_000));
  const tooLong = { kind: { case: "messageUpdated" as const, value: { messageId: "none:1:0", metadata } } };
  const standIn = { kind: { case: "messageClosed" as const, value: {} } };
  const notItsOwn = { kind: { case: "agentLeft" as const, value: { instance: "i-2" } } };

  test.each([
    ["is longer than the log takes", [tooLong], "too_large"],
    ["is for nodes to say", [notItsOwn], "forbidden"],
    ["has more events than a record may", Array.from({ length: 65 }, () => standIn), "invalid_record"],
  ])("where it %s: that is told, with the number that the session still waits for", async (_why, events, code) => {
    await streams.close();
    node = await TestNode.start({}, { entryBytes: 4_096 });
    streams = new Streams(node);
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    agent.send(publish(opened(1)));
    await agent.accepted(1);
    const record = { ...opened(2), events };
    agent.send({ case: "publish", value: { session: "s", record } });
    expect(await agent.next("verdict")).toMatchObject({ first: 2, code, expected: 2, retryAfterMs: 0 });
    agent.send({ case: "publish", value: { session: "s", record: { ...opened(2), events: [standIn] } } });
    agent.send(publish(opened(3)));
    expect(await agent.next("verdict")).toMatchObject({ first: 2, code: "invalid_event" });
    expect(await agent.accepted(3)).toBeDefined();
  });
});

describe("SPEC 11: bounded", () => {
  test("an agent that sends more than its window is not read until it has been answered", async () => {
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
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

  test("a node that has as many streams as it may sends newcomers away, with a time to come back", async () => {
    await streams.close();
    await restart({ streams: 1 });
    await streams.welcomed("i-1");
    const second = streams.connect(await node.token());
    second.hello({ instance: "i-2" });
    expect((await second.ended).code).toBe("overloaded");
  });

  test("one that does not read is cut off, and the others go on", async () => {
    await streams.close();
    await restart({ maxOutgoingBytes: 200_000 });
    const watcher = await node.watch("s");
    const slow = await streams.joined(await streams.welcomed("i-1"));
    const quick = await streams.joined(await streams.welcomed("i-2"));
    slow.call.pause();
    const metadata = JSON.stringify("x".repeat(10_000));
    while (watcher.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_HERE") {
      await watcher.write([{ sessionUpdated: { metadata } }]);
    }
    slow.call.resume();
    expect((await slow.ended).code).toBe("slow_consumer");
    quick.send({ case: "publish", value: { session: "s", record: opened(1) } });
    expect(await quick.accepted(1)).toBeDefined();
  });
});
