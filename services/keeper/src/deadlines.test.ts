import type { HeldSession } from "@perdure/replica";
import { SampleWriter } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heardAtMs, KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";

let world: KeeperTest;
let user: SampleWriter;
let agent: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start();
  user = new SampleWriter("u", "ROLE_USER");
  agent = new SampleWriter("a", "ROLE_AGENT", { instance: "i-1" });
});

afterEach(() => world.stop());

const write = (record: ReturnType<SampleWriter["record"]>, key = KEY) => world.test.append(key, record);

const joined = (node = "ingest-1", incarnation = 1, capacity = 0) =>
  agent.record([
    { agentJoined: { agent: "helper", instance: "i-1", attachment: "at-1", node, incarnation, capacity } },
  ]);

/** A run that the agent works on. Returns its id. */
async function runningRun(held: Pick<HeldSession, "state">): Promise<string> {
  await write(user.create());
  await write(joined());
  await write(user.record([{ runRequested: { agent: "helper" } }]));
  const runId = user.id(0);
  await write(agent.record([{ runAccepted: { runId, instance: "i-1" } }]));
  await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_ACTIVE", 0);
  return runId;
}

const lost = () =>
  new SampleWriter("node", "ROLE_SYSTEM").record(
    [{ agentLost: { instance: "i-1", attachment: "at-1", reason: "LOST_REASON_STREAM" } }],
    { cause: { seq: 1_000_000 } },
  );

describe("an agent that is lost (SPEC 8: every run ends, or is visibly orphaned)", () => {
  it("crashes after its grace time, and its run is orphaned", async () => {
    await world.keeper();
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    const record = { ...lost(), cause: { seq: held.state.seq } };
    await write(record);
    await world.passing(() => held.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_LOST", 0);
    await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_ORPHANED");
    expect(held.state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_CRASHED");
    const graceMs = heardAtMs(held.heard, "agentCrashed") - heardAtMs(held.heard, "agentLost");
    expect(graceMs).toBeGreaterThanOrEqual(10_000);
    expect(graceMs).toBeLessThan(11_000);
  });

  it("crashes in time although its keeper was killed and another took over", async () => {
    await world.keeper({ node: "first" });
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    await write({ ...lost(), cause: { seq: held.state.seq } });
    await world.covered(KEY);
    expect(await world.indexEntry(KEY)).toMatchObject({ live: true });
    await world.kill();
    await world.keeper({ node: "second" });
    const again = await world.attach(KEY);
    await world.passing(() => again.state.runs.get(runId)?.phase === "RUN_PHASE_ORPHANED");
  });

  it("does not crash when it comes back in time", async () => {
    await world.keeper();
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    await write({ ...lost(), cause: { seq: held.state.seq } });
    world.test.clock.advance(5_000);
    await write(
      agent.record([{ agentResumed: { instance: "i-1", attachment: "at-2", node: "ingest-1", incarnation: 1 } }]),
    );
    await world.passing(() => held.state.agents.get("i-1")?.presence === "AGENT_PRESENCE_HERE", 0);
    await world.pass(20_000);
    expect(held.state.runs.get(runId)?.phase).toBe("RUN_PHASE_ACTIVE");
  });
});

describe("a request with an expiry", () => {
  it("expires at its time, although its keeper has let go of the session meanwhile", async () => {
    await world.keeper({ sessionIdleMs: 10_000 });
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    const attempt = held.state.runs.get(runId)?.attempt ?? 0;
    const request = { runId, kind: "REQUEST_KIND_CHOICE" as const, title: "Go on?", choices: [{ value: "yes" }] };
    await write(agent.record([{ requestOpened: { ...request, expiresInMs: 60_000 } }], { attempt }));
    const id = agent.id(0);
    await world.passing(() => held.state.requests.has(id), 0);
    await world.passing(() => held.state.requests.get(id)?.phase === "REQUEST_PHASE_EXPIRED", 1_000);
    const openMs = heardAtMs(held.heard, "requestExpired") - heardAtMs(held.heard, "requestOpened");
    expect(openMs).toBeGreaterThanOrEqual(60_000);
    expect(openMs).toBeLessThan(62_000);
  });
});

describe("a cancel that is not obeyed", () => {
  it("cuts the run off", async () => {
    await world.keeper();
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    await write(user.record([{ controlCancel: { runId } }]));
    await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_CANCELLED");
    const obeyMs = heardAtMs(held.heard, "runCancelled") - heardAtMs(held.heard, "controlCancel");
    expect(obeyMs).toBeGreaterThanOrEqual(10_000);
    expect(obeyMs).toBeLessThan(11_000);
  });
});

describe("a budget that is used up", () => {
  it("is warned of and exhausted when usage is reported, and the run goes on when it is raised", async () => {
    await world.keeper();
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    const service = new SampleWriter("crm", "ROLE_SERVICE");
    const set = (limitMicros: string) =>
      write(service.record([{ budgetSet: { currency: "USD", limitMicros, warnAt: 500 } }]));
    const spend = (costMicros: string) => write(agent.record([{ usageReported: { currency: "USD", costMicros } }]));
    const phase = () => held.state.budgets.get("USD")?.phase;
    await set("100");
    await spend("60");
    await world.passing(() => phase() === "BUDGET_PHASE_WARNED", 0);
    await spend("60");
    await world.passing(() => phase() === "BUDGET_PHASE_EXHAUSTED", 0);
    expect(held.state.runs.get(runId)?.suspended).toBe("SUSPEND_REASON_BUDGET");
    await set("500");
    await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_ACTIVE", 0);
  });
});

describe("a takeover", () => {
  const operator = (): SampleWriter => new SampleWriter("op", "ROLE_OPERATOR");

  it("that is asked for and that nobody claims expires at its time", async () => {
    await world.keeper({ sessionIdleMs: 10_000 });
    const held = await world.attach(KEY);
    await write(user.create());
    await write(user.record([{ takeoverRequested: { reason: "angry", expiresInMs: 60_000 } }]));
    await world.passing(() => held.state.takeovers.get(user.id(0))?.phase === "TAKEOVER_PHASE_EXPIRED", 1_000);
    const openMs = heardAtMs(held.heard, "takeoverExpired") - heardAtMs(held.heard, "takeoverRequested");
    expect(openMs).toBeGreaterThanOrEqual(60_000);
    expect(openMs).toBeLessThan(62_000);
  });

  it("is given back when whoever has the floor stays away, and the run goes on", async () => {
    await world.keeper();
    const held = await world.attach(KEY);
    const runId = await runningRun(held);
    const op = operator();
    await write(op.record([{ memberJoined: { member: "m", participant: "op-person", role: "ROLE_OPERATOR" } }]));
    await write(op.record([{ takeoverClaimed: {} }]));
    await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_SUSPENDED", 0);
    await world.pass(150_000, 10_000);
    expect(held.state.runs.get(runId)?.phase).toBe("RUN_PHASE_SUSPENDED");
    await write(op.record([{ memberLeft: { member: "m" } }]));
    await world.passing(() => held.state.runs.get(runId)?.phase === "RUN_PHASE_ACTIVE", 1_000);
    const awayMs = heardAtMs(held.heard, "takeoverReleased") - heardAtMs(held.heard, "memberLeft");
    expect(awayMs).toBeGreaterThanOrEqual(120_000);
    expect(awayMs).toBeLessThan(122_000);
  });
});
