import { OneSession } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { settle, type TestClient, TestEdge } from "./testing/test-edge.ts";

let edge: TestEdge;
let client: TestClient;

beforeEach(() => {
  edge = new TestEdge(new OneSession(0));
  client = edge.open();
});

const sayHello = (): void => client.socket.say({ t: "hello", v: 1, token: "ann" });

describe("a connection whose hello is due", () => {
  test("is ended when none comes", async () => {
    edge.clock.advance(5_000);
    await settle();
    expect(client.socket.endedWith).toBe(4003);
  });

  test("goes on where the hello waits to be read when the time is over", async () => {
    edge.clock.advance(5_000);
    sayHello();
    await settle();
    edge.clock.advance(1_000);
    await settle();
    expect(client.socket.endedWith).toBeUndefined();
  });

  test("is ended in time where the clock was put back, though it answers pings", async () => {
    const now = edge.clock.now.bind(edge.clock);
    vi.spyOn(edge.clock, "now").mockImplementation(() => now() - 3_600_000);
    for (let second = 0; second < 6; second += 1) {
      client.socket.getUserData().receiver?.onHeard();
      edge.clock.advance(1_000);
      await settle();
    }
    expect(client.socket.endedWith).toBe(4003);
  });
});
