import { createClient, type Client, type ClientOptions, memoryStore, type Session } from "@perdure/client";
import type { Edge } from "@perdure/edge";
import { createMetrics } from "@perdure/service-kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { StubAgent, token, urlOf, World } from "./support.ts";

let world: World;
let edge: Edge;
const metrics = createMetrics({ service: "edge", node: "clients" });
const clients: Client[] = [];

beforeAll(async () => {
  world = await World.open();
  edge = await world.edge({ metrics });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => world.close());

interface Open {
  readonly participant?: string;
  readonly role?: "user" | "operator";
  readonly url?: string;
  readonly options?: Partial<ClientOptions>;
}

function open(session: string, { participant = "ann", role = "user", url = urlOf(edge), options }: Open = {}): Session {
  const client = createClient({ url, getToken: () => token({ participant, role }), baseDelayMs: 1, ...options });
  clients.push(client);
  client.onReport((report) => reports.push(report.code));
  return client.session(session);
}

const reports: string[] = [];

/** How many attaches the edge has answered so. */
async function attachCount(how: "resumed" | "snapshot"): Promise<number> {
  const metric = await metrics.getSingleMetric("perdure_edge_attach_seconds")?.get();
  const counts: readonly { readonly metricName?: string; readonly labels: object; readonly value: number }[] =
    metric?.values ?? [];
  return (
    counts.find(({ metricName, labels }) => metricName?.endsWith("_count") && "how" in labels && labels.how === how)
      ?.value ?? 0
  );
}

/** Resolves when the view is as wanted. */
function until(session: Session, wanted: (view: Session["view"]) => boolean): Promise<Session["view"]> {
  const { promise, resolve } = Promise.withResolvers<Session["view"]>();
  const end = session.select(
    (view) => view,
    (view) => {
      if (wanted(view)) resolve(view);
    },
  );
  return promise.finally(() => end());
}

function untilStatus(session: Session, state: Session["status"]["state"]): Promise<Session["status"]> {
  const { promise, resolve } = Promise.withResolvers<Session["status"]>();
  const end = session.on("status", (status) => {
    if (status.state === state) resolve(status);
  });
  return promise.finally(() => end());
}

const texts = (session: Session): string[] => session.view.messages.map(({ text }) => text);

async function asking(session: Session, text = "find me a flight") {
  const turn = await session.send(text, { agent: "helper" });
  const agent = await StubAgent.join(world, session.id);
  await agent.accept();
  await agent.open();
  return { turn, agent };
}

test("the global WebSocket can be named, and one that is made from it", async () => {
  class OwnSocket extends WebSocket {}
  for (const webSocket of [WebSocket, OwnSocket]) {
    const session = open("sockets-1", { options: { webSocket } });
    expect(await untilStatus(session, "live")).toMatchObject({ state: "live" });
  }
});

describe("sending", () => {
  test("begins the session, and the message is shown at once and then confirmed under the same id", async () => {
    const session = open("send-1");
    const statuses: string[] = [];
    session.select(
      (view) => view.messages[0]?.status,
      (status) => statuses.push(String(status)),
    );
    const turn = await session.send("hello");
    await expect.poll(() => statuses).toEqual(["undefined", "pending", "done"]);
    expect(session.view).toMatchObject({
      exists: true,
      messages: [{ id: turn.messageId, author: "ann", role: "user" }],
    });
    expect(await turn.done).toEqual({ run: undefined, messages: [] });
  });

  test("into a session that was closed and opened again in the same page writes anew", async () => {
    const client = createClient({ url: urlOf(edge), getToken: () => token({ participant: "ann", role: "user" }) });
    clients.push(client);
    const before = client.session("send-again");
    await before.send("before");
    before.close();
    const after = client.session("send-again");
    await after.send("after");
    await until(after, ({ messages }) => messages.length === 2);
    expect(texts(after)).toEqual(["before", "after"]);
  });

  test("by two who both find the session new works for both", async () => {
    const [ann, bob] = [open("send-2"), open("send-2", { participant: "bob" })];
    await Promise.all([ann.send("from ann"), bob.send("from bob")]);
    await until(ann, ({ messages }) => messages.filter(({ status }) => status === "done").length === 2);
    await until(bob, ({ messages }) => messages.filter(({ status }) => status === "done").length === 2);
    expect(texts(ann)).toEqual(texts(bob));
  });

  test("without the right to begin a session is refused with a code, and shown no longer", async () => {
    const session = open("send-3", { options: { getToken: () => token({ mayCreate: false }) } });
    await expect(session.send("hello")).rejects.toMatchObject({ code: "session_not_found" });
    expect(session.view.messages).toEqual([]);
  });

  test("before the connection is there waits for it", async () => {
    const session = open("send-4");
    const sent = session.send("early");
    expect(session.view.messages).toMatchObject([{ text: "early", status: "pending" }]);
    await sent;
    expect(session.status.state).toBe("live");
  });

  test("an edited message is another version of it, of which one is shown", async () => {
    const session = open("send-5");
    const first = await session.send("frist");
    await session.send("and more");
    await session.send("first", { editOf: first.messageId ?? "" });
    expect(texts(session)).toEqual(["first"]);
    const [shown] = session.view.messages;
    expect(shown?.versions).toHaveLength(2);
    session.showVersion(first.messageId ?? "");
    await until(session, ({ messages }) => messages.length === 2);
    expect(texts(session)).toEqual(["frist", "and more"]);
  });
});

describe("a run", () => {
  test("streams to every device alike, and its turn is done when it has ended", async () => {
    const [phone, laptop] = [open("run-1"), open("run-1")];
    const { turn, agent } = await asking(phone);
    for (const word of ["Madrid ", "to ", "Oslo ", "😀 ", "at nine"]) await agent.say(word);
    await agent.finish();
    const { run, messages } = await turn.done;
    expect(run).toMatchObject({ phase: "completed", agent: "helper", attempts: 1 });
    expect(messages).toMatchObject([{ text: "Madrid to Oslo 😀 at nine", status: "done", role: "assistant" }]);
    await until(laptop, ({ messages: shown }) => shown.at(-1)?.status === "done");
    expect(texts(laptop)).toEqual(texts(phone));
  });

  test("keeps what has not changed as the same objects", async () => {
    const session = open("run-2");
    const { agent } = await asking(session);
    await agent.say("a");
    await until(session, ({ messages }) => messages[1]?.text === "a");
    const before = session.view;
    await agent.say("b");
    const after = await until(session, ({ messages }) => messages[1]?.text === "ab");
    expect(after.messages[0]).toBe(before.messages[0]);
    expect(after.messages[1]).not.toBe(before.messages[1]);
    expect(after.runs).toBe(before.runs);
    expect(after.members).toBe(before.members);
  });

  test("is steered, and the agent's receipt says so", async () => {
    const session = open("run-3");
    const { turn, agent } = await asking(session);
    const receipt = turn.steer("only direct");
    const { controls } = await until(session, (view) => view.controls.length > 0);
    await agent.receipt(controls[0]?.id ?? "", "RECEIPT_STATE_APPLIED");
    expect(await receipt).toEqual({ applied: true });
    expect(texts(session)).toContain("only direct");
  });

  test("that is over before it is steered: the text becomes a message of its own", async () => {
    const session = open("run-4");
    const { turn, agent } = await asking(session);
    await agent.finish();
    await turn.done;
    expect(await turn.steer("only direct")).toEqual({ applied: false, code: "run_ended" });
    const receipt = await turn.steer("only direct", { ifMissed: "send" });
    expect(receipt).toMatchObject({ applied: false, code: "run_ended" });
    await until(session, ({ runs }) => runs.length === 2);
    expect(session.view.messages.at(-1)).toMatchObject({ text: "only direct", role: "user" });
  });

  test("that nobody has taken is cancelled", async () => {
    const session = open("run-5");
    const turn = await session.send("never mind", { agent: "nobody" });
    expect(await turn.cancel()).toEqual({ applied: true });
    expect((await turn.done).run?.phase).toBe("cancelled");
  });

  test("asks, and the first answer decides", async () => {
    const [ann, bob] = [open("run-6"), open("run-6", { participant: "bob" })];
    const { agent } = await asking(ann);
    const outcomes: unknown[] = [];
    const aborted = Promise.withResolvers<void>();
    bob.onRequest((ask) => ask.signal.addEventListener("abort", () => aborted.resolve()));
    ann.onRequest(async (ask) => {
      expect(ask.request).toMatchObject({ title: "Refund?", kind: "choice" });
      outcomes.push(await ask.answer("approve"), await ask.answer("refuse"));
    });
    await agent.ask("Refund?", ["approve", "refuse"]);
    await aborted.promise;
    await until(ann, ({ requests }) => requests.length === 0);
    await expect.poll(() => outcomes).toEqual([{ won: true }, { won: false, winner: "ann", code: "already_decided" }]);
  });
});

describe("a broken connection", () => {
  test("in the middle of a stream, again and again: the text is the same, nothing missing and nothing twice", async () => {
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const [cut, whole] = [open("cut-1", { url: urlOf(proxy) }), open("cut-1")];
    const { turn, agent } = await asking(cut);
    const words = Array.from({ length: 60 }, (_, index) => `word${index} `);
    for (const [index, word] of words.entries()) {
      await agent.say(word);
      if (index % 10 === 9) proxy.cut({ afterBytes: 1 + (index % 7) });
    }
    await agent.finish();
    const { messages } = await turn.done;
    expect(messages[0]?.text).toBe(words.join(""));
    await until(whole, ({ messages: shown }) => shown.at(-1)?.status === "done");
    expect(texts(whole)).toEqual(texts(cut));
    expect(proxy.cutCount).toBeGreaterThan(3);
    expect(reports).toEqual([]);
    await proxy.close();
  });

  test("while sending: the message is there once", async () => {
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const session = open("cut-2", { url: urlOf(proxy) });
    await session.send("zero");
    for (const text of ["one", "two", "three"]) {
      // The record reaches the edge; its acknowledgement does not come back.
      proxy.cut({ afterBytes: 0 });
      await session.send(text);
    }
    const other = open("cut-2");
    await until(other, ({ messages }) => messages.length >= 4);
    expect(texts(other)).toEqual(["zero", "one", "two", "three"]);
    await proxy.close();
  });

  test("shows: offline with the time of the next try, then live again", async () => {
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const session = open("cut-3", { url: urlOf(proxy), options: { baseDelayMs: 50, random: () => 0.9 } });
    await untilStatus(session, "live");
    proxy.targets = [];
    proxy.cut();
    const status = await untilStatus(session, "offline");
    expect(status.code).toBe("connection_lost");
    expect(status.retryAt?.getTime()).toBeGreaterThan(Date.now() - 1_000);
    proxy.targets = [edge.port];
    await untilStatus(session, "live");
    await proxy.close();
  });
});

describe("a page that is loaded again", () => {
  const pages = () => ({ tab: memoryStore(), device: memoryStore() });

  test("shows what it knew at once, and resumes from there in the middle of a stream", async () => {
    const storage = pages();
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const first = createClient({ url: urlOf(proxy), getToken: () => token(), storage });
    const before = first.session("load-1");
    const { agent } = await asking(before);
    await agent.say("half an ");
    await until(before, ({ messages }) => messages[1]?.text === "half an ");
    first.close();
    await agent.say("answer");
    proxy.targets = [];
    const resumedBefore = await attachCount("resumed");
    const after = open("load-1", { url: urlOf(proxy), options: { storage } });
    expect(texts(after)).toEqual(["find me a flight", "half an "]);
    proxy.targets = [edge.port];
    await until(after, ({ messages }) => messages[1]?.text === "half an answer");
    expect(await attachCount("resumed")).toBe(resumedBefore + 1);
    await proxy.close();
  });

  test("sends what the earlier page had not got through, under its id, once", async () => {
    const storage = pages();
    const earlier = createClient({ url: urlOf(edge), getToken: () => token(), storage, page: "page-a" });
    const session = earlier.session("load-2");
    await session.send("sent");
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const dying = createClient({ url: urlOf(proxy), getToken: () => token(), storage, page: "page-b" });
    const unsent = dying.session("load-2");
    await untilStatus(unsent, "live");
    proxy.targets = [];
    proxy.cut();
    await untilStatus(unsent, "offline");
    const lost = unsent.send("unsent");
    dying.close();
    await expect(lost).rejects.toMatchObject({ code: "closed" });
    proxy.targets = [edge.port];
    const next = open("load-2", { url: urlOf(proxy), options: { storage, page: "page-c" } });
    await until(next, ({ messages }) => messages.length === 2 && messages[1]?.status === "done");
    expect(next.view.messages[1]).toMatchObject({ text: "unsent", id: "page-b:1:0" });
    await expect.poll(() => storage.device.length).toBe(0);
    earlier.close();
    await proxy.close();
  });

  test("by somebody else shows and sends nothing of the one before", async () => {
    const storage = pages();
    const proxy = await TcpProxy.start({ targets: [edge.port] });
    const ann = createClient({ url: urlOf(proxy), getToken: () => token(), storage });
    await ann.session("load-3").send("ann's own");
    proxy.targets = [];
    proxy.cut();
    await untilStatus(ann.session("load-3"), "offline");
    const lost = ann.session("load-3").send("ann's secret");
    ann.close();
    await expect(lost).rejects.toMatchObject({ code: "closed" });
    proxy.targets = [edge.port];
    const snapshotsBefore = await attachCount("snapshot");
    const bob = open("load-3", {
      url: urlOf(proxy),
      participant: "bob",
      options: { storage },
    });
    await untilStatus(bob, "live");
    await bob.send("bob's");
    expect(texts(bob)).toEqual(["ann's own", "bob's"]);
    expect(await attachCount("snapshot")).toBe(snapshotsBefore + 1);
    await proxy.close();
  });
});

test("a refused session says so, and is followed again when asked to", async () => {
  let sessions = ["other"];
  const session = open("refused-1", { options: { getToken: () => token({ sessions }) } });
  const status = await untilStatus(session, "refused");
  expect(status.code).toBe("forbidden_session");
  await expect(session.send("hello")).rejects.toMatchObject({ code: "forbidden_session" });
  sessions = ["*"];
  session.retry();
  await untilStatus(session, "live");
  await session.send("hello");
  expect(texts(session)).toEqual(["hello"]);
});

test("typing shows to the others for a while, and is nothing that is kept", async () => {
  const [ann, bob] = [open("typing-1"), open("typing-1", { participant: "bob" })];
  await ann.send("hi");
  await until(bob, ({ messages }) => messages.length === 1);
  ann.typing();
  await until(bob, ({ typing }) => typing.includes("ann"));
  expect(ann.view.typing).toEqual([]);
  expect(bob.view.seq).toBe(ann.view.seq);
});

test("a node that drains sends its clients to another, and nothing is lost on the way", async () => {
  const proxy = await TcpProxy.start({ targets: [edge.port] });
  const leaving = await world.edge();
  proxy.targets = [leaving.port];
  const session = open("drain-1", { url: urlOf(proxy) });
  const { turn, agent } = await asking(session);
  await agent.say("before ");
  proxy.targets = [edge.port];
  await Promise.all([leaving.drain(50), agent.say("during ")]);
  await agent.say("after");
  await agent.finish();
  expect((await turn.done).messages[0]?.text).toBe("before during after");
  await proxy.close();
});
