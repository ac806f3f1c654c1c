import type { RunRefJson } from "@perdure/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RawAgent, RawHeart } from "../testing/raw-agent.ts";
import { TestNode, type Watcher } from "../testing/node.ts";

let node: TestNode;
let session: Watcher;
let pool: Watcher;
const open: RawAgent[] = [];

beforeEach(async () => {
  node = await TestNode.start();
  session = await node.watch("s");
});

afterEach(async () => {
  for (const agent of open.splice(0)) agent.break();
  await node.stop();
});

const keeper = { participant: "keeper", role: "ROLE_SYSTEM" } as const;

/** An agent in the pool, with room for two runs. */
async function serving(instance = "i-1", claims: Parameters<TestNode["token"]>[0] = {}): Promise<RawAgent> {
  const agent = new RawAgent(node.address, await node.token(claims));
  open.push(agent);
  agent.hello({ instance, capacity: 2 });
  await agent.next("welcome");
  pool = await node.watch("~pool.helper");
  return agent;
}

/** A run of the session, waiting in the pool. */
async function queued(): Promise<RunRefJson> {
  const { id, verdict } = await session.write([{ runRequested: { agent: "helper" } }]);
  const run = { session: "s", epoch: String(session.state.epoch), runSeq: verdict.seq, runId: id };
  await pool.write([{ poolQueued: { run } }], keeper);
  return run;
}

async function offer(run: RunRefJson, instance = "i-1"): Promise<void> {
  await pool.write([{ poolOffered: { run, instance } }], keeper, pool.state.seq);
}

const phaseOf = ({ runSeq = 0 }: RunRefJson): string | undefined =>
  [...pool.state.pool.values()].find(({ run }) => run.runSeq === runSeq)?.phase;

describe("an agent's pool", () => {
  test("begins with the first instance that serves, which is there with its capacity", async () => {
    await serving();
    expect(pool.state.agents.get("i-1")).toMatchObject({ capacity: 2, presence: "AGENT_PRESENCE_HERE" });
    await serving("i-2");
    expect([...pool.state.agents.keys()]).toEqual(["i-1", "i-2"]);
  });

  test("has an instance again that was lost with an earlier stream, whose arrival came late", async () => {
    await serving();
    const bot = { participant: "bot", role: "ROLE_AGENT", instance: "i-1" } as const;
    const earlier = { instance: "i-1", attachment: "earlier" };
    await pool.write([{ agentResumed: { ...earlier, node: "elsewhere", incarnation: 1 } }], bot);
    await pool.write([{ agentLost: { ...earlier, reason: "LOST_REASON_STREAM" } }], keeper, pool.state.seq);
    const heart = new RawHeart(node.address, await node.token());
    await heart.beat("i-1");
    await pool.until(() => pool.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_HERE");
    expect(pool.state.agents.get("i-1")?.attachment).not.toBe("earlier");
    heart.close();
  });

  test("offers a run to one instance, which takes it: joined, accepted, and told the attempt", async () => {
    const agent = await serving();
    const run = await queued();
    await offer(run);
    expect(await agent.next("offer")).toMatchObject({ session: "s", runId: run.runId });
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    const { head } = await agent.next("joined");
    expect(head?.runs.map(({ id }) => id)).toEqual([run.runId]);
    const { attempt } = await agent.next("runStarted");
    expect(session.state.runs.get(run.runId ?? "")).toMatchObject({
      attempt,
      instance: "i-1",
      phase: "RUN_PHASE_ACTIVE",
    });
  });

  test("gets back a run that its instance declines", async () => {
    const agent = await serving();
    const declined = await queued();
    await offer(declined);
    await agent.next("offer");
    agent.send({ case: "declineOffer", value: { session: "s", runId: declined.runId ?? "" } });
    await pool.until(() => phaseOf(declined) !== "POOL_PHASE_OFFERED");
    expect(phaseOf(declined)).toBe("POOL_PHASE_QUEUED");
  });

  test("SPEC 8.10: lets go of a run that ended unheard, as soon as somebody tries to take it", async () => {
    const agent = await serving();
    const take = async (run: RunRefJson): Promise<string> => {
      await offer(run);
      await agent.next("offer");
      agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
      return (await agent.next("refused")).code;
    };
    const over = await queued();
    await session.write([{ controlCancel: { runId: over.runId ?? "" } }]);
    expect(await take(over)).toBe("run_ended");
    await pool.until(() => phaseOf(over) === undefined);
    // An older word of a keeper that has lost the session since.
    await pool.write([{ poolQueued: { run: over } }], keeper);
    expect(await take(over)).toBe("run_ended");
    await pool.until(() => phaseOf(over) === undefined);
    const unknown = { ...over, runSeq: 9_999, runId: "gone:1:0" };
    await pool.write([{ poolQueued: { run: unknown } }], keeper);
    expect(await take(unknown)).toBe("not_found");
    await pool.until(() => phaseOf(unknown) === undefined);
  });

  test("SPEC 8.12: hears that a run is held by its session, and takes it when it is offered after that", async () => {
    const agent = await serving();
    const run = await queued();
    const op = { participant: "op", role: "ROLE_OPERATOR" } as const;
    const { id: takeoverId } = await session.write([{ takeoverClaimed: {} }], op);
    await offer(run);
    await agent.next("offer");
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    expect((await agent.next("refused")).code).toBe("taken_over");
    expect(phaseOf(run)).toBe("POOL_PHASE_OFFERED");
    // As the keeper of the session says it while the run is held, and after.
    await pool.write([{ poolFreed: { run } }], keeper);
    await session.write([{ takeoverReleased: { takeoverId, outcome: "TAKEOVER_OUTCOME_HANDED_BACK" } }], op);
    await pool.write([{ poolQueued: { run } }], keeper);
    await offer(run);
    await agent.next("offer");
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    expect((await agent.next("runStarted")).runId).toBe(run.runId);
  });

  test("keeps a run that its instance cannot take offered for its time", async () => {
    const first = await serving("i-1");
    await serving("i-2");
    const run = await queued();
    await offer(run);
    await first.next("offer");
    first.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    await first.next("runStarted");
    const second = open[1];
    await pool.write([{ poolReturned: { run, instance: "i-1" } }], {
      participant: "bot",
      role: "ROLE_AGENT",
      instance: "i-1",
    });
    await offer(run, "i-2");
    await second?.next("offer");
    second?.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    expect((await second?.next("refused"))?.code).toBe("already_decided");
    expect(phaseOf(run)).toBe("POOL_PHASE_OFFERED");
  });

  test("is asked again by nobody: an instance that comes back hears of the offer that it had", async () => {
    const former = await serving();
    const run = await queued();
    await offer(run);
    await former.next("offer");
    former.break();
    await pool.until(({ agents }) => agents.get("i-1")?.presence === "AGENT_PRESENCE_LOST");
    const again = await serving();
    expect(await again.next("offer")).toMatchObject({ runId: run.runId });
  });

  test("an acceptance that is sent twice begins one attempt", async () => {
    const agent = await serving();
    const run = await queued();
    await offer(run);
    const accept = { case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } } as const;
    agent.send(accept);
    const { attempt } = await agent.next("runStarted");
    agent.send(accept);
    expect((await agent.next("runStarted")).attempt).toBe(attempt);
    expect(session.state.runs.get(run.runId ?? "")?.attempts).toBe(1);
  });

  test("two instances that want one run: the first has it, the other is told who", async () => {
    const first = await serving("i-1");
    const second = await serving("i-2");
    const run = await queued();
    await offer(run);
    const accept = { case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } } as const;
    first.send(accept);
    await first.next("runStarted");
    second.send(accept);
    expect((await second.next("refused")).code).toBe("already_decided");
  });

  test("opens to its instance the sessions of the runs that it offers, and no others", async () => {
    const agent = await serving("i-1", { sessions: [] });
    const run = await queued();
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    expect((await agent.next("refused")).code).toBe("forbidden_session");
    await offer(run);
    await agent.next("offer");
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    await agent.next("runStarted");
    agent.break();
    const again = await serving("i-1", { sessions: [] });
    again.send({ case: "join", value: { session: "s" } });
    await again.next("joined");
  });

  test("offers nothing more to who drains, whose runs go on", async () => {
    const agent = await serving();
    const run = await queued();
    await offer(run);
    agent.send({ case: "acceptOffer", value: { session: "s", runId: run.runId ?? "" } });
    await agent.next("runStarted");
    agent.send({ case: "drain", value: {} });
    await pool.until(({ agents }) => agents.get("i-1")?.presence === "AGENT_PRESENCE_LEFT");
    expect(session.state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_HERE");
    expect(session.state.runs.get(run.runId ?? "")?.phase).toBe("RUN_PHASE_ACTIVE");
  });

  test("knows at once that an instance's stream broke", async () => {
    const agent = await serving();
    agent.break();
    const lost = await pool.until(({ agents }) => agents.get("i-1")?.lostReason);
    expect(lost).toBe("LOST_REASON_STREAM");
  });
});
