import { type Agent, connectAgent, type RunHandler } from "@perdure/agent";
import { afterEach, describe, expect, test } from "vitest";
import { gated } from "./support/gated.ts";
import { logger, World } from "./support/world.ts";

let world: World;
let agent: Agent;

async function begin(handler: RunHandler, options: Parameters<typeof World.start>[0] = {}): Promise<void> {
  world = await World.start(options);
  agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", capacity: 2, logger });
  void agent.serve(handler);
}

afterEach(async () => {
  await agent.close({ drainMs: 0 });
  await world.stop();
});

const words = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `word${from + index} `);

describe("SPEC 1, 4, 5: ingest is restarted in the middle of a token stream", () => {
  test("no token is lost, none doubled, and the agent is seen lost and back", async () => {
    const stream = gated();
    await begin((run) => run.pipe(stream.chunks));
    const ann = await world.person("trip-1");
    const seen: string[] = [];
    void ann.until(({ agents }) => {
      const presence = agents.get(agent.instance)?.presence;
      if (presence !== undefined && presence !== seen.at(-1)) seen.push(presence);
      return undefined;
    });
    const runId = await ann.ask("hi");
    stream.push(...words(0, 200));
    await ann.until(() => ann.said.includes("word20 "));
    const stopped = world.stopIngest();
    stream.push(...words(200, 400));
    await stopped;
    stream.push(...words(400, 600));
    await world.startIngest();
    stream.push(...words(600, 800));
    await ann.until(() => ann.said.includes("word799 "));
    stream.end();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    expect(ann.said).toBe(words(0, 800).join(""));
    expect(ann.state.runs.get(runId)?.attempts).toBe(1);
    expect(seen).toEqual(["AGENT_PRESENCE_HERE", "AGENT_PRESENCE_LOST", "AGENT_PRESENCE_HERE"]);
  });

  test("three restarts in a row", async () => {
    const stream = gated();
    await begin((run) => run.pipe(stream.chunks));
    const ann = await world.person("trip-1");
    const runId = await ann.ask("hi");
    for (let round = 0; round < 3; round += 1) {
      stream.push(...words(round * 100, round * 100 + 50));
      await ann.until(() => ann.said.includes(`word${round * 100 + 3} `));
      await world.stopIngest();
      stream.push(...words(round * 100 + 50, round * 100 + 100));
      await world.startIngest();
    }
    stream.end();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    expect(ann.said).toBe(words(0, 300).join(""));
  });

  test("the source never runs ahead of the log by more than its queue", async () => {
    const chunk = "x".repeat(1_000);
    let pulled = 0;
    let arrived = 0;
    let lead = 0;
    const source = function* (): Generator<string> {
      for (; pulled < 1_500; pulled += 1) {
        lead = Math.max(lead, pulled * chunk.length - arrived);
        yield chunk;
      }
    };
    await begin((run) => run.pipe(source()).then((text) => text.length));
    const ann = await world.person("trip-1");
    ann.onAccepted(({ events }) => {
      for (const { partAppended, partOpened } of events) {
        arrived += (partAppended?.text ?? partOpened?.part?.text ?? "").length;
      }
    });
    const runId = await ann.ask("hi");
    await ann.until(() => arrived > 100_000);
    await world.stopIngest();
    await world.startIngest();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    expect(arrived).toBe(1_500_002);
    expect(lead).toBeLessThan(400_000);
  });
});

describe("a node that drains", () => {
  test("sends its agents away, and nobody hears of a loss when they are back in time", async () => {
    const stream = gated();
    await begin((run) => run.pipe(stream.chunks), { limits: { moveWindowMs: 20 } });
    const ann = await world.person("trip-1");
    const seen = new Set<string>();
    void ann.until(({ agents }) => void seen.add(agents.get(agent.instance)?.presence ?? "none"));
    const runId = await ann.ask("hi");
    stream.push("before ");
    await ann.until(() => ann.said === "before ");
    const stopped = world.stopIngestAfterDrain(200);
    stream.push("between ");
    await stopped;
    await world.startIngest();
    stream.push("after");
    stream.end();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    expect(ann.said).toBe("before between after");
    expect(seen.has("AGENT_PRESENCE_CRASHED")).toBe(false);
  });
});
