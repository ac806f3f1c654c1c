import { type Agent, connectAgent } from "@perdure/agent";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logger, World } from "./support/world.ts";

let world: World;
let agent: Agent;

beforeEach(async () => {
  world = await World.start({ limits: { heartbeatMs: 500, busyMs: 300 } });
});

afterEach(async () => {
  await agent.close({ drainMs: 0 });
  await world.stop();
});

// Ingest lives in the loop that is blocked here as well: it hears the beats when it is free again, and does not take its
// own deafness for their silence. The time is real, since it is the thread's and the loop's own.
const blockLoop = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

describe("heartbeats of a thread of their own", () => {
  test("a blocked loop shows as busy, and no longer when it turns again", async () => {
    const go = Promise.withResolvers<void>();
    agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", logger });
    void agent.serve(() => go.promise);
    const ann = await world.person("trip-1");
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ACTIVE");
    blockLoop(2_500);
    await ann.until(({ agents }) => agents.get(agent.instance)?.presence === "AGENT_PRESENCE_BUSY");
    await ann.until(({ agents }) => agents.get(agent.instance)?.presence === "AGENT_PRESENCE_HERE");
    expect(ann.state.agents.get(agent.instance)?.lostReason).toBeUndefined();
    go.resolve();
    await ann.runEnded(runId);
  });
});
