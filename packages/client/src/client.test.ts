import { newSession, toHead } from "@perdure/core";
import { PROTOCOL_VERSION } from "@perdure/protocol/frames";
import { beforeEach, describe, expect, test } from "vitest";
import { type Client, createClient } from "./client.ts";
import { memoryStore } from "./environment.ts";
import { FakeNetwork } from "./testing/fake-socket.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let network: FakeNetwork;
let client: Client;

beforeEach(() => {
  network = new FakeNetwork();
  client = createClient({
    url: "ws://edge/v1/connect",
    getToken: () => "token",
    webSocket: network.constructorOf,
    storage: { tab: memoryStore(), device: memoryStore() },
    clock: new ManualClock(),
    random: () => 0.5,
    schedule: () => undefined,
  });
});

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The session is open in the page, and its attach is on its way. */
async function attaching() {
  const session = client.session("trip");
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
    expiresMs: Number.MAX_SAFE_INTEGER,
    beatMs: 5_000,
    maxFrameBytes: 65_536,
  });
  return { session, socket };
}

function answer(id: number): void {
  const state = newSession();
  Object.assign(state, { epoch: 5, seq: 10 });
  const head = toHead(state);
  network.socket.receive({ t: "attached", id, h: 7, member: "m", how: "snapshot", epoch: "5", seq: 10, head });
}

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
