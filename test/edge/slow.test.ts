import { createClient, type SessionView, type Status } from "@perdure/client";
import type { Edge } from "@perdure/edge";
import type { ServerFrame } from "@perdure/protocol";
import { ManualClock } from "@perdure/replica/testing";
import { createMetrics } from "@perdure/service-kit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { RawClient } from "./raw-client.ts";
import { seqsOf } from "./seqs.ts";
import { StubAgent, token, urlOf, World } from "./support.ts";
import { TcpClient } from "./tcp-client.ts";

const KIB = 1024;

let world: World;
let edge: Edge;
let registry: ReturnType<typeof createMetrics>;
let sessions = 0;

beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());
beforeEach(async () => {
  registry = metricsOf();
  edge = await world.edge({ limits: { maxBufferedBytes: 64 * KIB }, metrics: registry });
});

const metricsOf = () => createMetrics({ service: "edge", node: "slow" });

async function laggingCount(): Promise<number> {
  const metric = await registry.getSingleMetric("perdure_edge_lagging_connections")?.get();
  return metric?.values[0]?.value ?? 0;
}

/** A session with an agent that is at work, and somebody who follows it. */
async function stage() {
  const session = `slow-${(sessions += 1)}`;
  const fast = new RawClient(urlOf(edge));
  await fast.hello(await token());
  await fast.send({ t: "attach", id: 1, session });
  const { h } = await fast.next("attached");
  const ev = [{ sessionCreated: {} }, { runRequested: { agent: "helper" } }];
  await fast.send({ t: "send", h, p: "fast", n: 1, born: 0, ev });
  await fast.next("ack");
  const agent = await StubAgent.join(world, session);
  await agent.accept();
  return { session, fast, agent };
}

async function slowReader(session: string): Promise<{ slow: TcpClient; h: number }> {
  const slow = await TcpClient.open(edge.port);
  slow.send({ t: "hello", v: 1, token: await token({ participant: "slow" }) });
  await slow.next("welcome");
  slow.send({ t: "attach", id: 1, session });
  const frame = await slow.next("attached");
  return { slow, h: "t" in frame && frame.t === "attached" ? frame.h : 0 };
}

/** Writes large parts until somebody lags: more than the kernel's buffers of both sides take. */
async function flood(agent: StubAgent): Promise<void> {
  const text = "x".repeat(100 * KIB);
  while ((await laggingCount()) === 0) {
    await agent.open();
    for (let part = 0; part < 4; part += 1) await agent.say(text);
    await agent.close();
  }
}

const kindOf = (frame: ServerFrame): string => ("t" in frame ? frame.t : frame[0]);

describe("a client that does not read", () => {
  test("gets what fits without a gap, then in one piece what it lacks, and others do not notice", async () => {
    const { session, fast, agent } = await stage();
    const { slow } = await slowReader(session);
    await flood(agent);
    await agent.open();
    const last = agent.state.seq;
    await fast.find((frames) => (seqsOf(frames).at(-1) === last ? true : undefined));
    const frames = await slow.until("caught_up");
    const kinds = frames.map(kindOf).filter((kind) => kind !== "a" && kind !== "e");
    expect(kinds).toEqual(["lagging", "update", "caught_up"]);
    const seqs = seqsOf(frames);
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    expect(frames.at(-2)).toMatchObject({ t: "update", seq: agent.state.seq });
    expect(seqs.at(-1)).toBeLessThan(last);
    await agent.say("after");
    expect(seqsOf([await slow.next("a")])).toEqual([agent.state.seq]);
    expect(fast.frames.filter((frame) => ["lagging", "update"].includes(kindOf(frame)))).toEqual([]);
    slow.cut();
    fast.close();
  });

  test("writes on while it lags, and hears of each", async () => {
    const { session, fast, agent } = await stage();
    const { slow, h } = await slowReader(session);
    await flood(agent);
    for (let n = 1; n <= 200; n += 1) {
      slow.send({ t: "send", h, p: "slow-1", n, born: 1, ev: [{ sessionUpdated: { title: `${n}` } }] });
    }
    await fast.next("e", ({ ev }) => ev[0]?.sessionUpdated?.title === "200");
    const acked: number[] = [];
    while (acked.length < 200) {
      const ack = await slow.next("ack");
      if ("t" in ack && ack.t === "ack" && ack.code === undefined) acked.push(ack.n);
    }
    expect(acked).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    slow.cut();
    fast.close();
  });

  test("but asks for more than it reads gets it all in turn, and what happened meanwhile without a gap", async () => {
    const { session, fast, agent } = await stage();
    await agent.open();
    for (let part = 0; part < 4; part += 1) await agent.say("x".repeat(100 * KIB));
    const { slow } = await slowReader(session);
    for (let id = 2; id <= 40; id += 1) slow.send({ t: "attach", id, session });
    for (let word = 0; word < 30; word += 1) await agent.say("word ");
    for (let id = 2; id <= 39; id += 1) await slow.next("attached");
    await agent.say("end");
    const answer = await slow.next("attached");
    expect(answer).toMatchObject({ id: 40, how: "snapshot" });
    let seq = "t" in answer && answer.t === "attached" ? answer.seq : 0;
    while (seq < agent.state.seq) {
      const frame = await slow.next("a", "update");
      const records = "t" in frame && frame.t === "update" ? (frame.records ?? []) : [frame];
      for (const next of seqsOf(records)) expect(next).toBe((seq += 1));
    }
    slow.cut();
    fast.close();
  });
});

test("a pong does not wait for answers that go out in turn, so it says nothing of them", async () => {
  const { session, fast, agent } = await stage();
  await agent.open();
  for (let part = 0; part < 4; part += 1) await agent.say("x".repeat(100 * KIB));
  const { slow } = await slowReader(session);
  for (let id = 2; id <= 61; id += 1) slow.send({ t: "attach", id, session });
  for (let id = 2; id <= 6; id += 1) await slow.next("attached");
  slow.send({ t: "ping" });
  const before = await slow.until("pong");
  expect(before.filter((frame) => kindOf(frame) === "attached").length).toBeLessThan(55);
  slow.cut();
  fast.close();
});

describe("a client that takes a byte a second", () => {
  test("is closed with its code, and resumes from what it has got", async () => {
    const clock = new ManualClock(Date.now());
    edge = await world.edge({ clock, limits: { maxBufferedBytes: 64 * KIB }, metrics: (registry = metricsOf()) });
    const { session, fast, agent } = await stage();
    const { slow } = await slowReader(session);
    await flood(agent);
    for (let second = 0; second < 31; second += 1) {
      slow.send({ t: "ping" });
      await fast.send({ t: "ping" });
      await until("a pong", () => fast.frames.filter((frame) => kindOf(frame) === "pong").length > second);
      clock.advance(1_000);
      await slow.byte();
    }
    const { frames, code, reason } = await slow.rest();
    expect({ code, reason }).toEqual({ code: 4002, reason: "slow_consumer" });
    const seq = seqsOf(frames).at(-1) ?? 0;
    const again = new RawClient(urlOf(edge));
    await again.hello(await token({ participant: "slow" }));
    const epoch = String(agent.state.epoch);
    await again.send({ t: "attach", id: 1, session, cursor: { epoch, seq } });
    expect(await again.next("attached")).toMatchObject({ epoch, seq: agent.state.seq });
    again.close();
    fast.close();
  });
});

describe("the client SDK on a slow network", () => {
  test("shows that it lags, and then what everybody sees", async () => {
    const { session: id, fast, agent } = await stage();
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const client = createClient({ url: urlOf(proxy), getToken: () => token({ participant: "sdk" }) });
    const session = client.session(id);
    const states: Status["state"][] = [];
    session.on("status", ({ state }) => states.push(state));
    await until("a live session", () => session.status.state === "live");
    proxy.hold();
    await flood(agent);
    await agent.open();
    await agent.say("the end");
    proxy.release();
    await until("the end", () => states.at(-1) === "live" && session.view.seq === agent.state.seq);
    expect(states.slice(-2)).toEqual(["lagging", "live"]);
    await agent.say(" of it");
    await until("what follows", () => session.view.seq === agent.state.seq);
    const other = createClient({ url: urlOf(edge), getToken: () => token({ participant: "other" }) });
    const fresh = other.session(id);
    await until("the same seq", () => fresh.view.seq === agent.state.seq && session.view.seq === agent.state.seq);
    expect(shown(session.view)).toEqual(shown(fresh.view));
    client.close();
    other.close();
    await proxy.close();
    fast.close();
  });
});

/** Without what a client that was there earlier still has, and without who looks. */
const shown = ({ messages, runs }: SessionView) => ({
  runs,
  messages: messages.map(({ id, text, status }) => ({ id, status, length: text.length })).slice(-1),
});
