import { OneSession } from "@perdure/replica/testing";
import type { EventJson } from "@perdure/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { settle, type TestClient, TestEdge } from "./testing/test-edge.ts";

const LISTED = 8;

let session: OneSession;
let edge: TestEdge;
let here: TestClient[];

beforeEach(() => {
  session = new OneSession(0, { listedMembers: LISTED, members: 12 });
  edge = new TestEdge(session);
  here = [];
  write({ sessionCreated: {} });
});

let numbers = 0;
function write(...events: EventJson[]): void {
  numbers += 1;
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  session.publish({ producer: `k-${numbers}`, first: 1, last: 1, actor, events, cause: { seq: session.state.seq } });
}

async function come(count: number, name = "observer"): Promise<void> {
  for (let added = 0; added < count; added += 1) {
    const client = await edge.client(`${name}-${here.length}`);
    client.attach();
    here.push(client);
  }
  await settle();
}

async function go(count: number): Promise<void> {
  for (const { socket } of here.splice(-count)) socket.end(1000);
  await settle();
}

/** All that may be listed are, on another node. */
function fillElsewhere(): void {
  for (let index = 0; index < LISTED; index += 1) {
    const member = { member: `m-${index}`, participant: `p-${index}`, node: "edge-2", incarnation: 1 };
    write({ memberJoined: { ...member, role: "ROLE_OBSERVER" } });
  }
}

/** Time for a count to be written, with what follows from it. */
async function later(ms = 2_000): Promise<void> {
  edge.clock.advance(ms);
  await settle();
}

const counted = (): number => [...session.state.observers.values()].reduce((sum, { count }) => sum + count, 0);
const shown = () => ({ members: session.state.members.size, counted: counted() });

describe("observers of a session", () => {
  test("SPEC 9.6: are members as long as there is room, and counted beyond", async () => {
    await come(LISTED);
    expect(shown()).toEqual({ members: LISTED, counted: 0 });
    await come(20);
    await later();
    expect(shown()).toEqual({ members: LISTED, counted: 20 });
    expect([...session.state.observers.values()]).toMatchObject([{ node: "edge-1", incarnation: 1 }]);
  });

  test("SPEC 9.1: whoever is more than an observer and finds no room is a member as soon as somebody leaves", async () => {
    await come(14, "user");
    expect(shown()).toEqual({ members: 12, counted: 0 });
    const [first, second] = here;
    for (const client of [first, second]) client?.socket.end(1000);
    await settle();
    expect(shown()).toEqual({ members: 12, counted: 0 });
  });

  test("do not take the places of those who are more than observers", async () => {
    await come(LISTED + 5);
    await come(2, "user");
    await later();
    expect(shown()).toEqual({ members: LISTED + 2, counted: 5 });
  });

  test("who come and go are one record in two seconds, however many", async () => {
    await come(LISTED + 1);
    await later();
    const { seq } = session.state;
    await come(50);
    await go(30);
    await later(1_900);
    expect(session.state.seq).toBe(seq);
    await later(100);
    expect(session.state.seq).toBe(seq + 1);
    expect(shown()).toEqual({ members: LISTED, counted: 21 });
  });

  test("that come while another takes the last place are counted", async () => {
    await come(LISTED - 1);
    const joins = [await edge.client("observer-a"), await edge.client("observer-b")];
    for (const client of joins) client.attach();
    await settle();
    await later();
    expect(shown()).toEqual({ members: LISTED, counted: 1 });
  });

  test("do not change between the two while some come and go", async () => {
    await come(LISTED + 2);
    await later();
    for (let round = 0; round < 5; round += 1) {
      here.shift()?.socket.end(1000);
      await settle();
      await come(1);
      await later();
    }
    expect(shown()).toEqual({ members: LISTED, counted: 2 });
    const { seq } = session.state;
    await later();
    expect(session.state.seq).toBe(seq);
  });

  test("are all members again once far fewer are left, and none is seen twice", async () => {
    await come(LISTED + 6);
    await later();
    const publish = session.publish.bind(session);
    let most = 0;
    for (const { socket } of here.splice(0, LISTED)) socket.end(1000);
    await settle();
    session.publish = (record) => {
      const publication = publish(record);
      most = Math.max(most, shown().members + shown().counted);
      return publication;
    };
    await later();
    expect({ ...shown(), most }).toEqual({ members: 6, counted: 0, most: 6 });
    expect(new Set([...session.state.members.values()].map(({ participant }) => participant)).size).toBe(6);
    await go(6);
    await later();
    expect(shown()).toEqual({ members: 0, counted: 0 });
    expect(session.held).toBe(false);
  });

  test("whose connection breaks count on until it has settled", async () => {
    await come(LISTED + 3);
    await later();
    here.at(-1)?.socket.end(1006);
    await later(1_900);
    expect(counted()).toBe(3);
    await later(100);
    await later();
    expect(counted()).toBe(2);
  });

  test("SPEC 9.2: are counted again by a node whose life was declared over", async () => {
    await come(LISTED + 3);
    await later();
    write({ nodeExpired: { node: "edge-1", incarnation: 1 } });
    expect(shown()).toEqual({ members: 0, counted: 0 });
    edge.incarnation = 2;
    edge.rooms.rejoin();
    await settle();
    await later();
    expect(shown()).toEqual({ members: LISTED, counted: 3 });
    expect([...session.state.observers.values()]).toMatchObject([{ incarnation: 2 }]);
  });

  test("SPEC 9.2: are under a node's new life before its last one is taken away", async () => {
    fillElsewhere();
    await come(3);
    await later();
    edge.incarnation = 2;
    edge.rooms.rejoin();
    await later();
    write({ nodeExpired: { node: "edge-1", incarnation: 1 } });
    expect(counted()).toBe(3);
  });

  test("are waited for before a session is let go", async () => {
    fillElsewhere();
    await come(3);
    await later();
    await go(3);
    expect({ ...shown(), held: session.held }).toEqual({ members: LISTED, counted: 3, held: true });
    await later();
    expect({ ...shown(), held: session.held }).toEqual({ members: LISTED, counted: 0, held: false });
  });

  test("that a node counted and knows nothing of any more are gone once it has the session again", async () => {
    fillElsewhere();
    await come(3);
    await later();
    session.lose("catching_up");
    for (const { socket } of here) socket.end(1000);
    await settle();
    await later(1_000);
    expect({ ...shown(), held: session.held }).toEqual({ members: LISTED, counted: 3, held: true });
    await later();
    expect(shown()).toEqual({ members: LISTED, counted: 0 });
    expect(session.held).toBe(false);
  });

  test("of a node that stops are gone at once", async () => {
    await come(LISTED + 3);
    await later();
    await edge.rooms.leaveAll(1_000);
    expect(shown()).toEqual({ members: 0, counted: 0 });
  });
});
