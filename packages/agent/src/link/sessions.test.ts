import { expect, test } from "vitest";
import { setUp, stateWith } from "../testing/agent-world.ts";

test("SPEC 11: a session waits for room where others have as many bytes on their way as a stream may have, and goes on with their verdict", async () => {
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
  const { producer = "", first = 0 } = sent?.record ?? {};
  const session = sent?.session ?? "";
  node.last.tell({ case: "verdict", value: { session, producer, first, last: first, seq: 10 } });
  await node.until(() => node.last.of("publish").length > 1);
  expect(node.last.of("publish")[1]?.session).toBe(session === "s" ? "t" : "s");
});
