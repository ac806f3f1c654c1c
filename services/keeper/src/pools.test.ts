import type { Appended } from "@perdure/log";
import type { RecordJson } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import { alteredLog, SampleWriter } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heardAtMs, KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";
const POOL = "acme/~pool.helper";

let world: KeeperTest;
let user: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start(2);
  user = new SampleWriter("u", "ROLE_USER");
});

afterEach(() => world.stop());

const write = (key: string, record: RecordJson) => world.test.append(key, record);

/** An instance of the agent: what it writes in its pool, and in the session of a run. */
function instance(name: string) {
  const joined = (capacity: number) => ({
    agentJoined: {
      agent: "helper",
      instance: name,
      attachment: `at-${name}`,
      node: "ingest",
      incarnation: 1,
      capacity,
    },
  });
  const inPool = new SampleWriter(`${name}-pool`, "ROLE_AGENT", { instance: name });
  const inSession = new SampleWriter(`${name}-session`, "ROLE_AGENT", { instance: name });
  return {
    serves: (capacity: number) => write(POOL, inPool.record([joined(capacity)])),
    returns: (run: object) => write(POOL, inPool.record([{ poolReturned: { run, instance: name } }])),
    accepts: async (runId: string) => {
      await write(KEY, inSession.record([joined(0)]));
      await write(KEY, inSession.record([{ runAccepted: { runId, instance: name } }]));
    },
    completes: (runId: string, attempt: number, result = "1") =>
      write(KEY, inSession.record([{ runCompleted: { runId, result: JSON.stringify(result) } }], { attempt })),
    isLost: (key: string, seq: number) =>
      write(
        key,
        new SampleWriter(`lost-${name}-${key.length}`, "ROLE_SYSTEM").record(
          [{ agentLost: { instance: name, attachment: `at-${name}`, reason: "LOST_REASON_STREAM" } }],
          { cause: { seq } },
        ),
      ),
  };
}

async function requestRun(): Promise<string> {
  await write(KEY, user.record([{ runRequested: { agent: "helper" } }]));
  return user.id(0);
}

describe("a run that an agent is asked for", () => {
  it("waits in the agent's pool, which is begun for it, until an instance has a free place", async () => {
    await world.keeper();
    await write(KEY, user.create());
    const runId = await requestRun();
    await world.test.atRest();
    const pool = await world.attach(POOL);
    expect([...pool.state.pool.values()].map(({ run, phase }) => [run.runId, phase])).toEqual([
      [runId, "POOL_PHASE_QUEUED"],
    ]);
    await instance("i-1").serves(1);
    await world.test.atRest();
    expect([...pool.state.pool.values()].map(({ phase, instance: name }) => [phase, name])).toEqual([
      ["POOL_PHASE_OFFERED", "i-1"],
    ]);
  });

  it("frees its place also where it weighs so much that it leaves the state when it ends", async () => {
    await world.keeper();
    await write(KEY, user.create());
    const runId = await requestRun();
    const bot = instance("i-1");
    await bot.serves(1);
    await bot.accepts(runId);
    for (let said = 0; said < 5; said += 1) await write(KEY, user.say("x".repeat(15_000)));
    const held = await world.attach(KEY);
    await bot.completes(runId, held.state.runs.get(runId)?.attempt ?? 0, "x".repeat(60_000));
    await world.test.atRest();
    expect(held.state.runs.has(runId)).toBe(false);
    expect((await world.attach(POOL)).state.pool.size).toBe(0);
  });

  it("is offered at once, taken, and its place is free again when it has ended", async () => {
    await world.keeper();
    await write(KEY, user.create());
    const agent = instance("i-1");
    await write(POOL, new SampleWriter("backend", "ROLE_SERVICE").create());
    await agent.serves(1);
    const [first, second] = [await requestRun(), await requestRun()];
    const session = await world.attach(KEY);
    const pool = await world.attach(POOL);
    const phases = () => [...pool.state.pool.values()].map(({ run, phase }) => [run.runId, phase]);
    await world.test.atRest();
    expect(phases()).toEqual([
      [first, "POOL_PHASE_OFFERED"],
      [second, "POOL_PHASE_QUEUED"],
    ]);
    await agent.accepts(first);
    await world.test.atRest();
    expect(phases()[0]).toEqual([first, "POOL_PHASE_TAKEN"]);
    await agent.completes(first, session.state.runs.get(first)?.attempt ?? 0);
    await world.test.atRest();
    expect(phases()).toEqual([[second, "POOL_PHASE_OFFERED"]]);
  });

  it("is offered to another instance when an offer is not taken in time", async () => {
    await world.keeper();
    await write(KEY, user.create());
    await requestRun();
    const pool = await world.attach(POOL);
    await instance("i-1").serves(1);
    await world.test.atRest();
    await instance("i-2").serves(2);
    await world.passing(() => [...pool.state.pool.values()][0]?.instance === "i-2");
    const waitedMs = heardAtMs(pool.heard, "poolReturned") - heardAtMs(pool.heard, "poolOffered");
    expect(waitedMs).toBeGreaterThanOrEqual(10_000);
    expect(waitedMs).toBeLessThan(11_000);
  });

  it("is offered again when the instance that had it has crashed", async () => {
    await world.keeper();
    await write(KEY, user.create());
    const runId = await requestRun();
    const [session, pool] = [await world.attach(KEY), await world.attach(POOL)];
    const [first, second] = [instance("i-1"), instance("i-2")];
    await first.serves(1);
    await world.test.atRest();
    await first.accepts(runId);
    await world.test.atRest();
    await second.serves(1);
    await first.isLost(KEY, 1_000);
    await first.isLost(KEY, session.state.seq);
    await world.test.atRest();
    await first.isLost(POOL, pool.state.seq);
    await world.passing(() => [...pool.state.pool.values()][0]?.instance === "i-2");
    expect(session.state.runs.get(runId)?.phase).toBe("RUN_PHASE_ORPHANED");
    expect([...pool.state.pool.values()][0]?.phase).toBe("POOL_PHASE_OFFERED");
  });

  it("reaches its pool although its keeper was killed when it had covered the run and not told the pool", async () => {
    const { log } = world.test;
    const never = Promise.withResolvers<Appended>();
    const mute = alteredLog(log, {
      append: (topic, partition, entry, options) =>
        entryKeyText(entry) === POOL ? never.promise : log.append(topic, partition, entry, options),
    });
    await world.keeper({ node: "first" }, mute);
    await write(KEY, user.create());
    await requestRun();
    await world.covered(KEY);
    expect((await world.indexEntry(KEY))?.dueMs).toBeDefined();
    await world.kill();
    await world.keeper({ node: "second" });
    await world.pass(100);
    const pool = await world.attach(POOL);
    expect([...pool.state.pool.values()].map(({ phase }) => phase)).toEqual(["POOL_PHASE_QUEUED"]);
    await world.pass(20_000);
    expect((await world.indexEntry(KEY))?.dueMs).toBeUndefined();
  });

  it("is not told again when its session is read again after it had been let go", async () => {
    await world.keeper({ sessionIdleMs: 10_000 });
    await write(KEY, user.create());
    const agent = instance("i-1");
    await agent.serves(1);
    const runId = await requestRun();
    await world.test.atRest();
    await agent.accepts(runId);
    await world.covered(KEY);
    await world.pass(60_000, 1_000);
    const { end } = await world.test.log.bounds(TOPICS.events, world.test.partitionOf(POOL));
    await write(KEY, user.say("anybody still here?"));
    await write(KEY, user.record([{ runRequested: { agent: "somebody-else" } }]));
    await world.test.atRest();
    const since = await world.test.entries(TOPICS.events, world.test.partitionOf(POOL), end);
    expect(since.filter((entry) => entryKeyText(entry) === POOL)).toEqual([]);
  });

  it("leaves nothing owed in the index once its pool has been told", async () => {
    await world.keeper();
    await write(KEY, user.create());
    await requestRun();
    await world.covered(KEY);
    await world.pass(20_000);
    expect((await world.indexEntry(KEY))?.dueMs).toBeUndefined();
  });
});

describe("a session that an operator has taken over", () => {
  it("has none of its runs in a pool, and has them there again when the floor is given back", async () => {
    await world.keeper();
    await instance("i-0").serves(0);
    const pool = await world.attach(POOL);
    const held = await world.attach(KEY);
    const operator = new SampleWriter("op", "ROLE_OPERATOR");
    await write(KEY, user.create());
    const early = await requestRun();
    const queued = () => [...pool.state.pool.values()].map(({ run }) => run.runId);
    await world.passing(() => queued().includes(early), 0);
    await write(KEY, operator.record([{ takeoverClaimed: {} }]));
    const takeoverId = operator.id(0);
    const late = await requestRun();
    await world.passing(() => queued().length === 0 && held.state.runs.has(late), 0);
    await world.pass(1_000);
    expect(queued()).toEqual([]);
    await write(KEY, operator.record([{ takeoverReleased: { takeoverId, outcome: "TAKEOVER_OUTCOME_HANDED_BACK" } }]));
    await world.passing(() => queued().length === 2, 0);
    expect(queued()).toEqual([early, late]);
  });

  it("frees the place of a run that a keeper had in the pool again and took no head of before it was killed", async () => {
    await world.keeper();
    const bot = instance("i-1");
    await bot.serves(1);
    const operator = new SampleWriter("op", "ROLE_OPERATOR");
    await write(KEY, user.create());
    await write(KEY, operator.record([{ takeoverClaimed: {} }]));
    const takeoverId = operator.id(0);
    const runId = await requestRun();
    await world.covered(KEY);
    await write(KEY, operator.record([{ takeoverReleased: { takeoverId, outcome: "TAKEOVER_OUTCOME_HANDED_BACK" } }]));
    await world.test.atRest();
    await bot.accepts(runId);
    await world.test.atRest();
    const phases = async () => [...(await world.attach(POOL)).state.pool.values()].map(({ phase }) => phase);
    expect(await phases()).toEqual(["POOL_PHASE_TAKEN"]);
    await world.kill();
    const held = await world.attach(KEY);
    await bot.completes(runId, held.state.runs.get(runId)?.attempt ?? 0);
    await world.keeper({ node: "second" });
    await world.test.atRest();
    expect(held.state.runs.get(runId)?.phase).toBe("RUN_PHASE_COMPLETED");
    expect(await phases()).toEqual([]);
  });
});
