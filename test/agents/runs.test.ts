import { type Agent, connectAgent } from "@perdure/agent";
import { afterEach, describe, expect, test } from "vitest";
import { logger, World } from "./world.ts";

let world: World;
const agents: Agent[] = [];

async function agent(capacity = 2): Promise<Agent> {
  const connected = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", capacity, logger });
  agents.push(connected);
  return connected;
}

afterEach(async () => {
  await Promise.all(agents.splice(0).map((each) => each.close({ drainMs: 0 })));
  await world.stop();
});

describe("a run, end to end", () => {
  test("what an agent pipes is what people read", async () => {
    world = await World.start();
    const helper = await agent();
    void helper.serve(async (run) => {
      await run.pipe([`You said: ${run.input.text}. `, "Hello."]);
      return { done: true };
    });
    const ann = await world.person("trip-1");
    const runId = await ann.ask("hi");
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    expect(ann.said).toBe("You said: hi. Hello.");
    expect(ann.state.runs.get(runId)?.result).toBe('{"done":true}');
  });
});
