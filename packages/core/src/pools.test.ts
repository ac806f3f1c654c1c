import type { EventJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, type Pen, seqOf, Story, storyAtWork } from "./testing/story.ts";
import { dues, nextDueMs, pageSignals, poolSignals } from "./index.ts";

const run = (runSeq: number) => ({ session: "trip-42", epoch: "7", runSeq, runId: `ann:${runSeq}:0` });

/** A pool with an instance that takes two runs at once. */
function pool(limits = {}) {
  const story = new Story(limits);
  const keeper = story.pen("keeper", "ROLE_SYSTEM");
  story.write(keeper, { sessionCreated: {} });
  const serve = (instance: string, capacity = 2): Pen => {
    const pen = story.pen("bot", "ROLE_AGENT", { producer: instance, instance });
    story.write(pen, { agentJoined: { agent: "planner", instance, attachment: `${instance}-stream`, capacity } });
    return pen;
  };
  const write = (event: EventJson) => codeOf(story.write(keeper, event, { cause: { seq: story.state.seq } }));
  /** Does what is due now; what that was. */
  const settle = () => {
    const owed = dues(story.state).filter(({ atMs }) => atMs <= story.timeMs);
    for (const { events, causeSeq } of owed) {
      expect(codeOf(story.write(keeper, events, { cause: { seq: causeSeq } }))).toBe("accepted");
    }
    return owed.flatMap(({ events }) => events);
  };
  return { story, serve, write, settle };
}

describe("a pool", () => {
  test("SPEC 8.10: offers what is queued to whoever has most places free, in order, as long as there are any", () => {
    const { serve, write, settle } = pool();
    serve("i1", 1);
    serve("i2", 2);
    for (const runSeq of [1, 2, 3, 4]) expect(write({ poolQueued: { run: run(runSeq) } })).toBe("accepted");
    expect(settle()).toEqual([
      { poolOffered: { run: run(1), instance: "i2" } },
      { poolOffered: { run: run(2), instance: "i1" } },
      { poolOffered: { run: run(3), instance: "i2" } },
    ]);
    expect(write({ poolTaken: { run: run(1), instance: "i2" } })).toBe("accepted");
    expect(settle()).toEqual([]);
    expect(write({ poolFreed: { run: run(1) } })).toBe("accepted");
    expect(settle()).toEqual([{ poolOffered: { run: run(4), instance: "i2" } }]);
  });

  test("SPEC 8.10: takes an offer back that is not taken in its time, and makes it again", () => {
    const { story, serve, write, settle } = pool();
    serve("i1", 1);
    write({ poolQueued: { run: run(1) } });
    settle();
    const returned = { poolReturned: { run: run(1), instance: "i1" } };
    expect(nextDueMs(story.state)).toBe(story.timeMs + 10_000);
    expect(write(returned)).toBe("not_due");
    story.timeMs += 10_000;
    expect(settle()).toEqual([returned]);
    expect(settle()).toEqual([{ poolOffered: { run: run(1), instance: "i1" } }]);
    expect([...story.state.pool.values()][0]?.offers).toBe(2);
  });

  test("SPEC 8.10: takes an offer back at once where the instance is gone or declines", () => {
    const { story, serve, write, settle } = pool();
    const one = serve("i1", 1);
    write({ poolQueued: { run: run(1) } });
    settle();
    story.write(one, { agentLeft: { instance: "i1" } });
    expect(settle()).toEqual([{ poolReturned: { run: run(1), instance: "i1" } }]);
    const two = serve("i2", 1);
    settle();
    const declined = { poolReturned: { run: run(1), instance: "i2" } };
    expect(codeOf(story.write(one, declined))).toBe("forged_actor");
    expect(codeOf(story.write(two, declined))).toBe("accepted");
  });

  test("SPEC 8.10: each step is taken once, and a late one for another instance does not count", () => {
    const { serve, write, settle } = pool();
    serve("i1");
    expect(write({ poolQueued: { run: run(1) } })).toBe("accepted");
    expect(write({ poolQueued: { run: run(1) } })).toBe("stale_cause");
    settle();
    expect(write({ poolOffered: { run: run(1), instance: "i1" } })).toBe("stale_cause");
    expect(write({ poolTaken: { run: run(1), instance: "i1" } })).toBe("accepted");
    expect(write({ poolTaken: { run: run(1), instance: "i1" } })).toBe("stale_cause");
    expect(write({ poolReturned: { run: run(1), instance: "i1" } })).toBe("stale_cause");
    expect(write({ poolFreed: { run: run(1), instance: "i9" } })).toBe("stale_cause");
    expect(write({ poolFreed: { run: run(1), instance: "i1" } })).toBe("accepted");
    expect(write({ poolFreed: { run: run(1), instance: "i1" } })).toBe("stale_cause");
    expect(write({ poolTaken: { run: run(1), instance: "i1" } })).toBe("stale_cause");
  });

  test("SPEC 8.10: another life of the session's name is another run", () => {
    const { story, write } = pool();
    write({ poolQueued: { run: run(1) } });
    expect(write({ poolQueued: { run: { ...run(1), epoch: "8" } } })).toBe("accepted");
    expect(story.state.pool.size).toBe(2);
  });

  test("SPEC 8.10: a busy or lost instance gets nothing more", () => {
    const { story, serve, write, settle } = pool();
    const one = serve("i1");
    story.write(one, { agentBusy: { instance: "i1", delayMs: 800 } });
    write({ poolQueued: { run: run(1) } });
    expect(settle()).toEqual([]);
    story.write(one, { agentBusy: { instance: "i1" } });
    expect(settle()).toHaveLength(1);
  });

  test("SPEC 11.1: has an end", () => {
    const { write } = pool({ poolQueue: 1 });
    write({ poolQueued: { run: run(1) } });
    expect(write({ poolQueued: { run: run(2) } })).toBe("pool_full");
  });
});

describe("what a session tells the pools", () => {
  const signals = ({ story }: { story: Story }) => poolSignals(story.state, "trip-42");

  test("SPEC 8.11: follows each run, and said twice changes nothing", () => {
    const work = storyAtWork();
    const { story, ann, bot, node, runId, attempt } = work;
    const ref = { session: "trip-42", epoch: "0", runSeq: 2, runId };
    story.write(ann, { runRequested: { agent: "writer" } });
    const second = {
      session: "trip-42",
      epoch: "0",
      runSeq: seqOf(story.write(ann, { runRequested: {} })),
      runId: "ann:4:0",
    };
    expect(signals(work)).toMatchObject([
      { agent: "planner", event: { poolTaken: { run: ref, instance: "bot-1" } } },
      { agent: "writer", event: { poolQueued: {} } },
      { agent: "planner", event: { poolQueued: { run: second } } },
    ]);
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    story.write(node, { runOrphaned: { runId, instance: "bot-1" } }, { cause: { seq: story.state.seq } });
    expect(signals(work).slice(0, 2)).toEqual([
      { agent: "planner", event: { poolFreed: { run: ref, instance: "bot-1" } } },
      { agent: "planner", event: { poolQueued: { run: ref } } },
    ]);
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("fenced");
    story.write(ann, { controlCancel: { runId } });
    expect(signals(work)[0]).toEqual({ agent: "planner", event: { poolFreed: { run: ref } } });
  });

  test("SPEC 8.11: of a run that leaves the state with the record that ends it, its page says so", () => {
    const work = storyAtWork({ settledBytes: 100, settledKeptBytes: 0 });
    const { story, bot, runId, attempt } = work;
    story.write(bot, { runCompleted: { runId, result: '"a long one"' } }, { attempt });
    expect(story.state.runs.has(runId)).toBe(false);
    expect(pageSignals(story.pages, "trip-42")).toEqual([
      { agent: "planner", event: { poolFreed: { run: { session: "trip-42", epoch: "0", runSeq: 2, runId } } } },
    ]);
  });

  test("SPEC 8.11: a pool that hears all of it, again and again, follows", () => {
    const work = storyAtWork();
    const { story, bot, node, runId } = work;
    const { story: poolStory, serve, write, settle } = pool();
    const tell = () => signals(work).map(({ event }) => write(event));
    serve("bot-1");
    expect(tell()).toEqual(["stale_cause"]);
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    story.write(node, { runOrphaned: { runId, instance: "bot-1" } }, { cause: { seq: story.state.seq } });
    expect(tell()).toEqual(["stale_cause", "accepted"]);
    expect(tell()).toEqual(["stale_cause", "stale_cause"]);
    expect(settle()).toHaveLength(1);
    expect([...poolStory.state.pool.values()]).toMatchObject([{ phase: "POOL_PHASE_OFFERED", instance: "bot-1" }]);
  });
});
