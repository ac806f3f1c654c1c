import { PerdureError } from "@perdure/core";
import { describe, expect, test } from "vitest";
import type { RunHandler } from "./run/attempt.ts";
import { run, setUp, stateWith } from "./testing/agent-world.ts";
import { FakeHeartbeat } from "./testing/fake-heartbeat.ts";

describe("an agent and its node", () => {
  test("it says who it is, beats where the node says, and settles when it is welcome", async () => {
    const { agent, node, heartbeat, connected } = setUp();
    await connected();
    expect(node.last.of("hello")).toMatchObject([{ protocol: 1, agent: "helper", instance: "i-1", capacity: 2 }]);
    expect(heartbeat.beats).toMatchObject([{ url: "http://node", instance: "i-1", everyMs: 2_000, token: "token-1" }]);
    expect(agent.instance).toBe("i-1");
  });

  test("it tries again, with a new token each time, until a node answers", async () => {
    const { agent, node, nextStream } = setUp();
    const connecting = agent.connect();
    await node.until(() => node.streams.length === 1);
    node.last.close(new PerdureError("unavailable", "nobody is there"));
    await nextStream();
    node.last.close(new PerdureError("token_expired", "old"));
    await nextStream();
    node.last.welcome();
    await connecting;
    expect(node.streams.map(({ token }) => token)).toEqual(["token-1", "token-2", "token-3"]);
  });

  test("it waits longer from try to try, never longer than two seconds, and as long as it is told", async () => {
    const { agent, node, clock } = setUp();
    void agent.connect();
    const waits: number[] = [];
    for (let tries = 1; tries <= 8; tries += 1) {
      await node.until(() => node.streams.length === tries && node.last.said.length > 0);
      const retryAfterMs = tries === 8 ? 700 : 0;
      node.last.close(new PerdureError("unavailable", "away", { retryAfterMs }));
      const [wait] = clock.waits;
      waits.push(wait ?? -1);
      clock.advance(wait ?? 0);
    }
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_700]);
  });

  test("it asks for a token again where it gets none, or what cannot be one; a line break at its end does no harm", async () => {
    const answers = ["", "two words", "token\n"];
    const { agent, node, clock } = setUp({
      getToken: () => {
        const answer = answers.shift();
        return answer === undefined || answer === "" ? Promise.reject(new Error("the vault is closed")) : answer;
      },
    });
    void agent.connect();
    for (let tries = 0; tries < 2; tries += 1) {
      await clock.untilWait(50 * 2 ** tries);
      clock.advance(1_000);
    }
    await node.until(() => node.streams.length === 1);
    expect(node.last.token).toBe("token");
  });

  test.each(["unauthenticated", "forbidden", "protocol_version", "invalid_name"] as const)(
    "it gives up at once where trying is in vain: %s",
    async (code) => {
      const { agent, node, clock } = setUp();
      const connecting = agent.connect();
      await node.until(() => node.streams.length === 1);
      node.last.close(new PerdureError(code, "no"));
      await expect(connecting).rejects.toMatchObject({ code });
      expect(clock.timerCount).toBe(0);
    },
  );

  test("having worked, it goes on trying whatever it is told: keys are rotated", async () => {
    const { node, connected, nextStream } = setUp();
    await connected();
    node.last.close(new PerdureError("unauthenticated", "key unknown"));
    await nextStream();
    expect(node.last.of("hello")).toMatchObject([{ instance: "i-1" }]);
  });

  test("a node that never answers the hello is left for another", async () => {
    const { agent, node, nextStream, clock } = setUp();
    void agent.connect();
    await node.until(() => node.streams.length === 1 && node.last.said.length > 0);
    const [first] = node.streams;
    clock.advance(10_000);
    expect(first?.dropped).toBe(true);
    await nextStream();
  });

  test("looks for another node where one does not know a session's rules (SPEC 14), and less and less often", async () => {
    const { agent, node, clock, connected } = setUp();
    await connected();
    void agent.serve(() => Promise.resolve());
    node.last.tell({ case: "offer", value: run("r") });
    const waits: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { length } = node.streams;
      expect(node.last.of("acceptOffer")).toMatchObject([run("r")]);
      const refused = { ...run("r"), code: "rules_too_new", retryAfterMs: 1_000 };
      node.last.tell({ case: "refused", value: refused });
      node.last.tell({ case: "refused", value: refused });
      const startedMs = clock.now();
      while (node.streams.length === length) {
        clock.advance(100);
        await Promise.resolve();
      }
      waits.push(clock.now() - startedMs);
      await node.until(() => node.last.said.length > 0);
      node.last.welcome();
    }
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    expect(waits[2]).toBeGreaterThan(waits[1] ?? 0);
  });

  test("asked to move, it goes within the time, and says the same name there", async () => {
    const { node, connected, clock } = setUp();
    await connected();
    const [first] = node.streams;
    node.last.tell({ case: "move", value: { withinMs: 1_000 } });
    clock.advance(499);
    expect(first?.dropped).toBe(false);
    clock.advance(1);
    expect(first?.dropped).toBe(true);
    await node.until(() => node.streams.length === 2 && node.last.said.length > 0);
    expect(node.last.of("hello")).toMatchObject([{ instance: "i-1" }]);
  });
});

describe("runs", () => {
  test("that are offered before it serves wait until it does", async () => {
    const { agent, node, connected } = setUp();
    await connected();
    node.last.tell({ case: "offer", value: run("r1") });
    expect(node.last.of("acceptOffer")).toEqual([]);
    void agent.serve(() => undefined);
    expect(node.last.of("acceptOffer")).toMatchObject([{ session: "s", runId: "r1" }]);
  });

  test("whose acceptance was cut off are accepted again on the next stream", async () => {
    const { agent, node, connected, nextStream } = setUp();
    await connected();
    void agent.serve(() => undefined);
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.close(new PerdureError("unavailable", "gone"));
    await nextStream();
    node.last.welcome();
    expect(node.last.of("acceptOffer")).toMatchObject([{ runId: "r1" }]);
  });

  test("that are refused for now are asked for again, for good are forgotten", async () => {
    const { agent, node, connected, clock } = setUp();
    await connected();
    void agent.serve(() => undefined);
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "refused", value: { ...run("r1"), code: "catching_up", retryAfterMs: 500 } });
    clock.advance(500);
    expect(node.last.of("acceptOffer")).toHaveLength(2);
    node.last.tell({ case: "refused", value: { ...run("r1"), code: "already_decided" } });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 5 } });
    expect(node.last.of("publish")).toEqual([]);
  });

  test("enter the handler once, with the attempt's fencing token on everything that is written", async () => {
    const { agent, node, connected } = setUp();
    await connected();
    const entered: string[] = [];
    void agent.serve((each) => void entered.push(each.id));
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    await node.until(() => node.last.of("publish").length > 0);
    expect(entered).toEqual(["r1"]);
    expect(node.last.of("publish")[0]?.record).toMatchObject({
      attempt: 7,
      first: 1,
      events: [{ kind: { case: "runCompleted", value: { runId: "r1" } } }],
    });
  });
});

describe("a run that is offered again while it is done", () => {
  test("is not entered once more under the same attempt, and is under another", async () => {
    const { agent, node, connected } = setUp();
    await connected();
    const entered: Parameters<RunHandler>[0][] = [];
    void agent.serve((each) => {
      entered.push(each);
      return new Promise((resolve) => each.signal.addEventListener("abort", resolve));
    });
    const begin = (attempt: number): void => {
      node.last.tell({ case: "offer", value: run("r1") });
      node.last.tell({ case: "joined", value: stateWith("r1", attempt) });
      node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt } });
    };
    begin(7);
    begin(7);
    expect(node.last.of("acceptOffer")).toHaveLength(2);
    expect(entered).toHaveLength(1);
    begin(9);
    expect(entered.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    // The end of the one before leaves the present one known.
    await new Promise((resolve) => void setImmediate(resolve));
    begin(9);
    expect(entered).toHaveLength(2);
  });
});

describe("a session", () => {
  /** A run in session s whose handler is `work`. */
  async function working(work: RunHandler): Promise<ReturnType<typeof setUp>> {
    const world = setUp();
    await world.connected();
    void world.agent.serve(work);
    world.node.last.tell({ case: "offer", value: run("r1") });
    world.node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    world.node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    return world;
  }

  test("that the node can no longer follow is joined again when it says, and what has no verdict goes out again", async () => {
    const { node, clock } = await working(() => undefined);
    await node.until(() => node.last.of("publish").length === 1);
    node.last.tell({ case: "refused", value: { session: "s", code: "catching_up", retryAfterMs: 1_000 } });
    clock.advance(1_500);
    expect(node.last.of("join")).toMatchObject([{ session: "s" }]);
    node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    const [first, second, ...more] = node.last.of("publish");
    expect([second, more.length]).toEqual([first, 0]);
  });

  test("that has forgotten the agent as a writer is left, so that its runs go to whoever can end them, and joined anew", async () => {
    const { node } = await working(() => undefined);
    await node.until(() => node.last.of("publish").length === 1);
    const { producer = "", first = 0 } = node.last.of("publish")[0]?.record ?? {};
    node.last.tell({
      case: "verdict",
      value: { session: "s", producer, first, last: first, code: "producer_expired" },
    });
    expect(node.last.of("detach")).toMatchObject([{ session: "s" }]);
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "joined", value: stateWith("r1", 9) });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 9 } });
    await node.until(() => node.last.of("publish").length === 2);
    const again = node.last.of("publish")[1]?.record;
    expect(again).toMatchObject({ attempt: 9, first: 1, events: [{ kind: { case: "runCompleted" } }] });
    expect(again?.producer).not.toBe(producer);
  });

  test("that is refused for good ends what is done in it", async () => {
    const stopped = Promise.withResolvers<unknown>();
    const { node } = await working(async (each) => {
      each.signal.addEventListener("abort", () => stopped.resolve(each.signal.reason));
      await stopped.promise;
    });
    node.last.tell({ case: "refused", value: { session: "s", code: "history_lost", message: "gone" } });
    expect(await stopped.promise).toMatchObject({ code: "history_lost" });
  });

  test("is left a while after the last run in it, not at once: people go on talking", async () => {
    const { node, clock } = await working(() => undefined);
    await node.until(() => node.last.of("publish").length === 1);
    for (const publish of node.last.of("publish")) node.last.accept(publish, 10);
    await clock.untilWait(30_000);
    clock.advance(29_999);
    expect(node.last.of("detach")).toEqual([]);
    clock.advance(1);
    expect(node.last.of("detach")).toMatchObject([{ session: "s" }]);
  });
});

describe("SPEC 6: an instance that the sessions hold for crashed", () => {
  test("stops its runs, and goes on as another with nothing of the old", async () => {
    const { agent, node, connected } = setUp();
    await connected();
    const stopped = Promise.withResolvers<string>();
    void agent.serve(async (each) => {
      await new Promise<void>((resolve) => {
        each.signal.addEventListener("abort", () => resolve());
      });
      stopped.resolve(each.signal.reason instanceof PerdureError ? each.signal.reason.code : "?");
    });
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    node.last.tell({ case: "refused", value: { session: "s", code: "fenced" } });
    expect(await stopped.promise).toBe("fenced");
    await node.until(() => node.streams.length === 2 && node.last.said.length > 0);
    const [hello] = node.last.of("hello");
    expect(hello?.instance).toBe(agent.instance);
    expect(hello?.instance).not.toBe("i-1");
    node.last.welcome();
    expect(node.last.of("join")).toEqual([]);
    expect(node.last.of("publish")).toEqual([]);
  });
});

describe("SPEC 6: an instance that one session holds for crashed, and its pool does not", () => {
  test("goes on as another when a run of that session is offered to it", async () => {
    const { agent, node, connected } = setUp();
    await connected();
    void agent.serve(() => Promise.resolve());
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "refused", value: { ...run("r1"), code: "fenced" } });
    await node.until(() => node.streams.length === 2 && node.last.said.length > 0);
    expect(node.last.of("hello")[0]?.instance).not.toBe("i-1");
  });
});

describe("what nobody expects", () => {
  test("an instance that is fenced in its pool goes on as another, on one new stream", async () => {
    const { node, connected, nextStream, clock } = setUp();
    await connected();
    node.last.close(new PerdureError("fenced", "crashed"));
    await nextStream();
    node.last.welcome();
    clock.advance(10_000);
    expect(node.streams).toHaveLength(2);
    expect(node.last.of("hello")[0]?.instance).not.toBe("i-1");
  });

  test("a message that cannot be taken costs the stream, not the process", async () => {
    const heartbeat = new FakeHeartbeat();
    const { agent, node, nextStream } = setUp({ heartbeat });
    heartbeat.failure = new Error("a thread too many");
    const connecting = agent.connect();
    await node.until(() => node.streams.length > 0 && node.last.said.length > 0);
    node.last.welcome();
    heartbeat.failure = undefined;
    await nextStream();
    node.last.welcome();
    await connecting;
    expect(node.streams.map(({ dropped }) => dropped)).toEqual([true, false]);
  });
});

describe("close", () => {
  test("takes no more, lets runs end, leaves, and stops beating", async () => {
    const { agent, node, heartbeat, connected } = setUp();
    await connected();
    const finish = Promise.withResolvers<void>();
    const serving = agent.serve(() => finish.promise);
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    const closing = agent.close();
    node.last.tell({ case: "offer", value: run("r2") });
    expect(node.last.of("drain")).toHaveLength(1);
    expect(node.last.of("declineOffer")).toMatchObject([{ runId: "r2" }]);
    finish.resolve();
    await node.until(() => node.last.of("publish").length > 0);
    for (const publish of node.last.of("publish")) node.last.accept(publish, 10);
    await node.until(() => node.last.of("leave").length > 0);
    node.last.close();
    await Promise.all([closing, serving]);
    expect(heartbeat.stopped).toBe(true);
  });

  test("leaves runs that take too long to others, without a word about them", async () => {
    const { agent, node, connected, clock } = setUp();
    await connected();
    void agent.serve(() => new Promise(() => undefined));
    node.last.tell({ case: "offer", value: run("r1") });
    node.last.tell({ case: "joined", value: stateWith("r1", 7) });
    node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
    const closing = agent.close({ drainMs: 1_000 });
    clock.advance(1_000);
    await node.until(() => node.last.of("leave").length > 0);
    node.last.close();
    await closing;
    expect(node.last.of("publish")).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });

  test("while nobody could be reached yet ends the connecting", async () => {
    const { agent, node, clock } = setUp();
    const connecting = agent.connect();
    await node.until(() => node.streams.length === 1);
    node.last.close(new PerdureError("unavailable", "away"));
    await agent.close();
    await expect(connecting).rejects.toMatchObject({ code: "closed" });
    expect(clock.timerCount).toBe(0);
  });
});
