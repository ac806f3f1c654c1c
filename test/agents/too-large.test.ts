import { type Agent, connectAgent, type RunHandler } from "@perdure/agent";
import { afterAll, beforeAll, expect, test } from "vitest";
import { logger, type Person, World } from "./support/world.ts";

let world: World;
let agent: Agent;
let handler: RunHandler = () => undefined;

beforeAll(async () => {
  world = await World.start({ keeper: { checkpointMs: 50 } });
  agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", capacity: 4, logger });
  void agent.serve((run) => handler(run));
});

afterAll(async () => {
  await agent.close({ drainMs: 0 });
  await world.stop();
});

async function done(session: string, work: RunHandler): Promise<{ ann: Person; runId: string; phase: string }> {
  handler = work;
  const ann = await world.person(session);
  const runId = await ann.ask("hi");
  return { ann, runId, phase: await ann.runEnded(runId) };
}

test("SPEC 12: what a node would end the stream for is refused alone, and the agent's other runs hear nothing of it", async () => {
  const text = "x".repeat(2 * 1024 * 1024);
  const { ann, runId, phase } = await done("long", (run) =>
    run.pipe([{ kind: "source", id: "1", title: "Long", text }]),
  );
  expect(phase).toBe("RUN_PHASE_FAILED");
  expect(ann.state.runs.get(runId)?.code).toBe("too_large");
  const next = await done("short", (run) => run.pipe(["Hello."]));
  expect([next.phase, next.ann.said]).toEqual(["RUN_PHASE_COMPLETED", "Hello."]);
});
