import { expect, test } from "vitest";
import { setUp, stateWith } from "../testing/agent-world.ts";

test("SPEC 11: a session waits for room where others have as many bytes on their way as a stream may have, and goes on when they are accepted", async () => {
  const { agent, node } = setUp();
  const connecting = agent.connect();
  await node.until(() => node.streams.length > 0 && node.last.said.length > 0);
  node.last.welcome({ windowBytes: 10 });
  await connecting;
  void agent.serve(() => undefined);
  for (const session of ["s", "t"]) {
    node.last.tell({ case: "offer", value: { session, runId: "r1" } });
    node.last.tell({ case: "joined", value: { ...stateWith("r1", 7), session } });
    node.last.tell({ case: "runStarted", value: { session, runId: "r1", attempt: 7 } });
  }
  await node.until(() => node.last.of("publish").length > 0);
  const [sent, ...more] = node.last.of("publish");
  expect(more).toEqual([]);
  if (sent === undefined) throw new Error("nothing was sent");
  // Somebody else's writer of the same name says nothing about it.
  node.last.accept(sent, 10, "mallory");
  expect(node.last.of("publish")).toEqual([sent]);
  node.last.accept(sent, 11);
  await node.until(() => node.last.of("publish").length > 1);
  expect(node.last.of("publish")[1]?.session).toBe(sent.session === "s" ? "t" : "s");
});

test("SPEC 9: a session that its node has lost is left where nothing is done in it, and joined again where something is", async () => {
  const { agent, clock, node, connected } = setUp();
  await connected();
  const work = Promise.withResolvers<void>();
  void agent.serve(() => work.promise);
  node.last.tell({ case: "offer", value: { session: "s", runId: "r1" } });
  node.last.tell({ case: "joined", value: stateWith("r1", 7) });
  node.last.tell({ case: "runStarted", value: { session: "s", runId: "r1", attempt: 7 } });
  node.last.tell({ case: "joined", value: { ...stateWith("r2", 7), session: "idle" } });
  for (const session of ["s", "idle"]) {
    node.last.tell({ case: "refused", value: { session, code: "catching_up", retryAfterMs: 500 } });
  }
  clock.advance(1_500);
  await node.until(() => node.last.of("join").length > 0);
  expect(node.last.of("join")).toMatchObject([{ session: "s" }]);
  expect(node.last.of("detach")).toMatchObject([{ session: "idle" }]);
  work.resolve();
});
