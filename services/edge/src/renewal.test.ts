import { PerdureError } from "@perdure/core";
import { OneSession } from "@perdure/replica/testing";
import type { Grant } from "@perdure/service-kit";
import { beforeEach, describe, expect, test } from "vitest";
import { grantOf } from "./testing/grants.ts";
import { settle, type TestClient, TestEdge } from "./testing/test-edge.ts";

const MINUTE_MS = 60_000;

let edge: TestEdge;
let client: TestClient;
/** What tokens allow; one that is not here cannot be judged, since the issuer's keys are away. */
let tokens: Map<string, Grant | Error>;

const bad = new PerdureError("unauthenticated", "bad");
const grant = (lifeMs: number): Grant => ({ ...grantOf("ann"), expiresMs: edge.clock.now() + lifeMs });

beforeEach(async () => {
  tokens = new Map();
  const verify = (token = ""): Promise<Grant> => {
    const known = tokens.get(token) ?? new PerdureError("unavailable", "no keys", { retryAfterMs: 1_000 });
    return known instanceof Error ? Promise.reject(known) : Promise.resolve(known);
  };
  edge = new TestEdge(new OneSession(0), {}, { verify });
  tokens.set("first", grant(MINUTE_MS));
  client = await edge.client("first");
});

const heard = (): readonly string[] => client.reader.heard;

/** Time passes, in which the client answers pings. */
async function pass(ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
    client.socket.getUserData().receiver?.onHeard();
    edge.clock.advance(1_000);
    await settle();
  }
}

async function renew(token: string): Promise<void> {
  client.say({ t: "auth", token });
  await settle();
}

describe("a connection whose new token cannot be judged, since the issuer's keys are away", () => {
  test("goes on with the token that it has, and is welcomed once the new one is judged", async () => {
    await renew("new");
    await pass(30_000);
    client.say({ t: "ping" });
    expect(heard()).toEqual(["welcome", "pong"]);
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(2 * MINUTE_MS);
    expect(heard()).toEqual(["welcome", "pong", "welcome"]);
    expect(client.socket.endedWith).toBeUndefined();
  });

  test("ends with the token that it has", async () => {
    await renew("new");
    await pass(MINUTE_MS - 1_000);
    expect(client.socket.endedWith).toBeUndefined();
    await pass(1_000);
    expect(client.socket.endedWith).toBe(4001);
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(1_000);
    expect(heard()).toEqual(["welcome", "token_expired"]);
  });

  test("ends where the new one turns out to be bad", async () => {
    await renew("new");
    tokens.set("new", bad);
    await pass(1_000);
    expect(heard()).toEqual(["welcome", "unauthenticated"]);
    expect(client.socket.endedWith).toBe(4505);
  });

  test("goes by the last of several", async () => {
    await renew("bad");
    await renew("new");
    tokens.set("bad", bad);
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(1_000);
    expect(heard()).toEqual(["welcome", "welcome"]);
    expect(client.socket.endedWith).toBeUndefined();
  });
});
