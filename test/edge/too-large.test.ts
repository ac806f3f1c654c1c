import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Client, createClient, PerdureError } from "@perdure/client";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { afterEach, beforeEach, expect, test } from "vitest";
import { token, urlOf, World } from "./support.ts";

const ENTRY_BYTES = 4_096;

let world: World;
let client: Client;

beforeEach(async () => {
  const dir = await mkdtemp(path.join(tmpdir(), "perdure-edge-"));
  world = await World.on(await openEmbeddedLog({ dir, limits: { entryBytes: ENTRY_BYTES } }), dir);
  const edge = await world.edge();
  client = createClient({ url: urlOf(edge), getToken: () => token({ participant: "ann" }), baseDelayMs: 1 });
});
afterEach(async () => {
  client.close();
  await world.close();
});

const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => "applied",
    (error: unknown) => (error instanceof PerdureError ? error.code : error),
  );

test("SPEC 12: what the log does not take is told so, and what was sent before, with and after it counts", async () => {
  const session = client.session("s");
  await session.send("before");
  const texts = ["first", "x".repeat(2 * ENTRY_BYTES), "third", "y".repeat(2 * ENTRY_BYTES)];
  // By itself, a message follows the one before it, and that one may never be there.
  const outcomes = texts.map((text) => codeOf(session.send(text, { parent: "" })));
  expect(await Promise.all(outcomes)).toEqual(["applied", "too_large", "applied", "too_large"]);
  await session.send("after");
  const told = [...session.view.messageById.values()].map(({ parts }) => parts.map(({ text }) => text).join(""));
  expect(told).toEqual(["before", "first", "third", "after"]);
});
