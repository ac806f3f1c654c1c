import { PerdureError } from "@perdure/core";
import { expect, test } from "vitest";
import { setUp } from "./testing/agent-world.ts";

test("close waits for its goodbye to be heard, also on a stream that is not its first", async () => {
  const { agent, node, connected, nextStream } = setUp();
  await connected();
  node.last.close(new PerdureError("unavailable", "away"));
  await nextStream();
  node.last.welcome();
  const closing = agent.close();
  await node.until(() => node.last.of("leave").length > 0);
  // As long as a goodbye takes that nobody waits for.
  await new Promise((resolve) => setImmediate(resolve));
  expect(node.last.dropped).toBe(false);
  node.last.close();
  await closing;
  expect(node.last.dropped).toBe(true);
});
