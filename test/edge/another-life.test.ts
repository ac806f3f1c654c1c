import { createClient } from "@perdure/client";
import { expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { token, urlOf, World } from "./support.ts";

test("SPEC 4: where the name has another life, what a page that was open sends next is in it, as from a new writer", async () => {
  const [before, after] = [await World.open(), await World.open()];
  const [left, found] = [await before.edge(), await after.edge()];
  const proxy = await TcpProxy.start({ targets: [left.port] });
  const client = createClient({ url: urlOf(proxy), getToken: () => token({ participant: "ann" }), baseDelayMs: 1 });
  const session = client.session("s");
  for (const text of ["1", "2"]) await session.send(text);
  proxy.targets = [found.port];
  proxy.cut();
  await expect.poll(() => session.view.exists).toBe(false);
  for (const text of ["3", "4"]) await session.send(text);
  expect(session.view.messages.map(({ text }) => text)).toEqual(["3", "4"]);
  client.close();
  await proxy.close();
  for (const world of [before, after]) await world.close();
});
