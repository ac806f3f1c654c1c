import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Client, createClient, memoryStore } from "@perdure/client";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { codeOf, token, urlOf, World } from "./support.ts";

const ENTRY_BYTES = 4_096;

let world: World;
let client: Client;
let url: string;

beforeEach(async () => {
  const dir = await mkdtemp(path.join(tmpdir(), "perdure-edge-"));
  world = await World.on(await openEmbeddedLog({ dir, limits: { entryBytes: ENTRY_BYTES } }), dir);
  const edge = await world.edge();
  url = urlOf(edge);
  client = createClient({ url, getToken: () => token({ participant: "ann" }), baseDelayMs: 1 });
});
afterEach(async () => {
  client.close();
  await world.close();
});

test("SPEC 12: what the log does not take is told so, and what was sent before, with and after it counts", async () => {
  const session = client.session("s");
  await session.send("before");
  const texts = ["first", "x".repeat(2 * ENTRY_BYTES), "third", "y".repeat(2 * ENTRY_BYTES)];
  const outcomes = texts.map((text) => codeOf(session.send(text)));
  expect(await Promise.all(outcomes)).toEqual(["applied", "too_large", "applied", "too_large"]);
  await session.send("after");
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", "first", "third", "after"]);
});

test.each([
  ["is longer than a frame may be", "x".repeat(1024 * 1024), "too_large"],
  ["is longer than what is not even answered", "x".repeat(5 * 1024 * 1024), "too_large"],
  ["has too many parts", Array.from({ length: 63 }, () => ({ kind: "text" as const, text: "x" })), "invalid_record"],
])("SPEC 12: a message that %s is refused, and nothing else", async (_what, content, code) => {
  const session = client.session("s");
  const other = client.session("other");
  // Queued before anything is known of the edge, and while it is attached.
  const outcomes = ["before", content, "between"].map((each) => codeOf(session.send(each)));
  expect(await Promise.all(outcomes)).toEqual(["applied", code, "applied"]);
  expect(await Promise.all([codeOf(session.send(content)), codeOf(session.send("after"))])).toEqual([code, "applied"]);
  await other.send("elsewhere");
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", "between", "after"]);
});

test("SPEC 12: what an earlier page kept and no edge would take is told by the next page, which sends what followed it", async () => {
  const targets = [Number(new URL(url).port)];
  const proxy = await TcpProxy.start({ targets });
  const storage = { tab: memoryStore(), device: memoryStore() };
  const options = { url: urlOf(proxy), getToken: () => token({ participant: "ann" }), storage, baseDelayMs: 1 };
  const gone = createClient({ ...options, page: "gone" });
  const unsent = gone.session("s");
  await unsent.send("before");
  proxy.targets = [];
  proxy.cut();
  await expect.poll(() => unsent.status.state).toBe("offline");
  const outcomes = ["x".repeat(5 * 1024 * 1024), "after"].map((text) => codeOf(unsent.send(text)));
  gone.close();
  expect(await Promise.all(outcomes)).toEqual(["closed", "closed"]);
  proxy.targets = targets;
  const next = createClient({ ...options, page: "next" });
  const reports: string[] = [];
  next.onReport(({ code }) => reports.push(code));
  const session = next.session("s");
  await expect.poll(() => storage.device.length).toBe(0);
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", "after"]);
  expect(reports).toEqual(["too_large"]);
  next.close();
  await proxy.close();
});
