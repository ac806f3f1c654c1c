import { isCode } from "@perdure/core";
import { expect, test } from "vitest";
import { TestNode } from "../../services/ingest/src/testing/node.ts";
import type { RawAgent } from "../../services/ingest/src/testing/raw-agent.ts";
import { Streams } from "../../services/ingest/src/testing/streams.ts";
import { token, World } from "../edge/support.ts";
import { TcpClient } from "../edge/tcp-client.ts";
import { Random } from "./random.ts";
import { type Target, textOf } from "./target.ts";
import { agentMessages } from "./targets/agents.ts";
import { clientFrames } from "./targets/frames.ts";

const SEED = 20_261_126;
const CASES = 200;

/** The first inputs of a target, of as many episodes as it takes. */
function inputsOf(target: Target): Uint8Array[] {
  const random = new Random(SEED);
  const inputs: Uint8Array[] = [];
  while (inputs.length < CASES) inputs.push(...target.inputs(random, target.create()));
  return inputs.slice(0, CASES);
}

test("a real edge answers hostile frames, or closes with a code, and serves on (SPEC 12.1)", async () => {
  const world = await World.open();
  const edge = await world.edge();
  const open = async (): Promise<TcpClient> => {
    const client = await TcpClient.open(edge.port);
    client.send({ t: "hello", v: 1, token: await token() });
    await client.next("welcome");
    client.send({ t: "attach", id: 1, session: "trip" });
    await client.next("attached");
    return client;
  };
  const closes = new Set<string>();
  let client = await open();
  for (const input of inputsOf(clientFrames)) {
    client.sendText(textOf(input));
    client.send({ t: "ping" });
    try {
      await client.next("pong");
    } catch (error) {
      closes.add(/closed before pong: (\w+)$/.exec(String(error))?.[1] ?? String(error));
      client = await open();
    }
  }
  expect([...closes].filter((code) => !isCode(code))).toEqual([]);
  expect(closes).toContain("malformed_frame");
  client.cut();
  await world.close();
});

test("a real ingest answers hostile messages, or ends the stream with a code, and serves on (SPEC 12.1)", async () => {
  const node = await TestNode.start({});
  const streams = new Streams(node);
  await node.watch("trip");
  const open = async (): Promise<RawAgent> => streams.joined(await streams.welcomed(), "trip");
  const ends = new Set<string>();
  let agent = await open();
  for (const input of inputsOf(agentMessages)) {
    // Requests that are not a stream's begin with another byte.
    if (input[0] !== 0) continue;
    agent.call.write(Buffer.from(input.subarray(1)));
    agent.send({ case: "join", value: { session: "trip" } });
    try {
      await agent.next("joined", ({ session }) => session === "trip");
    } catch {
      ends.add((await agent.ended).code);
      agent = await open();
    }
  }
  // What says goodbye ends in good order.
  expect([...ends].filter((code) => code !== "status 0" && !isCode(code))).toEqual([]);
  expect(ends).toContain("malformed");
  await streams.close();
});
