import { type Client, createClient } from "@perdure/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { token, urlOf, World } from "./support.ts";

const LIMIT = 600;

let world: World;
let client: Client;
let proxy: TcpProxy;

beforeEach(async () => {
  world = await World.open();
  proxy = await TcpProxy.start({ targets: [(await world.edge()).port] });
  client = createClient({
    url: urlOf(proxy),
    getToken: () => token({ participant: "ann" }),
    baseDelayMs: 1,
    unjudgedCount: LIMIT,
  });
});
afterEach(async () => {
  client.close();
  await proxy.close();
  await world.close();
});

test("SPEC 4, 5, 11: what was written without a network comes in once, in order, up to a limit that is told", async () => {
  const session = client.session("s");
  await session.send("before");
  const { targets } = proxy;
  proxy.targets = [];
  proxy.cut();
  await expect.poll(() => session.status.state).toBe("offline");
  const texts = Array.from({ length: LIMIT }, (_, index) => `text ${index}`);
  const sent = texts.map((text) => session.send(text));
  await expect(session.send("one too many")).rejects.toMatchObject({ code: "overloaded" });
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", ...texts]);
  proxy.targets = targets;
  client.reconnect();
  await Promise.all(sent);
  await session.send("after");
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", ...texts, "after"]);
  expect(session.view.messages.every(({ status }) => status === "done")).toBe(true);
});
