import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { PerdureError } from "@perdure/core";
import { ConnectRequestSchema, ConnectResponseSchema, messagesIn } from "@perdure/protocol";
import type { ManualClock } from "@perdure/replica/testing";
import type { Grant } from "@perdure/service-kit";
import { beforeEach, describe, expect, test } from "vitest";
import { oneSessionNode } from "../testing/one-session-node.ts";
import { AgentStream } from "./agent-stream.ts";
import { Outgoing } from "./outgoing.ts";

const MINUTE_MS = 60_000;

let clock: ManualClock;
let stream: AgentStream;
/** The code that the stream ended with. */
let ended: string | undefined;
let heard: string[];
/** What tokens allow; one that is not here cannot be judged, since the keys are away. */
let tokens: Map<string, Grant | Error>;

const grant = (lifeMs: number): Grant => ({
  tenant: "acme",
  participant: "bot",
  role: "ROLE_AGENT",
  name: "bot",
  expiresMs: clock.now() + lifeMs,
  mayCreate: false,
  allows: () => true,
  allowsAgent: () => true,
});

/** What is said goes out in the turn after. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  const node = oneSessionNode();
  ({ clock } = node);
  ended = undefined;
  heard = [];
  tokens = new Map();
  const verify = (token = ""): Promise<Grant> => {
    const known = tokens.get(token) ?? new PerdureError("unavailable", "no keys", { retryAfterMs: 1_000 });
    return known instanceof Error ? Promise.reject(known) : Promise.resolve(known);
  };
  const take = (bytes: Uint8Array): void => {
    for (const message of messagesIn("responses", bytes)) {
      const { kind } = fromBinary(ConnectResponseSchema, message);
      if (kind.case === "renewed") heard.push(`renewed for ${kind.value.tokenExpiresInMs}`);
    }
  };
  stream = new AgentStream({
    deps: { ...node.deps, verifier: { verify } },
    grant: grant(MINUTE_MS),
    call: { pause: () => undefined, resume: () => undefined, end: (error) => (ended = error?.code ?? "ok") },
    outgoing: new Outgoing({ write: (bytes, onWritten) => (take(bytes), onWritten()) }, 1_000_000, () => undefined),
    attachment: "stream-1",
    onHello: () => undefined,
    onGone: () => undefined,
  });
  say({ case: "hello", value: { protocol: 1, agent: "helper", instance: "i-1" } });
  await settle();
});

/** Time passes, in which the agent beats. */
async function pass(ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
    stream.beat(0);
    clock.advance(1_000);
    await settle();
  }
}

function say(kind: Exclude<MessageInitShape<typeof ConnectRequestSchema>["kind"], undefined>): void {
  stream.receive(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { kind })));
}

async function renew(token: string): Promise<void> {
  say({ case: "auth", value: { token } });
  await settle();
}

describe("a stream whose new token cannot be judged, since the issuer's keys are away", () => {
  test("goes on with the token that it has, and is told once the new one is judged", async () => {
    await renew("new");
    await pass(30_000);
    expect({ ended, heard }).toEqual({ ended: undefined, heard: [] });
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(1_000);
    expect(heard).toEqual([`renewed for ${60 * MINUTE_MS - 1_000}`]);
    await pass(MINUTE_MS);
    expect(ended).toBeUndefined();
  });

  test("ends with the token that it has", async () => {
    await renew("new");
    await pass(MINUTE_MS - 1_000);
    expect(ended).toBeUndefined();
    await pass(1_000);
    expect(ended).toBe("token_expired");
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(1_000);
    expect(heard).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });

  test("ends where the new one turns out to be bad", async () => {
    await renew("new");
    tokens.set("new", new PerdureError("unauthenticated", "bad"));
    await pass(1_000);
    expect(ended).toBe("unauthenticated");
  });

  test("goes by the last of several", async () => {
    await renew("bad");
    await renew("new");
    tokens.set("bad", new PerdureError("unauthenticated", "bad"));
    tokens.set("new", grant(60 * MINUTE_MS));
    await pass(1_000);
    expect(ended).toBeUndefined();
    expect(heard).toHaveLength(1);
  });
});
