import type { ServerFrame } from "@perdure/protocol";
import type { Replica } from "@perdure/replica";
import { ManualClock, ManySessions, OneSession } from "@perdure/replica/testing";
import { createLogger, createMetrics } from "@perdure/service-kit";
import { beforeEach, describe, expect, test } from "vitest";
import type { Subscriber } from "./attachment.ts";
import { Fanout } from "./fanout.ts";
import { DEFAULT_EDGE_LIMITS } from "./limits.ts";
import { edgeMetrics } from "./metrics.ts";
import { Rooms } from "./rooms.ts";
import { grantOf } from "./testing/grants.ts";

const KEY = "acme/trip";

let clock: ManualClock;
let replica: OneSession;
let rooms: Rooms;
let told: ServerFrame[];
let incarnation: number;
let topics: Set<string>;

beforeEach(() => {
  clock = new ManualClock();
  replica = new OneSession();
  told = [];
  incarnation = 1;
  topics = new Set();
  const actor = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;
  replica.publish({ producer: "p", first: 1, last: 1, actor, events: [{ sessionCreated: {} }] });
  rooms = newRooms(replica);
});

function newRooms(of: Replica): Rooms {
  return new Rooms({
    replica: of,
    node: { name: "edge-1", incarnation: () => incarnation, declaredOver: (over) => void (incarnation = over + 1) },
    limits: { ...DEFAULT_EDGE_LIMITS, pendingAttaches: 2 },
    fanout: new Fanout({ publish: () => true }),
    metrics: edgeMetrics(createMetrics({ service: "edge", node: "edge-1" })),
    clock,
    logger: createLogger({ service: "edge", node: "edge-1", level: "silent" }),
  });
}

const subscriber: Subscriber = {
  grant: grantOf("ann"),
  device: "",
  subscribe: (topic) => void topics.add(topic),
  unsubscribe: (topic) => void topics.delete(topic),
  send: (frame) => told.push(frame),
  pass: () => undefined,
  checkPressure: () => undefined,
  detached: ({ room }, code, message) => void told.push({ t: "detached", h: room.handle, code, message }),
};

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function enter(previous?: string, key = KEY) {
  const { room, release } = await rooms.use(key);
  const attachment = room.enter(subscriber, previous);
  release();
  await settle();
  return attachment;
}

describe("a room", () => {
  test("is opened once for all who ask at the same time, and let go after the last", async () => {
    const [one, two] = await Promise.all([rooms.use(KEY), rooms.use(KEY)]);
    expect(one.room).toBe(two.room);
    expect(replica.attaches).toBe(1);
    one.release();
    one.release();
    expect(replica.held).toBe(true);
    two.release();
    expect(replica.held).toBe(false);
  });

  test("that is open is read on for whoever wants the latest, which is refused where that is not to be had", async () => {
    const one = await rooms.use(KEY);
    const two = await rooms.useLatest(KEY);
    expect(two.room).toBe(one.room);
    expect(replica.attaches).toBe(2);
    replica.away = "catching_up";
    await expect(rooms.useLatest(KEY)).rejects.toMatchObject({ code: "catching_up" });
    one.release();
    two.release();
    expect(replica.held).toBe(false);
  });

  test("stays open until the leaves of those who were here are written", async () => {
    const attachment = await enter();
    attachment.room.lose(attachment);
    await settle();
    expect({ held: replica.held, members: replica.state.members.size }).toEqual({ held: true, members: 1 });
    clock.advance(2_000);
    await settle();
    expect({ held: replica.held, members: replica.state.members.size }).toEqual({ held: false, members: 0 });
  });

  test("refuses with a time to come back where too many are being opened", async () => {
    const opening = [rooms.use("acme/a"), rooms.use("acme/b")];
    await expect(rooms.use("acme/c")).rejects.toMatchObject({ code: "overloaded" });
    for (const { release } of await Promise.all(opening)) release();
  });
});

describe("a session that is lost here", () => {
  test("is told to those who follow it, and its subscriptions end", async () => {
    const { room } = await enter();
    expect([...topics]).toEqual([`${room.handle}/all`]);
    replica.lose("catching_up");
    expect(told).toMatchObject([{ t: "detached", h: room.handle, code: "catching_up" }]);
    expect(topics.size).toBe(0);
  });

  test("is opened again, however often it takes, so that members who do not come back have left", async () => {
    await enter();
    replica.away = "unavailable";
    replica.lose("unavailable");
    for (let tries = 0; tries < 3; tries += 1) {
      clock.advance(1_000);
      await settle();
    }
    expect(replica.state.members.size).toBe(1);
    replica.away = undefined;
    clock.advance(1_000);
    await settle();
    clock.advance(2_000);
    await settle();
    expect({ members: replica.state.members.size, held: replica.held }).toEqual({ members: 0, held: false });
  });

  test("is opened again where the leave of the last who was here is still to be written", async () => {
    const attachment = await enter();
    replica.isCutOff = true;
    attachment.room.leave(attachment, "LEAVE_REASON_CLOSED");
    await settle();
    replica.lose("catching_up");
    replica.isCutOff = false;
    await settle();
    expect(replica.state.members.size).toBe(1);
    clock.advance(1_000);
    await settle();
    clock.advance(2_000);
    await settle();
    expect({ members: replica.state.members.size, held: replica.held }).toEqual({ members: 0, held: false });
  });

  test("is opened again when what was on its way has brought in somebody more, who leaves then", async () => {
    const { room } = await enter();
    replica.isSlow = true;
    await enter();
    replica.away = "unavailable";
    replica.lose("unavailable");
    replica.away = undefined;
    clock.advance(60_000);
    await settle();
    expect(replica.held).toBe(false);
    replica.arrive();
    await settle();
    expect(replica.state.members.size).toBe(2);
    clock.advance(1_000);
    await settle();
    clock.advance(2_000);
    await settle();
    expect(room.lost).toBe("unavailable");
    expect({ members: replica.state.members.size, held: replica.held }).toEqual({ members: 0, held: false });
  });

  test("has no member of before who comes in late and stays, while others are here again", async () => {
    const { member } = await enter();
    replica.isSlow = true;
    await enter();
    replica.lose("catching_up");
    const again = await enter(member);
    replica.arrive();
    await settle();
    expect(replica.state.members.size).toBe(2);
    clock.advance(2_000);
    await settle();
    expect([...replica.state.members.keys()]).toEqual([again.member]);
  });

  test("goes on with the members who come back, without a leave or another join", async () => {
    const { member } = await enter();
    const { seq } = replica.state;
    replica.lose("catching_up");
    const again = await enter(member);
    expect(again.member).toBe(member);
    clock.advance(10_000);
    await settle();
    expect(replica.state.seq).toBe(seq);
  });
});

describe("a session whose rules this node does not know (SPEC 9, SPEC 14)", () => {
  const gone = { events: [{ nodeExpired: { node: "edge-1", incarnation: 1 } }], actor: { role: "ROLE_SYSTEM" } };

  test("hears that nobody is here any more, once, and is not opened again", async () => {
    await enter();
    const { attaches } = replica;
    replica.away = "rules_too_new";
    replica.lose("rules_too_new");
    expect(told).toMatchObject([{ t: "detached", code: "rules_too_new" }]);
    clock.advance(60_000);
    await settle();
    expect(replica.attaches).toBe(attaches);
    expect(replica.appended).toMatchObject([gone]);
  });

  test("hears it as well where that is found out when its leaves are to be written", async () => {
    await enter();
    replica.away = "rules_too_new";
    replica.lose("unavailable");
    await settle();
    clock.advance(1_000);
    await settle();
    expect(replica.appended).toMatchObject([gone]);
    clock.advance(60_000);
    await settle();
    expect(replica.appended).toHaveLength(1);
  });

  test("is told nothing where nobody was here", async () => {
    const { release } = await rooms.use(KEY);
    replica.lose("rules_too_new");
    release();
    await settle();
    expect(replica.appended).toEqual([]);
  });
});

test("SPEC 9.3: a node that did not hear that its life is over begins another when a session refuses a join under it", async () => {
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const events = [{ nodeExpired: { node: "edge-1", incarnation: 1 } }];
  replica.publish({ producer: "keeper", first: 1, last: 1, actor, events });
  const { member } = await enter();
  expect({ incarnation, members: replica.state.members.size }).toEqual({ incarnation: 2, members: 0 });
  rooms.rejoin();
  await settle();
  expect(replica.state.members.get(member)).toMatchObject({ node: "edge-1", incarnation: 2 });
});

test("a node that begins another life joins its members again in so many sessions a turn", async () => {
  const sessions = new Map(Array.from({ length: 250 }, (_value, index) => [`acme/s${index}`, new OneSession()]));
  rooms = newRooms(new ManySessions(sessions));
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  for (const [key, session] of sessions) {
    const events = [{ sessionCreated: {} }, { nodeExpired: { node: "edge-1", incarnation: 1 } }];
    session.publish({ producer: "keeper", first: 1, last: 1, actor, events });
    incarnation = 1;
    await enter(undefined, key);
    expect(session.state.members.size).toBe(0);
    session.isSlow = true;
  }
  rooms.rejoin();
  const inFlight: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    inFlight.push([...sessions.values()].reduce((sum, { onTheWayCount }) => sum + onTheWayCount, 0));
    for (const session of sessions.values()) session.arrive();
    await settle();
    for (const session of sessions.values()) session.isSlow = true;
    clock.advance(100);
  }
  expect(inFlight).toEqual([100, 100, 50, 0]);
  for (const { state } of sessions.values()) expect([...state.members.values()]).toMatchObject([{ incarnation: 2 }]);
});

test("SPEC 9.2: who comes back while its connection settles is listed, though the node's life ended meanwhile", async () => {
  const { member, room } = await enter();
  const attachment = await enter();
  attachment.room.lose(attachment);
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const events = [{ nodeExpired: { node: "edge-1", incarnation: 1 } }];
  replica.publish({ producer: "keeper", first: 1, last: 1, actor, events });
  await settle();
  rooms.rejoin();
  await settle();
  expect([...replica.state.members.keys()]).toEqual([member]);
  room.enter(subscriber, attachment.member);
  await settle();
  expect([...replica.state.members.keys()]).toEqual([member, attachment.member]);
});

test("SPEC 9.1: who is back when the leave that was on its way as the session was lost here comes in, is a member", async () => {
  const left = await enter();
  replica.isSlow = true;
  left.room.leave(left, "LEAVE_REASON_CLOSED");
  replica.lose("catching_up");
  const back = await enter(left.member);
  replica.arrive();
  await settle();
  expect([...replica.state.members.keys()]).toEqual([back.member]);
});
