import type { ManualClock, OneSession } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { oneSessionNode, type OneSessionNode } from "../testing/one-session-node.ts";
import type { AgentDeps } from "./deps.ts";
import { Outgoing } from "./outgoing.ts";
import { PoolMembership } from "./pool.ts";
import { StreamSessions } from "./stream-sessions.ts";

const OF_TENANT = { tenant: "acme", participant: "bot", agent: "helper", description: "" };
const AGENT = { ...OF_TENANT, instance: "i-1", attachment: "stream-1", capacity: 2 };

let clock: ManualClock;
let replica: OneSession;
let node: OneSessionNode["node"];
let deps: AgentDeps;

beforeEach(() => {
  ({ clock, replica, node, deps } = oneSessionNode({ sessionsPerStream: 1 }));
});

const presence = (): string => replica.state.agents.get("i-1")?.presence.slice("AGENT_PRESENCE_".length) ?? "";

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** So long that whatever waits to try again has done so. */
async function tryAgain(): Promise<void> {
  clock.advance(5_000);
  await settle();
}

function stream(): StreamSessions {
  const outgoing = new Outgoing({ write: (_bytes, onWritten) => onWritten() }, 1_000_000, () => undefined);
  return new StreamSessions({ deps, agent: AGENT, outgoing, allows: () => true, onElsewhere: () => undefined });
}

async function joined(): Promise<StreamSessions> {
  const sessions = stream();
  await sessions.join("s");
  expect(presence()).toBe("HERE");
  return sessions;
}

const pool = (): PoolMembership =>
  new PoolMembership({ deps, agent: AGENT, onOffer: () => undefined, onRefused: () => undefined });

async function entered(): Promise<PoolMembership> {
  const membership = pool();
  await membership.enter();
  expect(presence()).toBe("HERE");
  return membership;
}

describe("SPEC 9.4: an agent that is gone while its session is lost here", () => {
  test("is lost where its stream broke", async () => {
    const sessions = await joined();
    replica.lose("catching_up");
    await sessions.loseAll("LOST_REASON_STREAM");
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("has left where it said so, of this session or of all", async () => {
    for (const leave of [
      (sessions: StreamSessions) => sessions.leave("s", ""),
      (all: StreamSessions) => all.leaveAll(""),
    ]) {
      const sessions = await joined();
      replica.lose("unavailable");
      await leave(sessions);
      expect(presence()).toBe("LEFT");
    }
  });

  test("is lost where it was about to join again, and could not", async () => {
    const sessions = await joined();
    replica.lose("catching_up");
    replica.away = "catching_up";
    await sessions.join("s");
    const losing = sessions.loseAll("LOST_REASON_STREAM");
    await tryAgain();
    expect(presence()).toBe("HERE");
    replica.away = undefined;
    await tryAgain();
    await losing;
    expect(presence()).toBe("LOST");
  });

  test("is lost where its stream broke after it had left, and its arrival was still on its way to the log", async () => {
    const sessions = stream();
    replica.isSlow = true;
    const joining = sessions.join("s");
    const leaving = sessions.leave("s", "");
    await settle();
    const losing = sessions.loseAll("LOST_REASON_STREAM");
    await settle();
    replica.arrive();
    await Promise.all([joining, leaving, losing]);
    expect(presence()).toBe("LOST");
  });

  test("is not gone where it has come back over its stream before that was written", async () => {
    const sessions = await joined();
    replica.lose("catching_up");
    replica.away = "catching_up";
    const leaving = sessions.leave("s", "");
    await settle();
    replica.away = undefined;
    await sessions.join("s");
    await tryAgain();
    await leaving;
    expect(presence()).toBe("HERE");
  });

  test("counts with the sessions that its stream may be in, until they know", async () => {
    const sessions = await joined();
    replica.lose("catching_up");
    await expect(sessions.enter("another")).rejects.toMatchObject({ code: "too_many_sessions" });
    await sessions.enter("s");
    await sessions.leave("s", "");
    await sessions.enter("another");
  });

  test("is lost where its arrival was in the log by then, and not judged", async () => {
    const sessions = stream();
    replica.isMute = true;
    const joining = sessions.join("s");
    await settle();
    replica.isMute = false;
    replica.lose("catching_up");
    await joining;
    await sessions.loseAll("LOST_REASON_STREAM");
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("has left its pool", async () => {
    const membership = await entered();
    replica.lose("catching_up");
    await membership.leave("drain");
    await tryAgain();
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LEFT", held: false });
  });
});

describe("SPEC 9.4: an agent that is gone while its arrival is still on its way to the log", () => {
  const arriving: readonly [string, () => Promise<{ lose: () => Promise<void> }>][] = [
    [
      "its session",
      async () => {
        replica.isCutOff = true;
        const sessions = stream();
        void sessions.join("s");
        await settle();
        return { lose: () => sessions.loseAll("LOST_REASON_STREAM") };
      },
    ],
    [
      "its session, under another life of the node",
      async () => {
        const sessions = await joined();
        endLife();
        replica.isCutOff = true;
        sessions.announceAll();
        await settle();
        return { lose: () => sessions.loseAll("LOST_REASON_STREAM") };
      },
    ],
    [
      "its pool",
      async () => {
        replica.isCutOff = true;
        const membership = pool();
        void membership.enter();
        await settle();
        return { lose: () => membership.lose("LOST_REASON_STREAM") };
      },
    ],
    [
      "its pool, once more after that was lost here",
      async () => {
        const membership = await entered();
        replica.lose("catching_up");
        replica.isCutOff = true;
        clock.advance(500);
        await settle();
        return { lose: () => membership.lose("LOST_REASON_STREAM") };
      },
    ],
    [
      "its pool, under another life of the node",
      async () => {
        const membership = await entered();
        endLife();
        replica.isCutOff = true;
        membership.announce();
        await settle();
        return { lose: () => membership.lose("LOST_REASON_STREAM") };
      },
    ],
  ];

  test.each(arriving)("is lost once that has come: %s", async (_where, arrive) => {
    const { lose } = await arrive();
    const losing = lose();
    await settle();
    replica.isCutOff = false;
    await tryAgain();
    await losing;
    await tryAgain();
    expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LOST", held: false });
  });

  test("is not waited for where the session is lost here first", async () => {
    const sessions = stream();
    replica.isCutOff = true;
    void sessions.join("s");
    await settle();
    const losing = sessions.loseAll("LOST_REASON_STREAM");
    replica.lose("catching_up");
    await tryAgain();
    await losing;
    expect(presence()).toBe("");
  });
});

test("SPEC 11: an instance enters its pool again once, and lets go of it, where that is lost while it enters", async () => {
  const membership = await entered();
  for (let times = 0; times < 3; times += 1) {
    replica.lose("catching_up");
    replica.isSlow = true;
    clock.advance(500);
    await settle();
  }
  replica.lose("catching_up");
  replica.arrive();
  await tryAgain();
  await tryAgain();
  expect([presence(), replica.holdCount]).toEqual(["HERE", 1]);
  await membership.leave("");
  expect({ presence: presence(), held: replica.held }).toEqual({ presence: "LEFT", held: false });
});

describe("SPEC 9.3: an agent that comes under a life of its node that is over, which the node has not heard", () => {
  test.each([
    ["to a session", () => stream().join("s")],
    ["to its pool", () => pool().enter()],
  ])("is there under the next one: %s", async (_where, come) => {
    expireNode();
    await come();
    expect(replica.state.agents.get("i-1")).toMatchObject({ presence: "AGENT_PRESENCE_HERE", incarnation: 2 });
  });
});

test("SPEC 12: an agent is to come again, and not out for good, where its node's lives end faster than it arrives", async () => {
  expireNode(3);
  await expect(stream().enter("s")).rejects.toMatchObject({ code: "unavailable" });
  await stream().enter("s");
  expect(presence()).toBe("HERE");
});

/** The node's life is over, and it begins another. */
function endLife(): void {
  expireNode();
  expect(presence()).toBe("LOST");
  node.incarnation = 2;
}

function expireNode(incarnation = 1): void {
  const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const events = [{ nodeExpired: { node: "ingest-1", incarnation } }];
  replica.publish({ producer: "keeper", first: 1, last: 1, actor, events });
}
