import { expect, test } from "vitest";
import { setUp } from "../testing/agent-world.ts";

const HOUR_MS = 3_600_000;

test("an agent's token is renewed before it ends, for the stream and for the heartbeats", async () => {
  const { node, heartbeat, connected, clock } = setUp();
  await connected();
  clock.advance(HOUR_MS * 0.8);
  await node.until(() => node.last.of("auth").length > 0);
  expect(node.last.of("auth")).toMatchObject([{ token: "token-2" }]);
  node.last.tell({ case: "renewed", value: { tokenExpiresInMs: 1_000 } });
  expect(heartbeat.tokens).toEqual(["token-2"]);
  clock.advance(800);
  await node.until(() => node.last.of("auth").length > 1);
});

test("while a node cannot judge the new token, the stream goes on, and heartbeats with the one that nodes take", async () => {
  const { node, heartbeat, connected, clock } = setUp();
  await connected();
  clock.advance(HOUR_MS * 0.8);
  await node.until(() => node.last.of("auth").length > 0);
  clock.advance(HOUR_MS * 0.2 - 1);
  expect(heartbeat.tokens).toEqual([]);
  expect(node.streams).toHaveLength(1);
  expect(node.last.of("auth")).toHaveLength(1);
  node.last.tell({ case: "renewed", value: { tokenExpiresInMs: HOUR_MS } });
  expect(heartbeat.tokens).toEqual(["token-2"]);
});
