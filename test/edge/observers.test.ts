import { createClient } from "@perdure/client";
import type { Edge } from "@perdure/edge";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { RawClient } from "./raw-client.ts";
import { token, urlOf, World } from "./support.ts";

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());

async function watch(edge: Edge, session: string): Promise<RawClient> {
  const client = new RawClient(urlOf(edge));
  await client.hello(await token({ participant: "crowd", role: "observer" }));
  await client.send({ t: "attach", id: 1, session });
  await client.next("attached");
  return client;
}

test("SPEC 9.6: an audience past the 256 that are listed is counted, on every node, and by whoever looks", async () => {
  const edges = [await world.edge({ limits: { observerCountMs: 50 } }), await world.edge()];
  const [first, second] = edges;
  if (first === undefined || second === undefined) throw new Error("there are two");
  const person = createClient({ url: urlOf(first), getToken: () => token() });
  const session = person.session("show");
  await session.send("it begins");
  const crowd: RawClient[] = [];
  for (let here = 0; here < 280; here += 1) crowd.push(await watch(here % 2 === 0 ? first : second, "show"));
  await until("280 observers", () => session.view.observerCount === 280);
  expect(session.view.members).toHaveLength(256);
  const late = createClient({ url: urlOf(second), getToken: () => token({ participant: "late" }) });
  await until("the same for who comes later", () => late.session("show").view.observerCount === 280);
  await second.stop();
  await until("those of the node that stopped are gone", () => session.view.observerCount === 140);
  for (const client of [...crowd, person, late]) client.close();
});
