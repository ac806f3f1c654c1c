import { type Client, createClient } from "@perdure/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, token, urlOf, World } from "./support.ts";

let world: World;
let client: Client;

beforeEach(async () => {
  world = await World.open();
  client = createClient({ url: urlOf(await world.edge()), getToken: () => token({ participant: "ann" }) });
});
afterEach(async () => {
  client.close();
  await world.close();
});

test("SPEC 10.8: what is sent right behind a message that the session refuses follows the one before that", async () => {
  const session = client.session("s");
  const before = await session.send("before");
  const refused = codeOf(session.send("refused", { metadata: "x".repeat(100_000) }));
  const sent = ["after", "and then"].map((text) => session.send(text));
  expect(session.view.messages.map(({ text }) => text)).toEqual(["before", "refused", "after", "and then"]);
  expect(await refused).toBe("too_large");
  const [after, last] = await Promise.all(sent);
  const { messages } = session.view;
  expect(messages.map(({ text, status }) => [text, status])).toEqual([
    ["before", "done"],
    ["after", "done"],
    ["and then", "done"],
  ]);
  expect(messages.map(({ id }) => id)).toEqual([before.messageId, after?.messageId, last?.messageId]);
  expect(messages.map(({ parentId }) => parentId)).toEqual(["", before.messageId, after?.messageId]);
});
