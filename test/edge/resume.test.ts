import { createClient } from "@perdure/client";
import type { Edge } from "@perdure/edge";
import { partitionOf } from "@perdure/log";
import { type HeldSession, TOPICS } from "@perdure/replica";
import { GatedTail } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { RawClient } from "./raw-client.ts";
import { Reader, shownOf } from "./reader.ts";
import { expectMet, walk } from "./seam.ts";
import { PARTITIONS, StubAgent, TENANT, token, urlOf, World, Writer } from "./support.ts";

const SESSION = "trip";
const KEY = `${TENANT}/${SESSION}`;
const PARTITION = partitionOf(KEY, PARTITIONS);
const LONG = "a passage of some length, as answers are. ".repeat(100);
const ignore = { onAccepted: () => undefined, onLost: () => undefined };

let world: World;
let backend: Writer;
let held: HeldSession;
let reader: Reader;

beforeEach(async () => {
  world = await World.open();
  held = await world.replica.attach(KEY, ignore);
  backend = new Writer(held, { participant: "backend", role: "ROLE_SERVICE" }, "backend");
  await backend.write([{ sessionCreated: { title: "a trip" } }]);
  reader = new Reader(SESSION);
});

afterEach(async () => {
  reader.leave();
  await world.close();
});

/** An agent in the middle of its answer. */
async function answering(): Promise<StubAgent> {
  await backend.write([{ runRequested: { agent: "helper" } }]);
  const agent = await StubAgent.join(world, SESSION);
  await agent.accept();
  await agent.open();
  return agent;
}

/** The reader has all that there is, and shows what the server shows. */
async function expectWhole(one = reader): Promise<void> {
  const { seq } = held.state;
  await one.reach((state) => state.seq >= seq);
  const server = await world.freshReplica().attach(KEY, ignore);
  await one.reach((state) => state.seq >= server.state.seq);
  expect(shownOf(one.state, server.state)).toBe(shownOf(server.state, server.state));
}

/** A keeper has covered everything; nothing of it is left in the log where `trimmed`. */
async function covered({ trimmed = false } = {}): Promise<void> {
  await expect
    .poll(async () => (await world.freshReplica().attach(KEY, ignore)).acceptedSince(held.state.seq - 1))
    .toBeUndefined();
  if (!trimmed) return;
  await expect
    .poll(async () => {
      const { start, end } = await world.log.bounds(TOPICS.events, PARTITION);
      return end - start;
    })
    .toBe(0);
}

describe("a client that comes back with a cursor (SPEC 10: resume)", () => {
  test("gets the records since from the edge that it was on", async () => {
    const edge = await world.edge();
    await backend.say("one");
    await reader.attach(edge);
    reader.leave();
    await backend.say("two");
    const { records } = await reader.attach(edge);
    expect(reader.hows).toEqual(["snapshot", "resumed"]);
    expect(JSON.stringify(records)).not.toContain('"one"');
    await expectWhole();
  });

  test("gets the records since from another edge, also where heads have long covered what it knows", async () => {
    await world.keeper();
    await reader.attach(await world.edge());
    reader.leave();
    await covered();
    await backend.say("two");
    await reader.attach(await world.edge());
    expect(reader.hows[0]).toBe("snapshot");
    await expectWhole();
  });

  test("gets what changed where the records since are no longer in the log", async () => {
    await world.keeper({ eventsKeptMs: 0, trimMs: 20 });
    const agent = await answering();
    await agent.say("one ");
    await reader.attach(await world.edge());
    reader.leave();
    for (let word = 0; word < 20; word += 1) await agent.say(`word ${word} `);
    await backend.say("beside it");
    await agent.finish();
    await covered({ trimmed: true });
    const { head } = await reader.attach(await world.edge());
    expect(reader.hows.at(-1)).toBe("patched");
    expect(head?.messages).toHaveLength(2);
    await expectWhole();
  });

  test("gets the recent state where it has missed too much, and the rest from history, back to the first event", async () => {
    await world.keeper({ eventsKeptMs: 0, trimMs: 20 });
    const ids = [await backend.say(`first ${LONG}`)];
    await reader.attach(await world.edge());
    reader.leave();
    for (let count = 0; count < 60; count += 1) ids.push(await backend.say(`${count} ${LONG}`));
    await covered({ trimmed: true });
    await reader.attach(await world.edge());
    expect(reader.hows).toEqual(["snapshot", "snapshot"]);
    await expectWhole();
    const pages = await reader.history();
    const past = pages.flatMap(({ messages = [] }) => messages.map(({ id = "" }) => id));
    expect(pages.length).toBeGreaterThan(3);
    expect([...past, ...reader.state.messages.keys()].toSorted()).toEqual(ids.toSorted());
    expect(pages.at(-1)?.messages?.[0]?.parts?.[0]?.part?.text).toContain("first ");
  });

  test("goes on where it was after its edge was started again", async () => {
    const config = { node: "edge-x" };
    const agent = await answering();
    const first = await world.edge({ config });
    await reader.attach(first);
    await agent.say("one ");
    await reader.reach(({ seq }) => seq === agent.state.seq);
    await first.stop();
    await agent.say("two ");
    await reader.attach(await world.edge({ config }));
    await agent.say("three");
    await agent.finish();
    await expectWhole();
    expect(reader.hows).toEqual(["snapshot", "resumed"]);
  });

  test("waits where it has seen more than the edge that it comes to, and loses nothing of what it saw", async () => {
    const agent = await answering();
    const slow = new GatedTail(world.log, TOPICS.events);
    const behind = await world.edge({ log: slow.log });
    const other = new Reader(SESSION);
    await other.attach(behind);
    await agent.say("one ");
    await other.reach(({ seq }) => seq >= agent.state.seq);
    slow.hold();
    await agent.say("two ");
    await agent.say("three ");
    await reader.attach(await world.edge());
    const { seq } = reader.cursor;
    reader.leave();
    let answered = false;
    const attached = reader.attach(behind).finally(() => {
      answered = true;
    });
    // Who knows nothing is served meanwhile.
    const newcomer = new Reader(SESSION);
    expect((await newcomer.attach(behind)).seq).toBeLessThan(seq);
    newcomer.leave();
    expect(answered).toBe(false);
    slow.release();
    expect((await attached).seq).toBeGreaterThanOrEqual(seq);
    expect(reader.hows).toEqual(["snapshot", "resumed"]);
    await expectWhole();
    other.leave();
  });

  test("goes on in the middle of hand-overs between keepers, wherever it comes back", async () => {
    const agent = await answering();
    const readers = Array.from({ length: 4 }, () => new Reader(SESSION));
    const usual = await world.edge();
    const forgetful = await world.edge({ replica: world.freshReplica({ recentRecords: 4 }) });
    const edgeOf = (round: number): Edge => (round % 2 === 0 ? usual : forgetful);
    await Promise.all(readers.map((one, index) => one.attach(edgeOf(index))));
    let keeper = await world.keeper();
    for (let round = 0; round < 8; round += 1) {
      const one = readers[round % readers.length];
      one?.leave();
      for (let word = 0; word < 15; word += 1) await agent.say(`${round}.${word} `);
      const next = await world.keeper();
      await agent.say("| ");
      // The node that it comes to has just begun, or has been there all the time.
      const back = one?.attach(round % 3 === 0 ? await world.edge() : edgeOf(round));
      await keeper.stop();
      await agent.say(". ");
      await back;
      keeper = next;
    }
    await agent.finish();
    for (const one of readers) {
      await expectWhole(one);
      one.leave();
    }
    expect(new Set(readers.flatMap(({ hows }) => hows))).toEqual(new Set(["snapshot", "resumed", "patched"]));
  });

  test("is told so where its cursor is of an earlier life of the name, or of none", async () => {
    const edge = await world.edge();
    await reader.attach(edge);
    const { epoch } = reader.cursor;
    const raw = new RawClient(urlOf(edge));
    await raw.hello(await token());
    const seq = 1;
    await raw.send({ t: "attach", id: 1, session: SESSION, cursor: { epoch: String(Number(epoch) + 1), seq } });
    expect(await raw.next("attached")).toMatchObject({ how: "snapshot", code: "session_replaced", epoch });
    raw.close();
  });
});

describe("what a patch weighs (SPEC 10.10)", () => {
  test("one changed message of 200 weighs about what that message does", async () => {
    await world.keeper();
    const ids: string[] = [];
    for (let count = 0; count < 200; count += 1) ids.push(await backend.say(`${count} ${"x".repeat(40)}`));
    await reader.attach(await world.edge());
    const known = [...reader.state.messages.keys()];
    reader.leave();
    const messageId = known[Math.floor(known.length / 2)] ?? "";
    await backend.write([{ messageUpdated: { messageId, metadata: '{"seen":true}' } }]);
    await covered();
    const forgetful = await world.edge({ replica: world.freshReplica({ recentRecords: 1 }) });
    const frame = await reader.attach(forgetful);
    expect(frame.how).toBe("patched");
    expect(frame.head?.messages?.map(({ id }) => id)).toEqual([messageId]);
    const wholeBytes = JSON.stringify(frame.head?.messages).length;
    const { head: _head, ...envelope } = frame;
    const envelopeBytes = JSON.stringify(envelope).length;
    const bytes = JSON.stringify(frame).length;
    // The rest is who came and went meanwhile: this reader itself.
    expect(bytes - envelopeBytes).toBeLessThan(2 * wholeBytes + 600);
    expect(bytes).toBeLessThan(2_000);
    await expectWhole();
  });
});

describe("history that is read while tokens stream (SPEC 10.3)", () => {
  const ids: string[] = [];
  const sayLong = async (count: number): Promise<void> => {
    for (let said = 0; said < count; said += 1) ids.push(await backend.say(`${said} ${LONG}`));
  };

  /** An agent whose answer is among the messages. */
  async function answer(): Promise<StubAgent> {
    const agent = await answering();
    ids.push(agent.messageId);
    return agent;
  }

  beforeEach(async () => {
    ids.length = 0;
    await world.keeper();
    await sayLong(30);
  });

  test("meets what the client shows without gap and overlap, messages and runs", async () => {
    const early = await answer();
    await early.finish();
    const client = createClient({ url: urlOf(await world.edge()), getToken: () => token(), baseDelayMs: 1 });
    const session = client.session(SESSION);
    await expect.poll(() => session.view.messages.length).toBeGreaterThan(0);
    const agent = await answer();
    const walked = await walk(session, async () => {
      await agent.say("a token ");
      // What is shown now leaves the server while the walk goes on.
      await sayLong(5);
    });
    await agent.finish();
    await expect.poll(() => session.view.seq).toBe(held.state.seq);
    expectMet(session, walked, ids, [early.runId, agent.runId]);
    // A walk that begins now still meets it: what has left the server since is shown already.
    expect(held.state.runs.has(early.runId)).toBe(false);
    expectMet(session, await walk(session), ids, [early.runId, agent.runId]);
    client.close();
  });

  test("is walked again where the client was away for so long that it begins later now", async () => {
    const proxy = await TcpProxy.start({ targets: [(await world.edge()).port] });
    const client = createClient({ url: urlOf(proxy), getToken: () => token(), baseDelayMs: 1, maxDelayMs: 20 });
    const session = client.session(SESSION);
    await expect.poll(() => session.view.messages.length).toBeGreaterThan(0);
    const { pastPages } = session.view;
    expectMet(session, await walk(session), ids, []);
    proxy.targets = [];
    proxy.cut();
    await sayLong(60);
    // Another node, which does not have what came meanwhile at hand.
    await covered();
    proxy.targets = [(await world.edge()).port];
    await expect.poll(() => session.view.pastPages).toBeGreaterThan(pastPages);
    await expect.poll(() => session.view.seq).toBe(held.state.seq);
    expectMet(session, await walk(session), ids, []);
    client.close();
    await proxy.close();
  });

  test("is empty where the client has seen all", async () => {
    const client = createClient({ url: urlOf(await world.edge()), getToken: () => token(), baseDelayMs: 1 });
    const session = client.session("other");
    await session.send("hello");
    expect(await walk(session)).toEqual({ messages: [], runs: [] });
    client.close();
  });
});

describe("records that left the log before heads covered them (SPEC 12: explicit)", () => {
  test("are told as history_lost, never as a new session, to whoever comes, with a cursor or without", async () => {
    await backend.say("one");
    await reader.attach(await world.edge());
    await world.log.trim(TOPICS.events, PARTITION, (await world.log.bounds(TOPICS.events, PARTITION)).end - 1);
    const late = await world.edge();
    await expect(reader.attach(late)).rejects.toMatchObject({ code: "history_lost" });
    await expect(new Reader(SESSION).attach(late)).rejects.toMatchObject({ code: "history_lost" });
    const answer = await fetch(`http://127.0.0.1:${late.port}/v1/sessions/${SESSION}`, {
      headers: { authorization: `Bearer ${await token()}` },
    });
    expect([answer.status, await answer.json()]).toMatchObject([410, { code: "history_lost" }]);
  });

  test("overtake a reader that had not read them: it starts again where heads have them, else it says so", async () => {
    const slow = new GatedTail(world.log, TOPICS.events);
    const behind = await world.edge({ log: slow.log });
    await reader.attach(behind);
    slow.hold();
    const keeper = await world.keeper({ eventsKeptMs: 0, trimMs: 20 });
    for (let count = 0; count < 30; count += 1) await backend.say(`${count} ${LONG}`);
    await covered({ trimmed: true });
    slow.release();
    const again = new Reader(SESSION);
    await expect
      .poll(async () => {
        const frame = await again.attach(behind).catch((error: unknown) => error);
        return frame instanceof Error ? frame.message : "whole";
      })
      .toBe("whole");
    await expectWhole(again);
    again.leave();
    await keeper.stop();
  });
});
