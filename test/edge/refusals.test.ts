import { get } from "node:http";
import type { Edge } from "@perdure/edge";
import { type Clock, TOPICS } from "@perdure/replica";
import { GatedTail, ManualClock } from "@perdure/replica/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawClient } from "./raw-client.ts";
import { token, urlOf, World } from "./support.ts";
import { TcpClient } from "./tcp-client.ts";

let world: World;
let edge: Edge;

beforeAll(async () => {
  world = await World.open();
  edge = await world.edge({ config: { allowedOrigins: ["https://app.example.com"] } });
});
afterAll(() => world.close());

const connect = (origin?: string): RawClient => new RawClient(urlOf(edge), origin);

async function greeted(claims: Parameters<typeof token>[0] = {}): Promise<RawClient> {
  const client = connect();
  await client.hello(await token(claims));
  return client;
}

async function attached(session: string, claims: Parameters<typeof token>[0] = {}) {
  const client = await greeted(claims);
  await client.send({ t: "attach", id: 1, session });
  return { client, attached: await client.next("attached") };
}

describe("a connection is closed, with a code that says whether to come back, for", () => {
  test.each<[what: string, send: (client: RawClient) => Promise<void>, code: string, close: number]>([
    ["binary rubbish", (client) => client.sendText(Uint8Array.from([0, 255, 3])), "malformed_frame", 4500],
    ["text that is no JSON", (client) => client.sendText("{"), "malformed_frame", 4500],
    ["an unknown frame", (client) => client.send({ t: "wave" }), "unknown_frame", 4501],
    ["a frame of 2 MB", (client) => client.sendText("x".repeat(2 * 1024 * 1024)), "frame_too_large", 4502],
    ["a wrong protocol version", (client) => client.send({ t: "hello", v: 99, token: "x" }), "protocol_version", 4503],
    ["a first frame that is no hello", (client) => client.send({ t: "ping" }), "hello_expected", 4504],
    ["a missing token", (client) => client.send({ t: "hello", v: 1, token: "" }), "unauthenticated", 4505],
    ["a forged token", (client) => client.send({ t: "hello", v: 1, token: "a.b.c" }), "unauthenticated", 4505],
    [
      "an expired token",
      async (client) => client.send({ t: "hello", v: 1, token: await token({}, -60_000) }),
      "token_expired",
      4001,
    ],
  ])("%s", async (_what, send, code, close) => {
    const client = connect();
    await send(client);
    expect(await client.closed).toEqual({ code: close, reason: code });
    expect(client.frames).toMatchObject([{ t: "error", code }]);
  });

  test("a page of an origin that is not allowed", async () => {
    const client = connect("https://evil.example.com");
    expect(await client.closed).toEqual({ code: 4506, reason: "forbidden_origin" });
  });

  test("a second hello", async () => {
    const client = await greeted();
    await client.send({ t: "hello", v: 1, token: await token() });
    expect(await client.closed).toEqual({ code: 4504, reason: "hello_expected" });
  });

  test("a renewed token of somebody else", async () => {
    const client = await greeted();
    await client.send({ t: "auth", token: await token({ participant: "bob" }) });
    expect(await client.closed).toEqual({ code: 4505, reason: "unauthenticated" });
  });

  test("a send that names an actor: who writes is known from the token alone", async () => {
    const { client, attached: frame } = await attached("forged-1");
    const by = { tenant: "acme", participant: "bob", role: "ROLE_AGENT" };
    await client.send({ t: "send", h: frame.h, p: "p", n: 1, born: 0, ev: [{ sessionCreated: {} }], by });
    expect(await client.closed).toEqual({ code: 4500, reason: "malformed_frame" });
  });
});

const UPGRADE = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};

test("a page of an allowed origin is let in", async () => {
  const client = connect("https://app.example.com");
  expect(await client.hello(await token())).toMatchObject({ participant: "ann", role: "ROLE_USER", mayCreate: true });
  client.close();
});

test("a name that is not ours is refused before the upgrade", async () => {
  // The fetch of Node sets Host itself.
  const headers = { ...UPGRADE, host: "evil.example.com" };
  const request = get({ port: edge.port, host: "127.0.0.1", path: "/v1/connect", headers });
  const status = Promise.withResolvers<number | undefined>();
  request.on("response", (response) => status.resolve(response.resume().statusCode));
  expect(await status.promise).toBe(403);
});

describe("an attach is refused for", () => {
  test("a session that the token does not cover", async () => {
    const client = await greeted({ sessions: ["mine-*"] });
    await client.send({ t: "attach", id: 7, session: "yours" });
    expect(await client.next("error")).toMatchObject({ id: 7, code: "forbidden_session" });
    await client.send({ t: "attach", id: 8, session: "~pool.x" });
    expect(await client.next("error", ({ id }) => id === 8)).toMatchObject({ code: "forbidden_session" });
    client.close();
  });

  test("one session too many", async () => {
    const small = await world.edge({ limits: { sessionsPerConnection: 1 } });
    const client = new RawClient(urlOf(small));
    await client.hello(await token());
    await client.send({ t: "attach", id: 1, session: "few-1" });
    await client.send({ t: "attach", id: 2, session: "few-2" });
    expect(await client.next("error")).toMatchObject({ id: 2, code: "too_many_sessions" });
    client.close();
  });
});

describe("a send is refused, and the connection goes on, for", () => {
  const create = { sessionCreated: {} };
  const message = { messageOpened: { role: "MESSAGE_ROLE_USER" } };

  async function outcome(session: string, ev: readonly object[], claims = {}, more = {}) {
    const { client, attached: frame } = await attached(session, claims);
    const p = `p-${frame.member ?? ""}`;
    await client.send({ t: "send", h: frame.h, p, n: 1, born: 0, ev, ...more });
    const ack = await client.next("ack");
    await client.send({ t: "ping" });
    await client.next("pong");
    client.close();
    return ack;
  }

  test("a session that does not exist", async () => {
    expect(await outcome("nowhere", [message])).toMatchObject({ n: 1, code: "session_not_found" });
  });

  test("a session that the token may not create", async () => {
    expect(await outcome("no-create", [create], { mayCreate: false })).toMatchObject({ code: "forbidden" });
  });

  test("an audience above the writer's level", async () => {
    const ack = await outcome("above-1", [create, message], {}, { au: "AUDIENCE_STAFF" });
    expect(ack).toMatchObject({ code: "forbidden_audience" });
  });

  test("a role that only reads", async () => {
    await outcome("read-only", [create]);
    expect(await outcome("read-only", [message], { role: "observer" })).toMatchObject({ code: "forbidden" });
  });

  test("the voice of an agent", async () => {
    const spoof = { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } };
    expect(await outcome("voices", [create, spoof])).toMatchObject({ code: "forbidden" });
  });

  test("presence, which is the node's to write", async () => {
    const joined = { memberJoined: { member: "m", participant: "bob", role: "ROLE_USER" } };
    expect(await outcome("presence", [joined])).toMatchObject({ code: "forbidden" });
  });

  test("an event that is not of the schema", async () => {
    expect(await outcome("schema", [{ messageOpened: { colour: "red" } }])).toMatchObject({ code: "invalid_event" });
  });

  test("a handle that is not attached", async () => {
    const client = await greeted();
    await client.send({ t: "send", h: 99, p: "p", n: 1, born: 0, ev: [create] });
    expect(await client.next("ack")).toMatchObject({ h: 99, code: "not_attached" });
    client.close();
  });

  test("too much without a verdict", async () => {
    const small = await world.edge({ limits: { unackedSends: 0 } });
    const client = new RawClient(urlOf(small));
    await client.hello(await token());
    await client.send({ t: "attach", id: 1, session: "much" });
    const { h } = await client.next("attached");
    await client.send({ t: "send", h, p: "p", n: 1, born: 0, ev: [create] });
    const ack = await client.next("ack");
    expect(ack.code).toBe("overloaded");
    expect(ack.retryAfterMs).toBeGreaterThan(0);
    client.close();
  });
});

test("an attach that is under way when its token is replaced by one that does not cover it is refused", async () => {
  const { client, attached: frame } = await attached("narrowed-1");
  await client.send({ t: "send", h: frame.h, p: "narrow", n: 1, born: 0, ev: [{ sessionCreated: {} }] });
  await client.next("ack");
  // Held back, since this node has not read the session yet.
  const slow = new GatedTail(world.log, TOPICS.events);
  const behind = await world.edge({ log: slow.log });
  slow.hold();
  const second = new RawClient(urlOf(behind));
  await second.hello(await token());
  await second.send({ t: "attach", id: 3, session: "narrowed-1" });
  await second.send({ t: "auth", token: await token({ sessions: ["other"] }) });
  await second.find((frames) => frames.filter((sent) => "t" in sent && sent.t === "welcome")[1]);
  slow.release();
  expect(await second.next("error")).toMatchObject({ id: 3, code: "forbidden_session" });
  for (const one of [client, second]) one.close();
});

describe("time", () => {
  test("without a hello in time the connection is closed", async () => {
    const clock = new ManualClock(Date.now());
    const timed = await world.edge({ clock });
    const client = new RawClient(urlOf(timed));
    await client.opened;
    clock.advance(6_000);
    expect(await client.closed).toEqual({ code: 4003, reason: "idle_timeout" });
  });

  test("a node that was stopped itself hears first what came meanwhile", async () => {
    const clock = new ManualClock(Date.now());
    const timed = await world.edge({ clock });
    const client = new RawClient(urlOf(timed));
    await client.opened;
    clock.advance(4_000);
    clock.jump(60_000);
    await client.hello(await token());
    clock.advance(2_000);
    await client.send({ t: "attach", id: 1, session: "stopped-1" });
    expect(await client.next("attached")).toMatchObject({ how: "new" });
    client.close();
  });

  test("what a node was stopped for, or its clock was put forward by, is nobody's silence, and what comes after is", async () => {
    const clock = new ManualClock(Date.now());
    const timed = await world.edge({ clock });
    const silent = await TcpClient.open(timed.port);
    silent.send({ t: "hello", v: 1, token: await token() });
    await silent.next("welcome");
    const late = new RawClient(urlOf(timed));
    await late.opened;
    clock.jump(60_000);
    clock.advance(3_000);
    await late.hello(await token());
    clock.advance(7_000);
    silent.send({ t: "ping" });
    await silent.next("pong");
    clock.advance(14_000);
    silent.send({ t: "ping" });
    await silent.next("pong");
    clock.advance(16_000);
    expect(await silent.rest()).toMatchObject({ code: 1006 });
    late.close();
  });

  test("silence counts also behind a node's clock that was put back", async () => {
    const base = new ManualClock(Date.now());
    let skewMs = 0;
    const clock: Clock = { now: () => base.now() + skewMs, after: (...timer) => base.after(...timer) };
    const timed = await world.edge({ clock });
    const silent = await TcpClient.open(timed.port);
    silent.send({ t: "hello", v: 1, token: await token() });
    await silent.next("welcome");
    skewMs = -3_600_000;
    base.advance(17_000);
    expect(await silent.rest()).toMatchObject({ code: 1006 });
  });

  test("without word on its token in time it is closed, and may be back", async () => {
    const clock = new ManualClock(Date.now());
    const asked = Promise.withResolvers<void>();
    const verify = (): Promise<never> => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const timed = await world.edge({ clock, verifier: { verify } });
    const client = new RawClient(urlOf(timed));
    await client.send({ t: "hello", v: 1, token: await token() });
    await asked.promise;
    clock.advance(6_000);
    expect(await client.closed).toEqual({ code: 4006, reason: "unavailable" });
  });

  test("a token's end closes the connection, and a renewed one keeps it", async () => {
    const clock = new ManualClock(Date.now());
    const timed = await world.edge({ clock, limits: { silenceMs: 10 ** 9, pingAfterMs: 10 ** 9 } });
    const [ends, renews] = [new RawClient(urlOf(timed)), new RawClient(urlOf(timed))];
    await ends.hello(await token({}, 60_000));
    await renews.hello(await token({}, 60_000));
    await renews.send({ t: "auth", token: await token({}, 600_000) });
    const later = await renews.next("welcome", ({ expiresInMs }) => expiresInMs > 300_000 && expiresInMs < 700_000);
    expect(later.participant).toBe("ann");
    clock.advance(90_000);
    expect(await ends.closed).toEqual({ code: 4001, reason: "token_expired" });
    await renews.send({ t: "ping" });
    await renews.next("pong");
    renews.close();
  });

  test("more newcomers than a node takes are told when to come back", async () => {
    const clock = new ManualClock(Date.now());
    const small = await world.edge({ clock, limits: { connectionsPerSecond: 1 } });
    const first = new RawClient(urlOf(small));
    await first.hello(await token());
    const second = new RawClient(urlOf(small));
    expect(await second.closed).toEqual({ code: 4005, reason: "overloaded" });
    const [error] = second.frames;
    expect(error).toMatchObject({ t: "error", code: "overloaded" });
    expect(error !== undefined && "retryAfterMs" in error && error.retryAfterMs).toBeGreaterThan(0);
    first.close();
  });
});
