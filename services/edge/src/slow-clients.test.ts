import { OneSession } from "@perdure/replica/testing";
import { canonical, project } from "@perdure/core";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { TestClient } from "./testing/test-edge.ts";
import { settle, TestEdge } from "./testing/test-edge.ts";

const KIB = 1024;
const CAP = 64 * KIB;

let session: OneSession;
let edge: TestEdge;
let number: number;

const actor = { tenant: "acme", participant: "sam", role: "ROLE_SERVICE" } as const;

/** Something happens in the session; each is a record of its own. */
function happen(...events: Parameters<OneSession["publish"]>[0]["events"] & object): void {
  number += 1;
  session.publish({ producer: "sam-1", first: number, last: number, actor, audience: "AUDIENCE_ALL", events });
}

const update = (bytes: number): void => happen({ sessionUpdated: { metadata: "x".repeat(bytes) } });

/** A part that can be written to; answers its id. */
function openPart(): string {
  happen({ messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } });
  happen({ partOpened: { messageId: `sam-1:${number}:0`, part: { kind: "PART_KIND_TEXT" } } });
  return `sam-1:${number}:0`;
}

const begin = (recentCount = 0, limits: ConstructorParameters<typeof TestEdge>[1] = {}): void => {
  // Few are listed, so that tests of many are not about who comes.
  session = new OneSession(recentCount, { members: 8 });
  edge = new TestEdge(session, { maxBufferedBytes: CAP, ...limits });
  number = 0;
  happen({ sessionCreated: {} });
};

beforeEach(() => begin());

async function attached(participant: string, fast = true): Promise<TestClient> {
  const client = await edge.client(participant, fast);
  client.attach();
  await settle();
  return client;
}

/** A client that has taken everything, and then takes nothing. */
async function slowClient(participant = "slow"): Promise<TestClient> {
  const client = await attached(participant, false);
  await client.takeAll();
  return client;
}

/** Time passes in one step, and the edge looks after its connections. */
async function pass(ms: number): Promise<void> {
  edge.clock.advance(ms);
  await settle();
}

/** All take what waits for them until they have everything, and follow. */
async function catchUp(clients: readonly TestClient[]): Promise<void> {
  const takeAll = (): Promise<unknown> => Promise.all(clients.map((client) => client.takeAll()));
  do await takeAll();
  while (clients.some(({ reader }) => reader.state.seq < session.state.seq));
  await takeAll();
  await settle(clients.length + 4);
  for (const { socket } of clients) socket.peakBytes = 0;
}

/** More than one client's cap. */
function overflow(): void {
  for (let count = 0; count < 12; count += 1) update(8 * KIB);
}

const shown = ({ reader }: TestClient): string => canonical(project(reader.state, "all"));
const truth = (): string => canonical(project(session.state, "all"));

describe("a client for which too much waits", () => {
  test("SPEC 10.2: is told so, gets no more, and then in one piece what it lacks", async () => {
    const slow = await slowClient();
    overflow();
    const waiting = slow.socket.getBufferedAmount();
    for (let count = 0; count < 100; count += 1) update(8 * KIB);
    expect(slow.socket.getBufferedAmount()).toBe(waiting);
    expect(await edge.metric("perdure_edge_lagging_connections")).toBe(1);
    await slow.takeAll();
    expect(slow.reader.heard).toEqual(["welcome", "snapshot", "lagging", "patched", "caught_up"]);
    expect(shown(slow)).toBe(truth());
    expect(await edge.metric("perdure_edge_lagging_connections")).toBe(0);
    update(10);
    await slow.takeAll();
    expect(shown(slow)).toBe(truth());
  });

  test("SPEC 10.2: that attaches twice is answered in this order, so that what follows fits the answer that it takes", async () => {
    const slow = await slowClient();
    const { epoch } = session.state;
    const sent = vi.spyOn(slow.socket, "send");
    const looked = Promise.withResolvers<void>();
    const attach = session.attach.bind(session);
    vi.spyOn(session, "attach").mockImplementationOnce(async (...args) => looked.promise.then(() => attach(...args)));
    // The node looks whether it is behind, which takes a while.
    slow.say({ t: "attach", id: 100, session: "trip", cursor: { epoch: String(epoch), seq: session.state.seq + 1 } });
    slow.attach();
    await settle();
    overflow();
    looked.resolve();
    await settle();
    await slow.takeAll();
    const answers = sent.mock.calls.flatMap(([text]) => /^{"t":"attached","id":(\d+)/.exec(text)?.[1] ?? []);
    expect(answers).toEqual(["100", "2"]);
    expect(shown(slow)).toBe(truth());
  });

  test("gets records where they are the shorter way to say it", async () => {
    begin(20);
    const part = openPart();
    for (let count = 0; count < 20; count += 1)
      happen({ partAppended: { partId: part, at: count * KIB, text: "y".repeat(KIB) } });
    const slow = await slowClient();
    while ((await edge.metric("perdure_edge_lagging_connections")) === 0) update(8 * KIB);
    happen({ partAppended: { partId: part, at: 20 * KIB, text: "the end" } });
    await slow.takeAll();
    expect(slow.reader.heard.slice(-3)).toEqual(["lagging", "resumed", "caught_up"]);
    expect(shown(slow)).toBe(truth());
  });

  test("gets the recent state where what it lacks has left that", async () => {
    const slow = await slowClient();
    for (let message = 0; message < 40; message += 1) {
      const part = openPart();
      happen({ partAppended: { partId: part, at: 0, text: "z".repeat(16 * KIB) } });
      happen({ messageClosed: { messageId: [...session.state.messages.keys()].at(-1) ?? "" } });
    }
    await slow.takeAll();
    expect(slow.reader.heard.slice(-3)).toEqual(["lagging", "snapshot", "caught_up"]);
    expect(shown(slow)).toBe(truth());
  });

  test("is told nothing where it lacks nothing", async () => {
    const slow = await slowClient();
    while ((await edge.metric("perdure_edge_lagging_connections")) === 0) {
      update(8 * KIB);
      await pass(1_000);
    }
    await slow.takeAll();
    expect(slow.reader.heard.slice(-2)).toEqual(["lagging", "caught_up"]);
    expect(shown(slow)).toBe(truth());
  });

  test("costs no more than its cap and one frame where parts are larger than that", async () => {
    const slow = await slowClient();
    slow.socket.peakBytes = 0;
    for (let message = 0; message < 8; message += 1) {
      const part = openPart();
      happen({ partAppended: { partId: part, at: 0, text: "z".repeat(500 * KIB) } });
      happen({ messageClosed: { messageId: [...session.state.messages.keys()].at(-1) ?? "" } });
    }
    expect(slow.socket.peakBytes).toBeLessThan(CAP + 501 * KIB);
    await slow.takeAll();
    expect(shown(slow)).toBe(truth());
  });

  test("hears what became of its own records all the same", async () => {
    const slow = await slowClient();
    overflow();
    const h = slow.reader.handle ?? 0;
    for (let n = 1; n <= 50; n += 1) {
      slow.say({ t: "send", h, p: "slow-1", n, born: 0, ev: [{ sessionUpdated: { title: `${n}` } }] });
    }
    await settle();
    await slow.takeAll();
    expect(slow.reader.acks).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(shown(slow)).toBe(truth());
  });

  test("does not get what only passes, and others do", async () => {
    const slow = await slowClient();
    const fast = await attached("fast");
    while (slow.socket.getBufferedAmount() <= CAP / 8) update(KIB);
    const waiting = slow.socket.getBufferedAmount();
    const record = { producer: "sam-1", first: 0, last: 0, actor, events: [{ transient: { kind: "typing" } }] };
    session.publish(record);
    expect(slow.socket.getBufferedAmount()).toBe(waiting);
    expect(fast.reader.heard.at(-1)).toBe("x");
    expect(await edge.metric("perdure_edge_passed_over_total")).toBe(1);
    await slow.takeAll();
    session.publish(record);
    await slow.takeAll();
    expect(slow.reader.heard.at(-1)).toBe("x");
  });

  test("that does not take it in its time is closed with `slow_consumer`, and may resume", async () => {
    const slow = await slowClient();
    overflow();
    const passSecond = async (): Promise<void> => {
      slow.say({ t: "ping" });
      await pass(1_000);
      slow.socket.take(1);
    };
    for (let second = 0; second < 29; second += 1) await passSecond();
    expect(slow.socket.endedWith).toBeUndefined();
    await passSecond();
    expect(slow.socket.endedWith).toBe(4002);
    expect(await edge.metric("perdure_edge_lagging_connections")).toBe(0);
    const closes = await edge.registry.getSingleMetric("perdure_edge_closes_total")?.get();
    expect(closes?.values).toMatchObject([{ labels: { code: "slow_consumer" }, value: 1 }]);
  });

  test("stays where it was the node that was stopped, or its clock that was put forward", async () => {
    const slow = await slowClient();
    overflow();
    edge.clock.jump(60_000);
    slow.say({ t: "ping" });
    await pass(1_000);
    expect(slow.socket.endedWith).toBeUndefined();
    await catchUp([slow]);
    expect(shown(slow)).toBe(truth());
  });

  test("that takes nothing is closed in its time where the clock was put back, though it says something", async () => {
    const slow = await slowClient();
    overflow();
    const now = edge.clock.now.bind(edge.clock);
    vi.spyOn(edge.clock, "now").mockImplementation(() => now() - 3_600_000);
    for (let second = 0; second < 32; second += 1) {
      slow.say({ t: "ping" });
      await pass(1_000);
    }
    expect(slow.socket.endedWith).toBe(4002);
  });

  test("that takes everything now and then stays, however long that goes on", async () => {
    const slow = await slowClient();
    for (let minute = 0; minute < 10; minute += 1) {
      overflow();
      for (let second = 0; second < 25; second += 1) await pass(second % 10 === 0 ? 1_000 : 0);
      await slow.takeAll();
      await pass(1_000);
    }
    expect(slow.socket.endedWith).toBeUndefined();
    expect(shown(slow)).toBe(truth());
  });

  test("and is not heard of for 15 s is gone, though it lags", async () => {
    const slow = await slowClient();
    overflow();
    await pass(14_000);
    expect(slow.socket.endedWith).toBeUndefined();
    await pass(1_000);
    expect(slow.socket.endedWith).toBe(1006);
  });
});

describe("a client that lags", () => {
  test("and attaches again gets what it lacks with the answer", async () => {
    const slow = await slowClient();
    overflow();
    slow.attach();
    update(5);
    await slow.takeAll();
    expect(slow.reader.heard.slice(2)).toEqual(["patched"]);
    update(6);
    await slow.takeAll();
    expect(shown(slow)).toBe(truth());
  });

  test("and detaches hears no more, and goes on from there when it comes back", async () => {
    const slow = await slowClient();
    overflow();
    slow.detach();
    await slow.takeAll();
    expect(slow.reader.heard.slice(2)).toEqual([]);
    update(7);
    expect(slow.socket.getBufferedAmount()).toBe(0);
    slow.attach();
    await settle();
    await slow.takeAll();
    expect(shown(slow)).toBe(truth());
  });

  test("hears that its node stops", async () => {
    const slow = await slowClient();
    overflow();
    const drained = edge.connections.drain(5_000);
    await slow.takeAll();
    expect(slow.reader.heard.slice(2)).toEqual(["lagging", "move", "patched", "caught_up"]);
    slow.socket.end(1000);
    await drained;
  });

  test("hears when the session is lost to its node", async () => {
    const slow = await slowClient();
    overflow();
    session.lose("catching_up");
    await slow.takeAll();
    expect(slow.reader.heard.slice(2)).toEqual(["lagging", "catching_up"]);
    expect(await edge.metric("perdure_edge_lagging_connections")).toBe(0);
  });
});

describe("a client that asks and does not take", () => {
  test.each(["ping", "send", "history"] as const)(
    "is closed when it floods with %s, and costs no more than its cap",
    async (t) => {
      const slow = await slowClient();
      overflow();
      const h = slow.reader.handle ?? 0;
      for (let id = 0; id < 50_000; id += 1) {
        if (t === "ping") slow.say({ t });
        if (t === "history") slow.say({ t, id, h });
        if (t === "send") slow.say({ t, h, p: "flood", n: id + 1, born: 0, ev: [{ sessionUpdated: { title: "t" } }] });
        if (id % 1_000 === 0) await settle();
      }
      expect(slow.socket.endedWith).toBe(4002);
      expect(slow.socket.peakBytes).toBeLessThan(CAP * 1.2 + edge.limits.maxAnswerBytes);
    },
  );
});

describe.each([1, 100, 1_000])("%d slow clients beside fast ones", (count) => {
  test("SPEC 11: cost no more than their cap each, hold nobody up, and come to the same state", async () => {
    const slow = await Promise.all(Array.from({ length: count }, (_, index) => slowClient(`slow-${index}`)));
    const fast = await Promise.all(["ann", "bob", "eve"].map((name) => attached(name)));
    await catchUp(slow);
    for (let record = 0; record < 200; record += 1) {
      update(KIB);
      for (const { reader } of fast) expect(reader.state.seq).toBe(session.state.seq);
      // Some take a little, some nothing.
      if (record % 10 === 0) for (const [index, client] of slow.entries()) client.socket.take((index % 4) * 2 * KIB);
    }
    for (const { socket } of slow) expect(socket.peakBytes).toBeLessThanOrEqual(CAP * (1 + 1 / 64) + 2 * KIB);
    await catchUp(slow);
    for (const client of [...slow, ...fast]) expect(shown(client) === truth()).toBe(true);
    for (const { reader } of slow) expect(reader.heard).toContain("caught_up");
    for (const { reader } of fast) expect(reader.heard).toEqual(["welcome", "snapshot"]);
  });
});
