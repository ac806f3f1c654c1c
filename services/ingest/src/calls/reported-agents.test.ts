import { create } from "@bufbuild/protobuf";
import { ReportPresenceRequestSchema } from "@perdure/protocol";
import type { ManualClock, OneSession } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { oneSessionNode, type OneSessionNode } from "../testing/one-session-node.ts";
import { ReportedAgents } from "./reported-agents.ts";

const GRANT = {
  tenant: "acme",
  participant: "bot",
  role: "ROLE_AGENT",
  name: "bot",
  expiresMs: Number.MAX_SAFE_INTEGER,
  mayCreate: false,
  allows: () => true,
  allowsAgent: () => true,
} as const;

let clock: ManualClock;
let replica: OneSession;
let node: OneSessionNode["node"];
let reported: ReportedAgents;

beforeEach(() => {
  const parts = oneSessionNode();
  ({ clock, replica, node } = parts);
  reported = new ReportedAgents(parts.deps);
});

const presence = (): string => replica.state.agents.get("i-1")?.presence.slice("AGENT_PRESENCE_".length) ?? "";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const report = (): Promise<{ seq: number }> => {
  const request = { session: "s", agent: "helper", instance: "i-1", ttlMs: 5_000 };
  return reported.report(create(ReportPresenceRequestSchema, request), GRANT);
};

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await settle();
}

function expireNode(): void {
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const events = [{ nodeExpired: { node: "ingest-1", incarnation: 1 } }];
  replica.publish({ producer: "keeper", first: 1, last: 1, actor, events });
  expect(presence()).toBe("LOST");
}

test("SPEC 9.3: an agent that reports is here again after its node's life was declared over", async () => {
  await report();
  expireNode();
  await report();
  expect(replica.state.agents.get("i-1")).toMatchObject({ presence: "AGENT_PRESENCE_HERE", incarnation: 2 });
});

test("SPEC 9.4: an agent whose last report took longer to come to the log than the next was due is lost all the same", async () => {
  await report();
  expireNode();
  node.incarnation = 2;
  replica.isSlow = true;
  const late = report();
  await settle();
  await pass(5_000);
  replica.arrive();
  await late;
  await settle();
  expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
});

describe("SPEC 9.4: an agent that reports, in a session that was lost here", () => {
  test("is lost when its next report is late", async () => {
    await report();
    replica.lose("catching_up");
    await pass(4_999);
    expect(presence()).toBe("HERE");
    await pass(1);
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("is here as long as it goes on reporting", async () => {
    await report();
    replica.lose("catching_up");
    for (let reports = 0; reports < 3; reports += 1) {
      await pass(4_000);
      await report();
      expect(presence()).toBe("HERE");
    }
    await pass(5_000);
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("is lost in its time where its report was refused, and the session lists it all the same", async () => {
    replica.isMute = true;
    const refused = report().catch((error: unknown) => error);
    await settle();
    replica.isMute = false;
    replica.lose("catching_up");
    expect(await refused).toMatchObject({ code: "catching_up" });
    await pass(5_000);
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("does not keep its node from stopping", async () => {
    replica.away = "catching_up";
    const refused = report().catch((error: unknown) => error);
    await reported.close();
    expect(await refused).toMatchObject({ code: "catching_up" });
  });
});
