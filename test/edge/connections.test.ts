import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Edge } from "@perdure/edge";
import { LogError } from "@perdure/log";
import { encodeNodeLease, keyBytes } from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { alteredLog, ManualClock } from "@perdure/replica/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RawClient } from "./raw-client.ts";
import { token, urlOf, World, Writer } from "./support.ts";
import { TcpClient } from "./tcp-client.ts";

let world: World;
let edge: Edge;
let clock: ManualClock;

beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  edge = await world.edge({ clock });
});

async function attach(session: string, claims = {}, member?: string, on: Edge = edge) {
  const client = new RawClient(urlOf(on));
  await client.hello(await token(claims));
  await client.send({ t: "attach", id: 1, session, ...(member && { member }) });
  return { client, frame: await client.next("attached") };
}

/** Somebody who creates the session and sees what happens in it. */
async function witness(session: string) {
  const { client, frame } = await attach(session, { participant: "wit", name: "Wit Ness" });
  await client.send({ t: "send", h: frame.h, p: `wit-${session}`, n: 1, born: 0, ev: [{ sessionCreated: {} }] });
  await joined(client, frame.member);
  return { client, frame };
}

const joined = (client: RawClient, member: string | undefined) =>
  client.next("e", ({ ev }) => ev.some(({ memberJoined }) => memberJoined?.member === member));

const left = (client: RawClient, member: string | undefined) =>
  client.next("e", ({ ev }) => ev.some(({ memberLeft }) => memberLeft?.member === member));

/** Everything that the node has written so far is behind this. */
async function fence(client: RawClient, h: number): Promise<void> {
  const p = crypto.randomUUID();
  await client.send({ t: "send", h, p, n: 1, born: 0, ev: [{ sessionUpdated: { title: p } }] });
  await client.next("e", (frame) => frame.p === p);
}

test("a port that is in use stops the start, and says what to do", async () => {
  await expect(world.edge({ config: { port: edge.port } })).rejects.toThrow(/in use.*PERDURE_EDGE_PORT/);
});

test("so does a port that another process would share", async () => {
  const sharing = `
    const { App, us_listen_socket_close: close, us_socket_local_port: portOf } = await import("uWebSockets.js");
    let port = 0;
    App().listen("127.0.0.1", 0, (socket) => {
      port = portOf(socket);
      close(socket);
    });
    // Only of a port that was chosen.
    App().listen("127.0.0.1", port, (socket) => console.log(portOf(socket)));
  `;
  const other = spawn(process.execPath, ["--input-type=module", "--eval", sharing], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const said: unknown[] = await once(other.stdout, "data");
    await expect(world.edge({ config: { port: Number(said[0]) } })).rejects.toThrow(/in use.*PERDURE_EDGE_PORT/);
  } finally {
    other.kill("SIGKILL");
  }
});

test("an edge that drains sends its clients elsewhere, though the log takes no lease", async () => {
  const lease = Promise.withResolvers<never>();
  let isAway = false;
  const log = alteredLog(world.log, {
    append: (topic, ...entry) => (isAway && topic === TOPICS.nodes ? lease.promise : world.log.append(topic, ...entry)),
  });
  const leaving = await world.edge({ log });
  const { client } = await attach("drained", {}, undefined, leaving);
  isAway = true;
  const drained = leaving.drain(60_000);
  expect((await client.next("move")).withinMs).toBeLessThanOrEqual(60_000);
  client.close();
  await drained;
  lease.reject(new LogError("unavailable", "no broker can be reached"));
});

describe("presence", () => {
  test("who attaches has joined, with the name and role of the token", async () => {
    const { client } = await witness("p-1");
    const { client: other, frame } = await attach("p-1", { participant: "bob", name: "Bob" });
    const { ev, by } = await joined(client, frame.member);
    expect(by.role).toBe("ROLE_SYSTEM");
    expect(ev[0]?.memberJoined).toMatchObject({ participant: "bob", role: "ROLE_USER", name: "Bob", incarnation: 1 });
    client.close();
    other.close();
  });

  test("who leaves in good order has left at once", async () => {
    const { client } = await witness("p-2");
    const { client: other, frame } = await attach("p-2", { participant: "bob" });
    await joined(client, frame.member);
    other.close(1000);
    const { ev } = await left(client, frame.member);
    expect(ev[0]?.memberLeft?.reason).toBe("LEAVE_REASON_CLOSED");
    client.close();
  });

  test("whose connection breaks has left after the settle time", async () => {
    const { client, frame: own } = await witness("p-3");
    const { client: other, frame } = await attach("p-3", { participant: "bob" });
    await joined(client, frame.member);
    other.close(4000);
    await other.closed;
    await fence(client, own.h);
    clock.advance(1_900);
    await fence(client, own.h);
    expect(JSON.stringify(client.frames)).not.toContain("memberLeft");
    clock.advance(200);
    const { ev } = await left(client, frame.member);
    expect(ev[0]?.memberLeft?.reason).toBe("LEAVE_REASON_DETACHED");
    client.close();
  });

  test("who is back within the settle time never left", async () => {
    const { client, frame: own } = await witness("p-4");
    const { client: other, frame } = await attach("p-4", { participant: "bob" });
    await joined(client, frame.member);
    other.close(4000);
    await other.closed;
    const { client: back, frame: again } = await attach("p-4", { participant: "bob" }, frame.member);
    expect(again.member).toBe(frame.member);
    clock.advance(10_000);
    await fence(client, own.h);
    expect(JSON.stringify(client.frames)).not.toContain("memberLeft");
    client.close();
    back.close();
  });

  test("nobody goes on as a member who is still here, or who is somebody else", async () => {
    const { client } = await witness("p-5");
    const { client: bob, frame } = await attach("p-5", { participant: "bob" });
    const { client: twin, frame: second } = await attach("p-5", { participant: "bob" }, frame.member);
    expect(second.member).not.toBe(frame.member);
    bob.close(4000);
    await bob.closed;
    const { client: eve, frame: third } = await attach("p-5", { participant: "eve" }, frame.member);
    expect(third.member).not.toBe(frame.member);
    for (const open of [client, twin, eve]) open.close();
  });

  test("a node that stops writes its members as gone", async () => {
    const { client } = await witness("p-6");
    const leaving = await world.edge();
    const { frame } = await attach("p-6", { participant: "bob" }, undefined, leaving);
    await joined(client, frame.member);
    await leaving.stop();
    expect((await left(client, frame.member)).ev).toHaveLength(1);
    client.close();
  });

  test("a node whose life was declared over joins its members again under the next one", async () => {
    const { client, frame } = await witness("p-7");
    const { ev } = await joined(client, frame.member);
    const node = ev[0]?.memberJoined?.node ?? "";
    const lease = encodeNodeLease({ node, incarnation: 1, beat: 1, state: "NODE_LEASE_STATE_EXPIRED" });
    await world.log.append(TOPICS.nodes, 0, { key: keyBytes(node), value: lease });
    const held = await world.replica.attach("acme/p-7", { onAccepted: () => undefined, onLost: () => undefined });
    const keeper = new Writer(held, { participant: "keeper", role: "ROLE_SYSTEM" }, "keeper");
    await keeper.write([{ nodeExpired: { node, incarnation: 1 } }]);
    const again = await client.next("e", (e) => e.ev.some(({ memberJoined }) => memberJoined?.incarnation === 2));
    expect(again.ev[0]?.memberJoined).toMatchObject({ member: frame.member, node });
    held.detach();
    client.close();
  });

  test("whoever is removed from the session is told, and does not come back", async () => {
    const { client, frame: own } = await witness("p-8");
    const { client: bob, frame } = await attach("p-8", { participant: "bob" });
    const ev = [{ participantRemoved: { participant: "bob" } }];
    await client.send({ t: "send", h: own.h, p: "remover", n: 1, born: 0, ev });
    expect(await bob.next("detached")).toMatchObject({ h: frame.h, code: "removed_from_session" });
    await bob.send({ t: "attach", id: 2, session: "p-8" });
    expect(await bob.next("error", ({ id }) => id === 2)).toMatchObject({ code: "participant_removed" });
    client.close();
    bob.close();
  });
});

describe("a connection that is not what it seems", () => {
  test("half open: without a word for 15 s it is cut, and has left 2 s later", async () => {
    const { client, frame: own } = await witness("c-1");
    const silent = await TcpClient.open(edge.port);
    silent.send({ t: "hello", v: 1, token: await token({ participant: "bob" }) });
    await silent.next("welcome");
    silent.send({ t: "attach", id: 1, session: "c-1" });
    const frame = await silent.next("attached");
    for (let second = 0; second < 16; second += 1) {
      clock.advance(1_000);
      await fence(client, own.h);
    }
    expect(await silent.rest()).toMatchObject({ code: 1006 });
    clock.advance(2_000);
    const { ev } = await left(client, "t" in frame && frame.t === "attached" ? frame.member : "");
    expect(ev[0]?.memberLeft?.reason).toBe("LEAVE_REASON_DETACHED");
    client.close();
  });

  test("cut in the middle of a frame: nothing of it counts", async () => {
    const { client, frame: own } = await witness("c-2");
    const torn = await TcpClient.open(edge.port);
    torn.send({ t: "hello", v: 1, token: await token() });
    await torn.next("welcome");
    torn.sendHalf();
    torn.cut();
    await fence(client, own.h);
    expect(client.frames.filter((frame) => "t" in frame && frame.t === "error")).toEqual([]);
    client.close();
  });
});
