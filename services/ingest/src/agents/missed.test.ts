import { fromBinary } from "@bufbuild/protobuf";
import { type ActorJson, ConnectResponseSchema, type EventJson } from "@perdure/protocol";
import { ManySessions, OneSession } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { oneSessionNode, type OneSessionNode } from "../testing/one-session-node.ts";
import type { AgentDeps } from "./deps.ts";
import { actorOf } from "./identity.ts";
import { Outgoing } from "./outgoing.ts";
import { PoolMembership } from "./pool.ts";
import { StreamSessions } from "./stream-sessions.ts";

const OF_PROCESS = {
  tenant: "acme",
  participant: "bot",
  agent: "helper",
  description: "",
  instance: "i-1",
  capacity: 2,
};
const KEEPER = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
const BOT = actorOf({ ...OF_PROCESS, attachment: "" });
const ANN = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;

let replica: OneSession;
let node: OneSessionNode["node"];
let deps: AgentDeps;
/** Why the agent was turned away. */
let refused: string[];
let written: number;

beforeEach(() => {
  ({ replica, node, deps } = oneSessionNode());
  refused = [];
  written = 0;
});

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function hear(bytes: Uint8Array, onWritten: () => void): void {
  const { kind } = fromBinary(ConnectResponseSchema, bytes);
  const kinds = kind.case === "batch" ? kind.value.messages.map((each) => each.kind) : [kind];
  for (const each of kinds) if (each.case === "refused") refused.push(each.value.code);
  onWritten();
}

/** What one stream of the process has in a session: the same for both kinds. */
interface Place {
  enter(): Promise<void>;
  /** The agent gives a sign of life. */
  beat(): Promise<void>;
  leave(): Promise<void>;
}

function inSession(attachment: string): Place {
  const outgoing = new Outgoing({ write: hear }, 1_000_000, () => undefined);
  const agent = { ...OF_PROCESS, attachment };
  const sessions = new StreamSessions({ deps, agent, outgoing, allows: () => true, onElsewhere: () => undefined });
  return {
    enter: () => sessions.join("s"),
    beat: () => {
      sessions.announceMissed();
      return settle();
    },
    leave: () => sessions.leave("s", "done"),
  };
}

function inPool(attachment: string): Place {
  const onRefused = ({ code }: { code: string }): void => void refused.push(code);
  const agent = { ...OF_PROCESS, attachment };
  const pool = new PoolMembership({ deps, agent, onOffer: () => undefined, onRefused });
  return {
    enter: () => pool.enter(),
    beat: () => {
      pool.announceIfMissed();
      return settle();
    },
    leave: () => pool.leave("drain"),
  };
}

function write(event: EventJson, actor: ActorJson): void {
  written += 1;
  const cause = actor === KEEPER ? { cause: { seq: replica.state.seq } } : {};
  replica.publish({ producer: `late-${written}`, first: 1, last: 1, actor, ...cause, events: [event] });
}

const EARLIER = { instance: "i-1", attachment: "earlier" };

/** An earlier stream's arrival comes late, into a session where the next one's is known. */
function arriveLate(): void {
  write({ agentResumed: { ...EARLIER, node: "elsewhere", incarnation: 1 } }, BOT);
  expect(known()).toEqual("HERE by earlier");
}

function crash(): void {
  write({ sessionUpdated: { policy: { agentGraceMs: 1 } } }, ANN);
  arriveLate();
  write({ agentLost: { ...EARLIER, reason: "LOST_REASON_STREAM" } }, KEEPER);
  write({ agentCrashed: { instance: "i-1" } }, KEEPER);
  expect(known()).toBe("CRASHED by earlier");
}

const known = (): string => {
  const agent = replica.state.agents.get("i-1");
  return `${agent?.presence.slice("AGENT_PRESENCE_".length)} by ${agent?.attachment}`;
};

describe.each([
  ["a session", inSession],
  ["its pool", inPool],
])("SPEC 9: an agent that %s holds for gone, and that is there", (_where, place) => {
  async function entered(attachment = "later"): Promise<Place> {
    const entering = place(attachment);
    await entering.enter();
    expect(known()).toBe(`HERE by ${attachment}`);
    return entering;
  }

  test.each<[string, EventJson]>([
    ["was lost", { agentLost: { ...EARLIER, reason: "LOST_REASON_STREAM" } }],
    ["left", { agentLeft: { instance: "i-1", reason: "" } }],
    ["was on a node that died", { nodeExpired: { node: "elsewhere", incarnation: 1 } }],
  ])("is there again, where an earlier stream came late and %s", async (_how, end) => {
    const stream = await entered();
    arriveLate();
    write(end, KEEPER);
    await stream.beat();
    expect(known()).toBe("HERE by later");
  });

  test("is there again, where it arrived under a life of its node that was over by then", async () => {
    const stream = await entered();
    node.incarnation = 2;
    write({ nodeExpired: { node: "ingest-1", incarnation: 1 } }, KEEPER);
    expect(known()).toBe("LOST by later");
    await stream.beat();
    expect(replica.state.agents.get("i-1")).toMatchObject({ presence: "AGENT_PRESENCE_HERE", incarnation: 2 });
  });

  test("says nothing while another stream of it is there, so that two never contend", async () => {
    const [one, other] = [await entered("one"), await entered("other")];
    const { seq } = replica.state;
    for (const stream of [one, other, one]) await stream.beat();
    expect([known(), replica.state.seq]).toEqual(["HERE by other", seq]);
  });

  test("says it once, however often it beats before that is in the log", async () => {
    const stream = await entered();
    arriveLate();
    write({ agentLost: { ...EARLIER, reason: "LOST_REASON_STREAM" } }, KEEPER);
    const { seq } = replica.state;
    const beats = [stream.beat(), stream.beat(), stream.beat()];
    await Promise.all(beats);
    await stream.beat();
    expect([known(), replica.state.seq]).toEqual(["HERE by later", seq + 1]);
  });

  test("is not there again once it has said that it leaves", async () => {
    const stream = await entered();
    const leaving = stream.leave();
    await stream.beat();
    await leaving;
    await stream.beat();
    expect(known()).toBe("LEFT by later");
  });

  test("SPEC 6.3: is not there again once it counts as crashed", async () => {
    const stream = await entered();
    crash();
    await stream.beat();
    await stream.beat();
    expect([known(), replica.held]).toEqual(["CRASHED by earlier", true]);
  });
});

test("SPEC 6.7: who may not come back to a session is told so once, and is not in it any more", async () => {
  const stream = inSession("later");
  await stream.enter();
  write({ nodeExpired: { node: "ingest-1", incarnation: 1 } }, KEEPER);
  write({ participantRemoved: { participant: "bot" } }, ANN);
  for (let beats = 0; beats < 3; beats += 1) await stream.beat();
  expect([refused, replica.held]).toEqual([["participant_removed"], false]);
  await stream.enter();
  await settle();
  expect(refused).toEqual(["participant_removed", "participant_removed"]);
});

test("SPEC 6.3: who counts as crashed in its pool, which would offer it nothing more, is told", async () => {
  const stream = inPool("later");
  await stream.enter();
  crash();
  await stream.beat();
  expect(refused).toEqual(["fenced"]);
});

test("a node that begins another life says again in so many sessions a turn that its agent is here", async () => {
  const sessions = new Map(Array.from({ length: 250 }, (_value, index) => [`acme/s${index}`, new OneSession()]));
  const one = oneSessionNode();
  const outgoing = new Outgoing({ write: hear }, 10_000_000, () => undefined);
  const stream = new StreamSessions({
    deps: { ...one.deps, replica: new ManySessions(sessions) },
    agent: { ...OF_PROCESS, attachment: "one" },
    outgoing,
    allows: () => true,
    onElsewhere: () => undefined,
  });
  for (const [key, session] of sessions) {
    session.publish({ producer: "p", first: 1, last: 1, actor: ANN, events: [{ sessionCreated: {} }] });
    await stream.enter(key.slice("acme/".length));
    session.isSlow = true;
  }
  one.node.incarnation = 2;
  stream.announceAll();
  const inFlight: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await settle();
    inFlight.push([...sessions.values()].reduce((sum, { onTheWayCount }) => sum + onTheWayCount, 0));
    for (const session of sessions.values()) session.arrive();
    await settle();
    for (const session of sessions.values()) session.isSlow = true;
    one.clock.advance(100);
  }
  expect(inFlight).toEqual([100, 100, 50, 0]);
  for (const { state } of sessions.values()) expect([...state.agents.values()]).toMatchObject([{ incarnation: 2 }]);
});
