import { fileURLToPath } from "node:url";
import { ManualClock } from "@perdure/replica/testing";
import { createMetrics } from "@perdure/service-kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/program.ts";
import { until } from "../support/until.ts";
import { RawClient } from "./raw-client.ts";
import { StubAgent, token, urlOf, World } from "./support.ts";

const KIB = 1024;
const READER = fileURLToPath(new URL("reader-process.ts", import.meta.url));

let world: World;
let reader: Program | undefined;

beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());
afterEach(() => reader?.stop());

/** An edge with a clock of the test's, somebody who asked an agent, and a client in a process of its own. */
async function stage(session: string) {
  const clock = new ManualClock(Date.now());
  const registry = createMetrics({ service: "edge", node: session });
  const edge = await world.edge({ clock, metrics: registry, limits: { maxBufferedBytes: 64 * KIB } });
  const asker = new RawClient(urlOf(edge));
  await asker.hello(await token());
  await asker.send({ t: "attach", id: 1, session });
  const { h } = await asker.next("attached");
  const ev = [{ sessionCreated: {} }, { runRequested: { agent: "helper" } }];
  await asker.send({ t: "send", h, p: "asker", n: 1, born: 0, ev });
  await asker.next("ack");
  const agent = await StubAgent.join(world, session);
  await agent.accept();
  await agent.open();
  const args = [READER, urlOf(edge), await token({ participant: "reader" }), session];
  reader = new Program({ name: "reader", args, env: {} });
  await reader.printed(/status live/);
  const lags = async (): Promise<boolean> => {
    const metric = await registry.getSingleMetric("perdure_edge_lagging_connections")?.get();
    return metric?.values[0]?.value === 1;
  };
  return { clock, asker, agent, reader, lags };
}

describe("a client's process that is stopped in the middle of a stream", () => {
  test("lags, and shows what everybody sees soon after it goes on", async () => {
    const { asker, agent, reader: stopped, lags } = await stage("stop-1");
    await agent.say("hello");
    await stopped.printed(/length 5\n/);
    stopped.freeze();
    while (!(await lags())) await agent.note("x".repeat(15 * KIB));
    await agent.say(" world");
    stopped.thaw();
    await stopped.printed(/status lagging\n(.*\n)*status live/);
    await agent.say("!");
    await stopped.printed(new RegExp(`seq ${agent.state.seq} length 12\n`));
    expect(stopped.output.match(/status \w+/g)).toEqual([
      "status connecting",
      "status live",
      "status lagging",
      "status live",
    ]);
    asker.close();
  });

  test("for longer than 15 s has left, and comes back where it was", async () => {
    const { clock, asker, agent, reader: stopped } = await stage("stop-2");
    await agent.say("hello");
    await stopped.printed(/length 5\n/);
    stopped.freeze();
    for (let second = 0; second < 16; second += 1) {
      await asker.send({ t: "ping" });
      await until(
        "an answer",
        () => asker.frames.filter((frame) => "t" in frame && frame.t === "pong").length > second,
      );
      clock.advance(1_000);
    }
    clock.advance(2_000);
    const left = await asker.next("e", ({ ev }) => ev.some(({ memberLeft }) => memberLeft !== undefined));
    expect(left.ev[0]?.memberLeft?.reason).toBe("LEAVE_REASON_DETACHED");
    await agent.say(" world");
    stopped.thaw();
    await stopped.printed(new RegExp(`length 11\n`));
    asker.close();
  });
});
