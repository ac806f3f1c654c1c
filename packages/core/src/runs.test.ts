import type { EventJson, RunPhaseJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, type Pen, seqOf, type Story, storyAtWork } from "./testing/story.ts";
import { runTransitions } from "./apply/lifecycle.ts";
import { dues } from "./index.ts";

const phaseOf = (story: Story, runId: string): RunPhaseJson | undefined => story.state.runs.get(runId)?.phase;

function join(story: Story, instance: string, agent = "planner"): Pen {
  const pen = story.pen("bot", "ROLE_AGENT", { producer: instance, instance });
  story.write(pen, { agentJoined: { agent, instance, attachment: `${instance}-stream`, node: "ingest-1" } });
  return pen;
}

/** The instance's stream breaks and it does not come back. */
function crash(story: Story, node: Pen, instance: string, attachment: string): void {
  story.write(node, { agentLost: { instance, attachment, reason: "LOST_REASON_STREAM" } });
  story.timeMs += 10_000;
  story.write(node, { agentCrashed: { instance } }, { cause: { seq: story.state.seq } });
}

function orphan(story: Story, node: Pen, runId: string, instance: string): void {
  const cause = { seq: story.state.seq };
  expect(codeOf(story.write(node, { runOrphaned: { runId, instance } }, { cause }))).toBe("accepted");
}

describe("the life of a run", () => {
  type Setup = (at: ReturnType<typeof storyAtWork>) => void;
  const requested: Setup = ({ story, ann }) => void story.write(ann, { runRequested: {} });
  const byAttempt =
    (event: (runId: string) => EventJson): Setup =>
    ({ story, bot, runId, attempt }) => {
      expect(codeOf(story.write(bot, event(runId), { attempt }))).toBe("accepted");
    };
  const reach: Record<Exclude<RunPhaseJson, "RUN_PHASE_UNSPECIFIED">, Setup> = {
    RUN_PHASE_REQUESTED: requested,
    RUN_PHASE_ACTIVE: () => undefined,
    RUN_PHASE_SUSPENDED: byAttempt((runId) => ({ runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } })),
    RUN_PHASE_COMPLETED: byAttempt((runId) => ({ runCompleted: { runId } })),
    RUN_PHASE_FAILED: byAttempt((runId) => ({ runFailed: { runId, code: "broke" } })),
    RUN_PHASE_CANCELLED: byAttempt((runId) => ({ runCancelled: { runId } })),
    RUN_PHASE_ORPHANED: ({ story, node, runId }) => {
      crash(story, node, "bot-1", "stream-1");
      orphan(story, node, runId, "bot-1");
    },
  };

  const phases = Object.keys(reach).filter((phase): phase is keyof typeof reach => phase in reach);

  test.each(phases)("SPEC 8.1: each event in phase %s does what the table says", (phase) => {
    for (const [event, outcome] of Object.entries(runTransitions[phase])) {
      const work = storyAtWork();
      reach[phase](work);
      const runId = phase === "RUN_PHASE_REQUESTED" ? "ann:3:0" : work.runId;
      expect(phaseOf(work.story, runId)).toBe(phase);
      const code = codeOf(send(work, runId, event));
      const seen = [event, code, phaseOf(work.story, runId)];
      const expected = outcome.startsWith("RUN_PHASE")
        ? led(event, phase, outcome)
        : [guarded.has(code) ? code : outcome, phase];
      expect(seen).toEqual([event, ...expected]);
    }
  });

  // An attempt that is over, or that there never was, is refused before the phase is looked at.
  const guarded: ReadonlySet<string> = new Set([
    "fenced",
    "attempt_required",
    "agent_not_here",
    "run_ended",
    "stale_cause",
  ]);

  /** Where an event leads; what another instance holds, or nobody, has its own refusals. */
  function led(event: string, phase: string, outcome: string): readonly string[] {
    const underWay = phase === "RUN_PHASE_ACTIVE" || phase === "RUN_PHASE_SUSPENDED";
    if (event === "accepted" && underWay) return ["already_decided", phase];
    if (event === "orphaned") return ["stale_cause", phase];
    if (event === "cancelled" && !underWay) return ["attempt_required", phase];
    return ["accepted", outcome];
  }

  function send({ story, bot, node, attempt }: ReturnType<typeof storyAtWork>, runId: string, event: string) {
    const events: Record<string, EventJson> = {
      suspended: { runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } },
      resumed: { runResumed: { runId } },
      completed: { runCompleted: { runId } },
      failed: { runFailed: { runId } },
      cancelled: { runCancelled: { runId } },
    };
    if (event === "accepted") return story.write(join(story, "bot-9"), { runAccepted: { runId, instance: "bot-9" } });
    if (event === "orphaned") {
      return story.write(node, { runOrphaned: { runId, instance: "bot-1" } }, { cause: { seq: story.state.seq } });
    }
    const holds = story.state.attempts.get(attempt)?.id === runId;
    return story.write(bot, events[event] ?? {}, { attempt: holds ? attempt : 0 });
  }

  test("SPEC 8.9: the session's default agent is asked where none is named", () => {
    const { story, ann, runId } = storyAtWork();
    expect(story.state.runs.get(runId)?.agent).toBe("planner");
    story.write(ann, { sessionUpdated: { policy: {} } });
    expect(codeOf(story.write(ann, { runRequested: {} }))).toBe("no_agent");
    expect(codeOf(story.write(ann, { runRequested: { agent: "other" } }))).toBe("accepted");
  });
});

describe("an attempt", () => {
  test("SPEC 7.2: is the first instance's, as long as it may come back", () => {
    const { story, node, runId } = storyAtWork();
    const other = join(story, "bot-2");
    const take = { runAccepted: { runId, instance: "bot-2" } };
    expect(story.write(other, take).verdict).toMatchObject({ code: "already_decided", winner: "bot-1" });
    story.write(node, { agentLost: { instance: "bot-1", attachment: "stream-1" } });
    expect(codeOf(story.write(other, take))).toBe("already_decided");
    story.timeMs += 10_000;
    story.write(node, { agentCrashed: { instance: "bot-1" } }, { cause: { seq: story.state.seq } });
    expect(codeOf(story.write(other, take))).toBe("accepted");
  });

  test("SPEC 7.2: is taken by who is here, and is the agent that was asked", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, { runRequested: { agent: "writer" } });
    const runId = "ann:3:0";
    const planner = join(story, "bot-2");
    expect(codeOf(story.write(planner, { runAccepted: { runId, instance: "bot-2" } }))).toBe("wrong_agent");
    expect(codeOf(story.write(planner, { runAccepted: { runId, instance: "bot-1" } }))).toBe("forged_actor");
    const absent = story.pen("bot", "ROLE_AGENT", { producer: "absent", instance: "bot-7" });
    expect(codeOf(story.write(absent, { runAccepted: { runId, instance: "bot-7" } }))).toBe("agent_not_here");
  });

  test("SPEC 6.1: writes while it is the latest, and only through its own instance", () => {
    const { story, ann, bot, node, runId, attempt } = storyAtWork();
    const progress = { agentProgress: { runId, label: "reading" } };
    const other = join(story, "bot-2");
    expect(codeOf(story.write(other, progress, { attempt }))).toBe("fenced");
    expect(codeOf(story.write(ann, { runRequested: {} }, { attempt }))).toBe("forbidden");
    expect(codeOf(story.write(bot, progress, { attempt: attempt + 1 }))).toBe("fenced");
    expect(codeOf(story.write(bot, progress, { attempt }))).toBe("accepted");
    crash(story, node, "bot-1", "stream-1");
    const next = seqOf(story.write(other, { runAccepted: { runId, instance: "bot-2" } }));
    expect(codeOf(story.write(bot, progress, { attempt }))).toBe("fenced");
    expect(codeOf(story.write(other, progress, { attempt: next }))).toBe("accepted");
    expect(story.state.runs.get(runId)).toMatchObject({ attempt: next, attempts: 2, instance: "bot-2" });
  });

  test("SPEC 6.1: ends with its run", () => {
    const { story, bot, runId, attempt } = storyAtWork();
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("accepted");
    expect(codeOf(story.write(bot, { agentProgress: { runId } }, { attempt }))).toBe("fenced");
  });

  test("SPEC 6.3: is over with its instance's recorded crash, also before it is orphaned; the instance does not return", () => {
    const { story, bot, node, runId, attempt } = storyAtWork();
    crash(story, node, "bot-1", "stream-1");
    expect(codeOf(story.write(bot, { agentProgress: { runId } }, { attempt }))).toBe("fenced");
    const back = { instance: "bot-1", attachment: "stream-2" };
    expect(codeOf(story.write(bot, { agentResumed: back }))).toBe("fenced");
    expect(codeOf(story.write(bot, { agentJoined: { ...back, agent: "planner" } }))).toBe("fenced");
  });

  test("SPEC 6.3: a crashed instance that was forgotten does not return either while its run waits to be orphaned", () => {
    const { story, bot, node } = storyAtWork({ agents: 1 });
    crash(story, node, "bot-1", "stream-1");
    join(story, "bot-2");
    expect(story.state.agents.has("bot-1")).toBe(false);
    const back = { agentJoined: { agent: "planner", instance: "bot-1", attachment: "stream-2" } };
    expect(codeOf(story.write(bot, back))).toBe("fenced");
  });

  test("SPEC 6.4: two instances of one agent on different runs do not disturb each other", () => {
    const { story, ann, bot, node, runId, attempt } = storyAtWork();
    story.write(ann, { runRequested: {} });
    const other = join(story, "bot-2");
    const second = seqOf(story.write(other, { runAccepted: { runId: "ann:3:0", instance: "bot-2" } }));
    crash(story, node, "bot-2", "bot-2-stream");
    expect(codeOf(story.write(other, { runCompleted: { runId: "ann:3:0" } }, { attempt: second }))).toBe("fenced");
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("accepted");
  });

  test("SPEC 6.5: alone writes what belongs to the run", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(ann, { runRequested: {} });
    const elsewhere = "ann:3:0";
    const events: readonly EventJson[] = [
      { agentProgress: { runId: elsewhere } },
      { stepStarted: { runId: elsewhere, key: "k" } },
      { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId: elsewhere } },
      { requestOpened: { runId: elsewhere, kind: "REQUEST_KIND_FORM" } },
      { runSuspended: { runId: elsewhere, reason: "SUSPEND_REASON_PAUSED" } },
      { runCompleted: { runId: elsewhere } },
      { runRequested: { parentRunId: elsewhere } },
    ];
    for (const event of events) expect(codeOf(story.write(bot, event, { attempt }))).toBe("attempt_required");
    expect(codeOf(story.write(bot, { runCompleted: { runId } }))).toBe("attempt_required");
    expect(codeOf(story.write(bot, { runRequested: { parentRunId: runId } }, { attempt }))).toBe("accepted");
  });

  test("SPEC 6.5: alone changes what it has opened, until that is closed", () => {
    const { story, bot, runId, attempt } = storyAtWork();
    const { messageId, partId } = openText(story, bot, { runId, attempt });
    const append = { partAppended: { partId, text: "x" } };
    const note = { messageUpdated: { messageId, metadata: "{}" } };
    expect(codeOf(story.write(bot, append))).toBe("fenced");
    expect(codeOf(story.write(bot, note))).toBe("fenced");
    expect(codeOf(story.write(story.pen("svc", "ROLE_SERVICE"), append))).toBe("forged_actor");
    story.write(bot, { messageClosed: { messageId } }, { attempt });
    expect(codeOf(story.write(bot, note))).toBe("accepted");
  });
});

describe("a run without its agent", () => {
  test("SPEC 8.4: is due to be orphaned at once, waits, and is taken again", () => {
    const { story, node, runId } = storyAtWork();
    crash(story, node, "bot-1", "stream-1");
    expect(dues(story.state)).toMatchObject([{ atMs: 0, events: [{ runOrphaned: { runId, instance: "bot-1" } }] }]);
    orphan(story, node, runId, "bot-1");
    expect(phaseOf(story, runId)).toBe("RUN_PHASE_ORPHANED");
    expect(dues(story.state)).toEqual([]);
    const other = join(story, "bot-2");
    expect(codeOf(story.write(other, { runAccepted: { runId, instance: "bot-2" } }))).toBe("accepted");
  });

  test("SPEC 8.4: is orphaned too where the agent has left", () => {
    const { story, bot, node, runId } = storyAtWork();
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    orphan(story, node, runId, "bot-1");
    expect(phaseOf(story, runId)).toBe("RUN_PHASE_ORPHANED");
  });

  test("SPEC 4.10: is orphaned once, by whoever says it first, and not while its agent lives", () => {
    const { story, node, runId } = storyAtWork();
    const orphaned = { runOrphaned: { runId, instance: "bot-1" } };
    expect(codeOf(story.write(node, orphaned, { cause: { seq: story.state.seq } }))).toBe("stale_cause");
    crash(story, node, "bot-1", "stream-1");
    const cause = { seq: story.state.seq };
    const other = story.pen("keeper-2", "ROLE_SYSTEM");
    expect(codeOf(story.write(node, orphaned, { cause }))).toBe("accepted");
    expect(codeOf(story.write(other, orphaned, { cause }))).toBe("stale_cause");
  });
});
