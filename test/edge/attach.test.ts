import type { Edge } from "@perdure/edge";
import type { AttachedFrame, Cursor, ServerFrame } from "@perdure/protocol/frames";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawClient } from "./raw-client.ts";
import { seqsOf } from "./seqs.ts";
import { StubAgent, token, urlOf, World } from "./support.ts";

let world: World;
let edge: Edge;

beforeAll(async () => {
  world = await World.open();
  edge = await world.edge();
});
afterAll(() => world.close());

let lastId = 0;

async function attach(session: string, cursor?: Cursor, claims = {}, on: Edge = edge) {
  const client = new RawClient(urlOf(on));
  await client.hello(await token(claims));
  return { client, frame: await attachOn(client, session, cursor) };
}

async function attachOn(client: RawClient, session: string, cursor?: Cursor): Promise<AttachedFrame> {
  lastId += 1;
  const id = lastId;
  await client.send({ t: "attach", id, session, ...(cursor && { cursor }) });
  return client.next("attached", (frame) => frame.id === id);
}

/** A session with a message that asks the agent, and that agent in the middle of its answer. */
async function streaming(session: string) {
  const { client, frame } = await attach(session);
  const ev = [
    { sessionCreated: { title: session } },
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { messageClosed: { messageId: `p-${session}:1:1` } },
    { runRequested: { agent: "helper", inputMessageId: `p-${session}:1:1` } },
  ];
  await client.send({ t: "send", h: frame.h, p: `p-${session}`, n: 1, born: 0, ev });
  expect((await client.next("ack")).code).toBeUndefined();
  const agent = await StubAgent.join(world, session);
  await agent.accept();
  await agent.open();
  const created = await client.next("e", ({ epoch }) => epoch !== undefined);
  return { client, handle: frame.h, agent, epoch: created.epoch ?? "" };
}

const textOf = (frames: readonly ServerFrame[]): string =>
  frames.flatMap((frame) => ("t" in frame || frame[0] !== "a" ? [] : [frame[5]])).join("");

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("an attach is answered with how it brings the client up to date", () => {
  test("new: the name has no life", async () => {
    const { client, frame } = await attach("new-1");
    expect(frame).toMatchObject({ how: "new", seq: 0 });
    expect(frame.epoch).toBeUndefined();
    client.close();
  });

  test("snapshot: without a cursor, the state whole", async () => {
    const { agent, epoch } = await streaming("snap-1");
    await agent.say("so far");
    const { client, frame } = await attach("snap-1");
    expect(frame).toMatchObject({ how: "snapshot", epoch, head: { info: { title: "snap-1" } } });
    expect(frame.head?.messages?.[1]?.parts?.[0]?.part?.text).toBe("so far");
    expect(frame.head?.ledger).toBeUndefined();
    client.close();
  });

  test("resumed: the records after the cursor, and then what follows", async () => {
    const { agent, epoch } = await streaming("resume-1");
    await agent.say("one ");
    const { seq } = agent.state;
    await agent.say("two ");
    const { client, frame } = await attach("resume-1", { epoch, seq });
    expect(frame.how).toBe("resumed");
    await agent.say("three");
    await client.find((frames) => (textOf(frames) === "three" ? true : undefined));
    expect(textOf(frame.records ?? [])).toBe("two ");
    expect(seqsOf([...(frame.records ?? []), ...client.frames])[0]).toBe(seq + 1);
    client.close();
  });

  test("patched: only the items that changed, where the node has the records no more", async () => {
    const { agent, epoch } = await streaming("patch-1");
    await agent.say("one ");
    const { seq } = agent.state;
    await agent.say("two");
    const forgetful = await world.edge({ replica: world.freshReplica({ recentRecords: 1 }) });
    const { client, frame } = await attach("patch-1", { epoch, seq: seq - 1 }, {}, forgetful);
    expect(frame.how).toBe("patched");
    expect(frame.head?.messages).toHaveLength(1);
    expect(frame.head?.info).toBeUndefined();
    client.close();
  });

  test("snapshot, with the reason, where the cursor is of another life or session", async () => {
    const { epoch } = await streaming("life-1");
    const { epoch: other } = await streaming("life-2");
    const { client, frame } = await attach("life-1", { epoch: other, seq: 3 });
    expect(frame).toMatchObject({ how: "snapshot", code: "session_replaced", epoch });
    client.close();
  });

  test("snapshot, with the reason, where the cursor is from the future", async () => {
    const { epoch } = await streaming("future-1");
    const { client, frame } = await attach("future-1", { epoch, seq: 4_000 });
    expect(frame).toMatchObject({ how: "snapshot", code: "cursor_future", epoch });
    client.close();
  });

  test("new, with the reason, where the cursor is of a session that is gone", async () => {
    const { client, frame } = await attach("gone-1", { epoch: "17", seq: 4 });
    expect(frame).toMatchObject({ how: "new", code: "session_replaced" });
    client.close();
  });
});

describe("what follows an attach", () => {
  test("has no gap and no overlap, however many attach in the middle of a stream", async () => {
    const { agent, epoch } = await streaming("seam-1");
    const words = range(1, 120).map((word) => `w${word} `);
    const arrivals: Promise<{ client: RawClient; frame: AttachedFrame; from: number }>[] = [];
    for (const [index, word] of words.entries()) {
      const said = agent.say(word);
      if (index % 10 === 5) {
        const from = agent.state.seq;
        arrivals.push(attach("seam-1", { epoch, seq: from }).then((arrival) => ({ ...arrival, from })));
      }
      await said;
    }
    await agent.finish();
    const { seq: last } = agent.state;
    for (const arrival of arrivals) {
      const { client, frame, from } = await arrival;
      await client.find((frames) => (seqsOf(frames).at(-1) === last || frame.seq === last ? true : undefined));
      expect(seqsOf([...(frame.records ?? []), ...client.frames])).toEqual(range(from + 1, last));
      client.close();
    }
  });

  test("attaching again on the same connection goes on from there", async () => {
    const { client, agent, epoch } = await streaming("again-1");
    await agent.say("one ");
    const { seq } = agent.state;
    const frame = await attachOn(client, "again-1", { epoch, seq: seq - 1 });
    expect(frame).toMatchObject({ how: "resumed", records: [["a", frame.h, seq, expect.any(Number), 0, "one "]] });
    const before = client.frames.length;
    await agent.say("two");
    await client.find((frames) => (textOf(frames.slice(before)) === "two" ? true : undefined));
    expect(seqsOf(client.frames.slice(before))).toEqual([seq + 1]);
    client.close();
  });

  test("after a detach nothing comes any more", async () => {
    const { client, handle, agent } = await streaming("detach-1");
    const { client: other } = await attach("detach-1");
    await client.send({ t: "detach", h: handle });
    await client.send({ t: "ping" });
    await client.next("pong");
    const before = client.frames.length;
    await agent.say("unheard");
    await other.find((frames) => (textOf(frames) === "unheard" ? true : undefined));
    await client.send({ t: "send", h: handle, p: "q", n: 1, born: 0, ev: [{ sessionClosed: {} }] });
    expect(await client.next("ack", ({ p }) => p === "q")).toMatchObject({ code: "not_attached" });
    expect(client.frames.slice(before).map((frame) => ("t" in frame ? frame.t : frame[0]))).not.toContain("a");
    client.close();
    other.close();
  });

  test("a level that does not cover an event learns that it exists, and nothing else", async () => {
    const { client, agent } = await streaming("levels-1");
    const { client: staff, frame } = await attach("levels-1", undefined, { participant: "olga", role: "operator" });
    const note = [
      { messageOpened: { role: "MESSAGE_ROLE_OPERATOR" } },
      { partOpened: { messageId: "note:1:0", part: { kind: "PART_KIND_TEXT", text: "between us" }, complete: true } },
    ];
    await staff.send({ t: "send", h: frame.h, p: "note", n: 1, born: 0, au: "AUDIENCE_STAFF", ev: note });
    expect(await staff.next("e", ({ p }) => p === "note")).toMatchObject({ au: "AUDIENCE_STAFF", ev: note });
    const { s: first } = await staff.next("e", ({ p }) => p === "note");
    const hidden = await client.find((frames) => frames.find((f) => !("t" in f) && f[0] === "s"));
    expect(hidden).toEqual(["s", frame.h, first, 2]);
    expect(JSON.stringify(client.frames)).not.toContain("between us");
    const { client: late, frame: snapshot } = await attach("levels-1");
    expect(JSON.stringify(snapshot)).not.toContain("between us");
    expect(snapshot.seq).toBeGreaterThan(first);
    await agent.say("all may see this");
    await late.find((frames) => (textOf(frames) === "all may see this" ? true : undefined));
    for (const open of [client, staff, late]) open.close();
  });
});
