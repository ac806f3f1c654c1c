import { newSession, PerdureError, toHead } from "@perdure/core";
import { PROTOCOL_VERSION } from "@perdure/protocol/frames";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { type ClientStorage, type LockManager, memoryStore } from "./environment.ts";
import { FakeLocks } from "./testing/fake-locks.ts";
import { FakeNetwork } from "./testing/fake-socket.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import type { Session } from "./session.ts";
import { deniedStore } from "./testing/denied-store.ts";

let network: FakeNetwork;
let client: Client;
let storage: ClientStorage;
let clock: ManualClock;
let locks: FakeLocks;

beforeEach(() => {
  network = new FakeNetwork();
  storage = { tab: memoryStore(), device: memoryStore() };
  clock = new ManualClock();
  locks = new FakeLocks();
  client = newClient();
});

const newClient = (more: Partial<ClientOptions> = {}): Client =>
  createClient({
    url: "ws://edge/v1/connect",
    getToken: () => "token",
    webSocket: network.constructorOf,
    storage,
    locks,
    clock,
    random: () => 0.5,
    schedule: () => undefined,
    page: "page",
    ...more,
  });

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The session is open in the page, and its attach is on its way. */
async function attaching() {
  const session = client.session("trip");
  return { session, socket: await welcomed() };
}

async function welcomed() {
  await settle();
  const { socket } = network;
  socket.open();
  socket.receive({
    t: "welcome",
    v: PROTOCOL_VERSION,
    node: "edge-1",
    tenant: "acme",
    participant: "ann",
    role: "ROLE_USER",
    mayCreate: true,
    expiresInMs: Number.MAX_SAFE_INTEGER,
    beatMs: 5_000,
    maxFrameBytes: 65_536,
  });
  await settle();
  return socket;
}

const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => "applied",
    (error: unknown) => (error instanceof PerdureError ? error.code : error),
  );

function created() {
  const state = newSession();
  Object.assign(state, { epoch: 5, seq: 10 });
  return { epoch: "5", seq: 10, head: toHead(state) };
}

function answer(id: number): void {
  network.socket.receive({ t: "attached", id, h: 7, member: "m", how: "snapshot", ...created() });
}

test("a node that answers pings and no attach is left for another connection", async () => {
  const { socket } = await attaching();
  for (let waitedMs = 0; waitedMs < 60_000 && network.socket === socket; waitedMs += 5_000) {
    clock.advance(5_000);
    socket.receive({ t: "pong" });
    await settle();
  }
  expect(network.socket).not.toBe(socket);
  await welcomed();
  expect(network.socket.sentOf("attach")).toHaveLength(1);
});

test("a node that answers one attach after the other is not left while it does", async () => {
  const { socket } = await attaching();
  for (let other = 0; other < 20; other += 1) client.session(`other-${other}`);
  const trip = Number(socket.sentOf("attach").at(0)?.id);
  const others = socket.sentOf("attach").slice(1);
  for (const id of others.map((attach) => Number(attach.id))) {
    for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 5_000) {
      clock.advance(5_000);
      socket.receive({ t: "pong" });
    }
    socket.receive({ t: "attached", id, h: id, member: "m", how: "new", seq: 0 });
  }
  expect(socket.closedWith).toBeUndefined();
  socket.receive({ t: "attached", id: trip, h: 100, member: "m", how: "new", seq: 0 });
  expect(client.session("trip").status.state).toBe("live");
});

describe("the past of a session that is refused", () => {
  const past = (session: Session): Promise<unknown> => codeOf(session.history().next());

  const idOf = (kind: "attach" | "history"): number =>
    network.socket
      .sentOf(kind)
      .map(({ id }) => Number(id))
      .at(-1) ?? 0;

  function answerWithPast(): void {
    const { head, ...at } = created();
    const answered = { t: "attached", id: idOf("attach"), h: 7, member: "m", how: "snapshot", ...at } as const;
    network.socket.receive({ ...answered, head: { ...head, nextPage: 1 } });
  }

  test("is not waited for, and can be read again after another login", async () => {
    const { session, socket } = await attaching();
    const waiting = past(session);
    socket.end(4505, "unauthenticated");
    expect([await waiting, await past(session)]).toEqual(["unauthenticated", "unauthenticated"]);
    client.reconnect();
    await welcomed();
    answerWithPast();
    const walk = past(session);
    network.socket.receive({ t: "page", id: idOf("history"), h: 7 });
    expect(await walk).toBe("applied");
  });

  test("is not asked for again by a request that was to wait", async () => {
    const { session, socket } = await attaching();
    answerWithPast();
    const waiting = past(session);
    socket.receive({ t: "error", id: idOf("history"), code: "catching_up", message: "", retryAfterMs: 500 });
    socket.end(4505, "unauthenticated");
    clock.advance(500);
    expect(await waiting).toBe("unauthenticated");
  });
});

describe("SPEC 9: a session that is closed before its attach was answered", () => {
  test("is let go of when the answer says under which handle", async () => {
    const { session, socket } = await attaching();
    session.close();
    expect(socket.sentOf("detach")).toEqual([]);
    answer(1);
    expect(socket.sentOf("detach")).toEqual([{ t: "detach", h: 7 }]);
  });

  test("goes on where it was opened again by then, since both have one handle", async () => {
    const { session, socket } = await attaching();
    session.close();
    const again = client.session("trip");
    answer(1);
    answer(2);
    expect(socket.sentOf("detach")).toEqual([]);
    expect(again.status.state).toBe("live");
  });

  test("is let go of once, where it was attached", async () => {
    const { session, socket } = await attaching();
    answer(1);
    session.close();
    expect(socket.sentOf("detach")).toEqual([{ t: "detach", h: 7 }]);
  });
});

test("SPEC 12: a name that no session can have is refused here, where an edge would end the connection of all", async () => {
  const { session, socket } = await attaching();
  for (const name of ["", "bad name", "a/b", "x".repeat(129)]) {
    expect(() => client.session(name)).toThrow(expect.objectContaining({ code: "invalid_name" }));
  }
  answer(1);
  expect([session.status.state, socket.sentOf("attach").length]).toEqual(["live", 1]);
  client.session("~list.all");
  expect(socket.sentOf("attach").length).toBe(2);
});

test.each(["", "two words", "a_b", "x".repeat(33)])("SPEC 12: %j is refused as the name of a page load", (page) => {
  expect(() => newClient({ page })).toThrow(/1 to 32 of/);
});

describe("SPEC 1: what is on its way", () => {
  test("is sent on where its session is closed and opened again in the same page, and shown there", async () => {
    const { session, socket } = await attaching();
    const outcome = codeOf(session.send("hello"));
    session.close();
    expect(await outcome).toBe("closed");
    const again = client.session("trip");
    expect(again.view.messages.map(({ text, status }) => [text, status])).toEqual([["hello", "pending"]]);
    answer(2);
    expect(socket.sentOf("send")).toMatchObject([{ p: "page", n: 1 }]);
    socket.receive({ t: "ack", h: 7, p: "page", n: 1, s: 11 });
    expect(storage.device.length).toBe(0);
  });

  test("stays stored whatever is tried with a session that is closed", async () => {
    const { session } = await attaching();
    const outcomes = [codeOf(session.send("first"))];
    session.close();
    outcomes.push(codeOf(session.send("second")));
    expect([await Promise.all(outcomes), storage.device.length]).toEqual([["closed", "closed"], 1]);
  });

  test("waits for another login where the token is refused, and what is tried meanwhile is refused alone", async () => {
    const { session, socket } = await attaching();
    const first = codeOf(session.send("first"));
    socket.end(4505, "unauthenticated");
    expect(session.status).toMatchObject({ state: "refused", code: "unauthenticated" });
    expect(await codeOf(session.send("second"))).toBe("unauthenticated");
    client.reconnect();
    const next = await welcomed();
    answer(2);
    expect(next.sentOf("send")).toMatchObject([{ n: 1 }]);
    next.receive({ t: "ack", h: 7, p: "page", n: 1, s: 11 });
    expect(await first).toBe("applied");
  });

  test("goes from a page that is gone to the next one, and through that one's end to a third", async () => {
    const { session } = await attaching();
    const outcomes = ["one", "two"].map((text) => codeOf(session.send(text)));
    client.close();
    expect(await Promise.all(outcomes)).toEqual(["closed", "closed"]);
    for (const page of ["second", "third"]) {
      client = newClient({ page });
      await attaching();
      answer(1);
      expect(network.socket.sentOf("send")).toMatchObject([
        { p: "page", n: 1 },
        { p: "page", n: 2 },
      ]);
      client.close();
    }
  });

  test("waits for the next attach where the creation of its session was let go of", async () => {
    const { session, socket } = await attaching();
    const outcome = codeOf(session.send("hello"));
    socket.receive({ t: "attached", id: 1, h: 7, member: "m", how: "new", seq: 0 });
    socket.receive({ t: "ack", h: 7, p: "page-c1", n: 1, s: 0, code: "not_attached", message: "" });
    socket.receive({ t: "detached", h: 7, code: "catching_up", retryAfterMs: 100 });
    clock.advance(1_000);
    answer(2);
    expect(socket.sentOf("send")).toMatchObject([{ p: "page-c1" }, { p: "page", n: 1 }]);
    socket.receive({ t: "ack", h: 7, p: "page", n: 1, s: 11 });
    expect(await outcome).toBe("applied");
  });

  test("waits for the next attach also where the word that the creation came too late is lost", async () => {
    const { session, socket } = await attaching();
    const outcome = codeOf(session.send("hello"));
    socket.receive({ t: "attached", id: 1, h: 7, member: "m", how: "new", seq: 0 });
    socket.receive({ t: "detached", h: 7, code: "catching_up", retryAfterMs: 100 });
    socket.receive({ t: "ack", h: 7, p: "page-c1", n: 1, s: 0, code: "not_attached", message: "" });
    clock.advance(1_000);
    socket.receive({ t: "attached", id: 2, h: 7, member: "m", how: "new", seq: 0 });
    expect(socket.sentOf("send")).toMatchObject([{ p: "page-c1" }, { p: "page-c2" }]);
    socket.receive({ t: "ack", h: 7, p: "page-c2", n: 1, s: 1, code: "already_exists", message: "" });
    socket.receive({ t: "update", h: 7, how: "snapshot", ...created() });
    socket.receive({ t: "ack", h: 7, p: "page", n: 1, s: 11 });
    expect(await outcome).toBe("applied");
  });

  test("begins the session that a page which is gone did not get to, also where that is known after the attach", async () => {
    void codeOf(client.session("trip").send("hello"));
    await welcomed();
    client.close();
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slowLocks: LockManager = {
      request: (name, options, call) => opened.then(() => locks.request(name, options, call)),
    };
    client = newClient({ page: "second", locks: slowLocks });
    const { socket } = await attaching();
    socket.receive({ t: "attached", id: 1, h: 7, member: "m", how: "new", seq: 0 });
    expect(socket.sentOf("send")).toEqual([]);
    open();
    await settle();
    expect(socket.sentOf("send")).toMatchObject([{ p: "second-c1" }]);
  });

  test("does not need a storage: one that throws at everything changes nothing", async () => {
    client = newClient({ storage: { tab: deniedStore, device: deniedStore } });
    const { session, socket } = await attaching();
    answer(1);
    const outcome = codeOf(session.send("hello"));
    socket.receive({ t: "ack", h: 7, p: "page", n: 1, s: 11 });
    expect(await outcome).toBe("applied");
    clock.advance(60_000);
    session.close();
  });

  test("SPEC 12: that a storage has no more room for is told once, counted in the view, and applied as ever", async () => {
    let isFull = true;
    const device = memoryStore();
    const setItem = (key: string, value: string): void => {
      if (isFull) throw new Error("QuotaExceededError");
      device.setItem(key, value);
    };
    const quota = {
      ...device,
      setItem,
      get length() {
        return device.length;
      },
    };
    client = newClient({ page: "full", storage: { tab: quota, device: quota }, schedule: (call) => call() });
    const reports: unknown[] = [];
    client.onReport(({ session, code }) => reports.push([session, code]));
    const { session, socket } = await attaching();
    answer(1);
    const unsaved: number[] = [];
    session.select(
      ({ unsavedCount }) => unsavedCount,
      (count) => unsaved.push(count),
    );
    const outcomes = ["one", "two"].map((text) => codeOf(session.send(text)));
    expect(session.view.messages.map(({ text }) => text)).toEqual(["one", "two"]);
    for (const n of [1, 2]) socket.receive({ t: "ack", h: 7, p: "full", n, s: 10 + n });
    expect(await Promise.all(outcomes)).toEqual(["applied", "applied"]);
    isFull = false;
    void session.send("three");
    expect([unsaved, session.view.unsavedCount, device.length]).toEqual([[0, 1, 2, 1, 0], 0, 1]);
    isFull = true;
    void session.send("four");
    await Promise.resolve();
    expect(reports).toEqual([
      ["trip", "storage_full"],
      ["trip", "storage_full"],
    ]);
  });

  test("SPEC 5: goes out in order also where a listener writes as soon as it is told that there is no room", async () => {
    const setItem = (): void => {
      throw new Error("QuotaExceededError");
    };
    const quota = { ...memoryStore(), setItem, length: 0 };
    client = newClient({ page: "full", storage: { tab: quota, device: quota } });
    const { session, socket } = await attaching();
    answer(1);
    client.onReport(() => void session.send("second"));
    void session.send("first");
    await Promise.resolve();
    expect(socket.sentOf("send").map(({ n }) => n)).toEqual([1, 2]);
    expect(session.view.messages.map(({ text }) => text)).toEqual(["first", "second"]);
  });

  test("SPEC 12: is counted as long as nobody has said who is here, and stored then", async () => {
    client = newClient({ page: "early", schedule: (call) => call() });
    const session = client.session("trip");
    void session.send("hello");
    expect([session.view.unsavedCount, storage.device.length]).toEqual([1, 0]);
    await welcomed();
    expect([session.view.unsavedCount, storage.device.length]).toEqual([0, 1]);
  });

  test("SPEC 11: is as much as a session remembers of one writer, and not more", async () => {
    const session = client.session("trip");
    for (let count = 0; count < 1_024; count += 1) void session.send("x");
    await expect(session.send("one too many")).rejects.toMatchObject({ code: "overloaded" });
    const socket = await welcomed();
    answer(1);
    expect([socket.sentOf("send").length, storage.device.length]).toEqual([1_024, 1_024]);
  });
});

test("a session lets go of what was waited for: a turn that has ended leaves no listener for the session's end", async () => {
  client = newClient({ schedule: (call) => call() });
  const { session, socket } = await attaching();
  answer(1);
  const added = vi.spyOn(EventTarget.prototype, "addEventListener");
  const removed = vi.spyOn(EventTarget.prototype, "removeEventListener");
  const sending = session.send("hello", { agent: "helper" });
  const record = { t: "e", h: 7, at: 1, p: "page", by: { participant: "ann", role: "ROLE_USER" } } as const;
  const requested = { runRequested: { agent: "helper", inputMessageId: "page:1:0" } };
  socket.receive({ ...record, s: 11, n: 1, ev: [{}, {}, {}, requested] });
  socket.receive({ t: "ack", h: 7, p: "page", n: 1, s: 14 });
  const turn = await sending;
  const ended = turn.done;
  expect(added).toHaveBeenCalledOnce();
  socket.receive({ ...record, s: 15, n: 2, ev: [{ controlCancel: { runId: "page:1:3" } }] });
  expect((await ended).run?.phase).toBe("cancelled");
  expect(removed.mock.calls).toEqual(added.mock.calls);
  vi.restoreAllMocks();
});
