import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EventSchema, HeadSchema } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import type { RunHandler } from "./attempt.ts";
import { run, setUp, stateWith } from "../testing/agent-world.ts";

type HeadInit = Pick<Extract<MessageInitShape<typeof HeadSchema>, { $typeName?: never }>, "takeovers" | "budgets">;
type EventInit = MessageInitShape<typeof EventSchema>;

const CLAIMED = 2;
const RELEASED = 3;
const SUSPENDED = 3;
const HANDED_BACK = 2;

/** A run whose session is as `head` says, on top of what an agent at work sees. */
async function working(handler: RunHandler, head: HeadInit, runFields: object = {}) {
  const { agent, node, connected } = setUp();
  await connected();
  void agent.serve(handler);
  node.last.tell({ case: "offer", value: run("r1") });
  const { session, head: usual } = stateWith("r1", 7);
  const runs = usual.runs.map((one) => ({ ...one, changed: 8, ...runFields }));
  node.last.tell({ case: "joined", value: { session, head: { ...usual, ...head, runs } } });
  node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
  let seq = 9;
  let acceptedCount = 0;
  const happens = (kind: NonNullable<EventInit["kind"]>): void => {
    seq += 1;
    const record = { producer: "op", first: seq, last: seq, audience: 1, events: [{ kind }] };
    node.last.tell({ case: "record", value: { session: "s", accepted: { seq, timeMs: 1n, count: 1, record } } });
  };
  const kinds = (): (string | undefined)[] =>
    node.last.of("publish").flatMap(({ record }) => record?.events.map(({ kind }) => kind.case) ?? []);
  /** The node accepts what the agent has written. */
  const accept = (): void => {
    for (const publish of node.last.of("publish").slice(acceptedCount)) {
      acceptedCount += 1;
      seq += 1;
      node.last.accept(publish, seq);
    }
  };
  return { node, happens, kinds, accept };
}

const claimed = { takeovers: [{ id: "t:1:0", phase: CLAIMED, holder: "olga", changed: 8 }] };
const held = { phase: SUSPENDED, suspended: 2, takeoverId: "t:1:0" };

describe("a run that its session holds", () => {
  test("waits, but tells what it has spent, and goes on when the floor is given back, with the note", async () => {
    const heard: string[] = [];
    const { node, happens, kinds, accept } = await working(
      async (work) => {
        work.onHandBack(({ note, by }) => heard.push(`${by}: ${note}`));
        await work.usage({ provider: "p", model: "m", inputTokens: 1 });
        await work.pipe(["hello"]);
      },
      claimed,
      held,
    );
    await node.until(() => kinds().length > 0);
    accept();
    await new Promise((resolve) => setImmediate(resolve));
    expect(kinds()).toEqual(["usageReported"]);
    happens({ case: "takeoverReleased", value: { takeoverId: "t:1:0", outcome: HANDED_BACK, note: "go" } });
    await node.until(() => kinds().length > 1);
    expect([kinds()[1], heard]).toEqual(["stepStarted", ["olga: go"]]);
  });

  test("waits until nothing holds it any more", async () => {
    const budgets = [{ currency: "USD", phase: 3, limitMicros: 5n, changed: 8 }];
    const { node, happens, kinds } = await working((work) => work.pipe(["hello"]), { ...claimed, budgets }, held);
    happens({ case: "takeoverReleased", value: { takeoverId: "t:1:0", outcome: HANDED_BACK } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(kinds()).toEqual([]);
    happens({ case: "budgetLifted", value: { currency: "USD" } });
    await node.until(() => kinds().length > 0);
    expect(kinds()[0]).toBe("stepStarted");
  });

  test("may be paused as well, and goes on when that is over too", async () => {
    const { node, happens, kinds } = await working((work) => work.pipe(["hello"]), claimed, held);
    happens({ case: "controlPause", value: { runId: "r1" } });
    await node.until(() => kinds().includes("runSuspended"));
    happens({ case: "takeoverReleased", value: { takeoverId: "t:1:0", outcome: HANDED_BACK } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(kinds()).not.toContain("stepStarted");
    happens({ case: "controlResume", value: { runId: "r1" } });
    await node.until(() => kinds().includes("stepStarted"));
  });

  test("is stopped where the matter was settled, and says nothing more", async () => {
    const reasons: unknown[] = [];
    const { happens, kinds } = await working(
      async (work) => {
        work.signal.addEventListener("abort", () => reasons.push(work.signal.reason));
        await work.pipe(["hello"]);
      },
      claimed,
      held,
    );
    happens({ case: "takeoverReleased", value: { takeoverId: "t:1:0", outcome: 1 } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(reasons).toMatchObject([{ code: "cancelled" }]);
    expect(kinds()).toEqual([]);
  });

  test("knows in a later attempt what was left for it before", async () => {
    const released = {
      id: "t:1:0",
      phase: RELEASED,
      holder: "olga",
      note: "refund agreed",
      outcome: HANDED_BACK,
      changed: 8,
    };
    const { node, kinds } = await working((work) => work.handBack, { takeovers: [released] }, { takeoverId: "t:1:0" });
    await node.until(() => kinds().includes("runCompleted"));
    const [event] = node.last.of("publish")[0]?.record?.events ?? [];
    const result = event?.kind.case === "runCompleted" ? event.kind.value.result : "";
    expect(JSON.parse(result)).toEqual({ note: "refund agreed", by: "olga", outcome: "handed_back" });
  });
});
