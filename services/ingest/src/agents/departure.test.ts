import { PerdureError } from "@perdure/core";
import { ManualClock } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TENANT, TestNode, type Watcher } from "../testing/node.ts";
import { Streams } from "../testing/streams.ts";
import { type DepartureOptions, writeDeparture } from "./departure.ts";

const KEY = `${TENANT}/s`;
let node: TestNode;
let streams: Streams;
let watcher: Watcher;

beforeEach(async () => {
  node = await TestNode.start();
  streams = new Streams(node);
  watcher = await node.watch("s");
  await streams.joined(await streams.welcomed());
});

afterEach(() => streams.close());

const lossOf = (attach: DepartureOptions["replica"]["attach"], clock: ManualClock): Promise<void> => {
  const { attachment = "" } = watcher.state.agents.get("i-1") ?? {};
  const known = { tenant: TENANT, participant: "bot", agent: "bot", instance: "i-1", attachment };
  const options = { replica: { attach }, clock, node: { name: "ingest-1" } };
  const departed = { sessionKey: KEY, agent: { ...known, capacity: 1, description: "" } };
  return writeDeparture(options, departed, { lost: "LOST_REASON_STREAM" });
};

const presence = (): string | undefined => watcher.state.agents.get("i-1")?.presence;

describe("SPEC 8, 9: the loss of an agent whose node lives on", () => {
  test("is written when the log is back, however long it was away", async () => {
    const clock = new ManualClock();
    const attach = vi.fn<DepartureOptions["replica"]["attach"]>();
    attach.mockRejectedValue(new PerdureError("unavailable", "no broker can be reached", { retryAfterMs: 200 }));
    const written = lossOf(attach, clock);
    for (let minutes = 0; minutes < 10; minutes += 1) {
      const before = attach.mock.calls.length;
      await vi.waitUntil(() => clock.timerCount === 1);
      clock.advance(60_000);
      await vi.waitUntil(() => attach.mock.calls.length > before);
    }
    expect(presence()).toBe("AGENT_PRESENCE_HERE");
    attach.mockImplementation((key, listener) => node.replica.attach(key, listener));
    await vi.waitUntil(() => clock.timerCount === 1);
    clock.advance(60_000);
    await written;
    await watcher.until(() => presence() === "AGENT_PRESENCE_LOST");
  });

  test.each(["history_lost", "rules_too_new"] as const)(
    "is given up where trying again does not help: %s",
    async (code) => {
      const gone = new PerdureError(code, "not here", { retryAfterMs: 1 });
      await expect(lossOf(() => Promise.reject(gone), new ManualClock())).rejects.toMatchObject({ code });
    },
  );
});
