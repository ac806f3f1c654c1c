import { beforeEach, describe, expect, test } from "vitest";
import { Connection } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import { FakeNetwork } from "./testing/fake-socket.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { TokenSource } from "./token-source.ts";

const MINUTE = 60_000;

let clock: ManualClock;
let network: FakeNetwork;
let connection: Connection;
let states: ConnectionState["phase"][];
let tokens: (() => string)[];
let asked: number;

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  states = [];
  tokens = [];
  asked = 0;
  connection = new Connection(
    {
      url: "ws://edge/v1/connect",
      tokens: new TokenSource(() => {
        asked += 1;
        return tokens.shift()?.() ?? `token-${asked}`;
      }, clock),
      socketConstructor: network.constructorOf,
      clock,
      random: () => 0.5,
      client: "test",
      device: "a test",
      baseDelayMs: 100,
      maxDelayMs: 5_000,
      openTimeoutMs: 10_000,
      stableMs: 1_000,
    },
    { onState: ({ phase }) => states.push(phase), onFrame: () => undefined },
  );
});

/** Lets what was promised happen. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const welcomeFor = (ms: number) =>
  ({
    t: "welcome",
    v: 1,
    node: "edge-1",
    tenant: "acme",
    participant: "ann",
    role: "ROLE_USER",
    mayCreate: true,
    expiresInMs: ms,
    beatMs: 10_000,
    maxFrameBytes: 1_000_000,
  }) as const;

async function open(tokenMs = 60 * MINUTE): Promise<void> {
  connection.want();
  await settle();
  network.socket.open();
  network.socket.receive(welcomeFor(tokenMs));
}

/** So many times of 10 s pass, in which the edge answers. */
async function beats(count: number): Promise<void> {
  for (let beat = 0; beat < count; beat += 1) {
    clock.advance(10_000);
    network.socket.receive({ t: "pong" });
  }
  await settle();
}

describe("a connection", () => {
  test("says who it is, and what it runs on", async () => {
    await open();
    expect(network.socket.sent).toEqual([{ t: "hello", v: 1, token: "token-1", client: "test", device: "a test" }]);
    expect(states).toEqual(["authorizing", "opening", "greeting", "open"]);
  });

  test("uses the token again while it lives, and asks for another when it is refused", async () => {
    await open();
    network.socket.end();
    clock.advance(100);
    await settle();
    expect(asked).toBe(1);
    network.socket.open();
    network.socket.end(4001, "token_expired");
    clock.advance(1_000);
    await settle();
    expect(asked).toBe(2);
  });

  test("renews its token before it ends", async () => {
    await open(10 * MINUTE);
    await beats(8 * 6);
    expect(network.socket.sentOf("auth")).toEqual([{ t: "auth", token: "token-2" }]);
  });

  test("waits as long as the edge does for word on a new token, and renews it in its time", async () => {
    await open(10 * MINUTE);
    await beats(9 * 6);
    network.socket.receive(welcomeFor(10 * MINUTE));
    await beats(7 * 6);
    expect(network.socket.sentOf("auth")).toEqual([{ t: "auth", token: "token-2" }]);
    await beats(6);
    expect(network.socket.sentOf("auth")).toHaveLength(2);
    expect(connection.state.phase).toBe("open");
  });

  test("goes on when the app has no token now, and tries again", async () => {
    tokens.push(() => {
      throw new Error("backend away");
    });
    connection.want();
    await settle();
    expect(connection.state).toMatchObject({ phase: "waiting", failure: { code: "token_unavailable" } });
    clock.advance(100);
    await settle();
    expect(connection.state.phase).toBe("opening");
  });

  test("is told by the server why it was closed, and when to come back", async () => {
    await open();
    network.socket.receive({ t: "error", code: "overloaded", message: "too many", retryAfterMs: 7_000 });
    network.socket.end(4005, "overloaded");
    const { phase, failure, retryAtMs } = connection.state;
    expect({ phase, failure }).toMatchObject({
      phase: "waiting",
      failure: { code: "overloaded", message: "too many" },
    });
    expect(retryAtMs).toBe(clock.now() + 7_050);
  });

  test.each([4500, 4503, 4999])("stops where the close code %i says that coming back is of no use", async (code) => {
    await open();
    network.socket.end(code, "protocol_version");
    clock.advance(MINUTE);
    await settle();
    expect(connection.state).toMatchObject({ phase: "stopped", failure: { code: "protocol_version" } });
    expect(network.sockets).toHaveLength(1);
  });

  test("asks for another token when somebody has logged in again", async () => {
    await open();
    network.socket.end(4505, "unauthenticated");
    expect(connection.state.phase).toBe("stopped");
    connection.want();
    await settle();
    expect(asked).toBe(2);
  });

  test("that goes silent is asked, and without an answer given up", async () => {
    await open();
    clock.advance(9_999);
    expect(network.socket.sentOf("ping")).toHaveLength(0);
    clock.advance(1);
    expect(network.socket.sentOf("ping")).toHaveLength(1);
    clock.advance(5_000);
    expect(connection.state).toMatchObject({ phase: "waiting", failure: { code: "connection_lost" } });
    expect(network.socket.closedWith).toBe(4000);
  });

  test("that answers is kept, and asked no more often than it is silent", async () => {
    await open();
    for (let beat = 0; beat < 5; beat += 1) {
      clock.advance(10_000);
      network.socket.receive({ t: "pong" });
    }
    expect(connection.state.phase).toBe("open");
    expect(network.socket.sentOf("ping").length).toBeLessThanOrEqual(5);
  });

  test("is probed at once when the page wakes", async () => {
    await open();
    connection.wake();
    expect(network.socket.sentOf("ping")).toHaveLength(1);
    clock.advance(5_000);
    expect(connection.state.phase).toBe("waiting");
    connection.wake();
    expect(connection.state.phase).toBe("authorizing");
  });

  test("that is asked to move does so at its own moment within the window", async () => {
    await open();
    const before = network.socket;
    before.receive({ t: "move", withinMs: 1_000 });
    clock.advance(499);
    await settle();
    expect(network.sockets).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(network.sockets).toHaveLength(2);
    expect(before.closedWith).toBe(4000);
  });

  test("does not send what the edge would end it for, counted in bytes", async () => {
    expect(connection.send({ t: "ping" })).toBe("away");
    await open();
    const before = network.socket.sent.length;
    // Half as many characters as bytes.
    const titled = (characters: number) =>
      connection.send({
        t: "send",
        h: 1,
        p: "p",
        n: 1,
        born: 0,
        ev: [{ sessionUpdated: { title: "é".repeat(characters) } }],
      });
    expect(titled(500_000)).toMatchObject({ code: "too_large" });
    expect(network.socket.sent).toHaveLength(before);
    expect(titled(499_900)).toBe("sent");
    expect(network.socket.sent).toHaveLength(before + 1);
  });

  test("hears nothing more of a socket that it has left", async () => {
    await open();
    const old = network.socket;
    clock.advance(15_000);
    expect(connection.state.phase).toBe("waiting");
    old.end(4500, "malformed_frame");
    old.receive(welcomeFor(MINUTE));
    expect(connection.state.phase).toBe("waiting");
  });

  test("does not mind what is no frame", async () => {
    await open();
    for (const data of ["", "{", "null", "[]", '{"t":"later"}', '{"t":"ack"}', new ArrayBuffer(3)]) {
      network.socket.receiveText(data);
    }
    expect(connection.state.phase).toBe("open");
  });

  test("says goodbye when the app closes it, and leaves no timer behind", async () => {
    await open();
    connection.close();
    expect(network.socket.closedWith).toBe(1000);
    expect(clock.timerCount).toBe(0);
    connection.want();
    await settle();
    expect(connection.state.phase).not.toBe("open");
  });
});
