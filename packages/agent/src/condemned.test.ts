import { PerdureError } from "@perdure/core";
import { describe, expect, test } from "vitest";
import { run, setUp, stateWith } from "./testing/agent-world.ts";

const FENCED = { session: "t", runId: "r2", code: "fenced" } as const;

/** An agent that works on r1 in session s, and whom session t has refused as crashed. */
async function condemned() {
  const world = setUp();
  const { agent, node, connected } = world;
  await connected();
  const work = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<AbortSignal>();
  void agent.serve(async ({ signal }) => {
    begun.resolve(signal);
    await work.promise;
  });
  node.last.tell({ case: "offer", value: run("r1") });
  node.last.tell({ case: "joined", value: stateWith("r1", 7) });
  node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
  const signal = await begun.promise;
  node.last.tell({ case: "offer", value: { session: "t", runId: "r2" } });
  node.last.tell({ case: "refused", value: FENCED });
  return { ...world, work, signal };
}

describe("SPEC 8: an instance that one session holds for crashed, and no other", () => {
  test("takes nothing more, so that others are offered the run, and ends what it works on", async () => {
    const { agent, node, signal } = await condemned();
    expect(node.last.of("drain")).toHaveLength(1);
    node.last.tell({ case: "offer", value: { session: "t", runId: "r3" } });
    expect(node.last.of("declineOffer")).toMatchObject([{ session: "t", runId: "r3" }]);
    expect([signal.aborted, agent.instance, node.streams.length]).toEqual([false, "i-1", 1]);
  });

  test("comes back without a capacity where its stream breaks meanwhile", async () => {
    const { node, nextStream } = await condemned();
    node.last.close(new PerdureError("unavailable", "away"));
    await nextStream();
    expect(node.last.of("hello")).toMatchObject([{ instance: "i-1", capacity: 0 }]);
  });

  test("goes on as another, with its whole capacity, when its last run has ended", async () => {
    const { agent, node, work } = await condemned();
    work.resolve();
    await node.until(() => node.last.of("publish").length > 0);
    for (const publish of node.last.of("publish")) node.last.accept(publish, 10);
    await node.until(() => node.streams.length === 2 && node.last.said.length > 0);
    const [hello] = node.last.of("hello");
    expect(hello).toMatchObject({ instance: agent.instance, capacity: 2 });
    expect(hello?.instance).not.toBe("i-1");
  });
});
