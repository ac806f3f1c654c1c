import type { EventJson, TakeoverOutcomeJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, type Pen, said, seqOf, storyAtWork } from "./testing/story.ts";
import { claimedTakeover, dues, type Limits, openTakeover, poolSignals, project, projectAccepted } from "./index.ts";

const joins = (participant: string, member = participant): EventJson => ({
  memberJoined: { member, participant, role: "ROLE_OPERATOR", node: "edge-1", incarnation: 1 },
});

/** An agent at work, and two operators who are here. */
function withOperators(limits: Partial<Limits> = {}) {
  const work = storyAtWork(limits);
  const { story, runId } = work;
  const op = story.pen("op", "ROLE_OPERATOR");
  const oz = story.pen("oz", "ROLE_OPERATOR");
  story.write(op, joins("op"));
  story.write(oz, joins("oz"));
  const claim = (pen: Pen, takeoverId = "") => story.write(pen, { takeoverClaimed: { takeoverId } });
  const release = (pen: Pen, outcome: TakeoverOutcomeJson = "TAKEOVER_OUTCOME_HANDED_BACK", note = "") => {
    const takeoverId = openTakeover(story.state)?.id ?? "none:1:0";
    return story.write(pen, { takeoverReleased: { takeoverId, outcome, note } });
  };
  const request = (pen: Pen, expiresInMs = 0) =>
    story.write(pen, { takeoverRequested: { reason: "angry", summary: "limit: 100", team: "billing", expiresInMs } });
  const run = () => story.state.runs.get(runId);
  return { ...work, op, oz, claim, release, request, run };
}

describe("the floor", () => {
  test("SPEC 7.4: is the first operator's who claims it, asked for or not; the others are told who won", () => {
    const { story, ann, op, oz, claim, request } = withOperators();
    request(ann);
    expect(codeOf(request(ann))).toBe("already_exists");
    expect(codeOf(claim(op, "ann:3:0"))).toBe("accepted");
    expect(claim(oz, "ann:3:0").verdict).toMatchObject({ code: "already_decided", winner: "op" });
    expect(claim(oz).verdict).toMatchObject({ code: "already_decided", winner: "op" });
    expect(request(ann).verdict).toMatchObject({ code: "already_decided", winner: "op" });
    const fields = { id: "ann:3:0", holder: "op", requestedBy: "ann", reason: "angry", team: "billing" };
    expect(claimedTakeover(story.state)).toMatchObject(fields);
    expect(codeOf(claim(op, "nobody:1:0"))).toBe("not_found");
  });

  test("SPEC 7.4: is an operator's whom nobody asked, or who did not see that somebody had", () => {
    const { story, ann, op, claim, release, request } = withOperators();
    expect(codeOf(claim(op))).toBe("accepted");
    expect(claimedTakeover(story.state)).toMatchObject({ id: "op:2:0", requestedBy: "" });
    release(op);
    request(ann);
    expect(codeOf(claim(op))).toBe("accepted");
    expect(claimedTakeover(story.state)).toMatchObject({ requestedBy: "ann", holder: "op" });
  });

  test("SPEC 7.4: is passed on and given back by who has it, or a service", () => {
    const { story, ann, op, oz, claim, release } = withOperators();
    const transfer = (pen: Pen, to: string) => {
      const takeoverId = openTakeover(story.state)?.id ?? "";
      return codeOf(story.write(pen, { takeoverTransferred: { takeoverId, to, note: "yours" } }));
    };
    claim(op);
    expect([transfer(oz, "oz"), codeOf(release(oz))]).toEqual(["floor_required", "floor_required"]);
    expect([transfer(op, "ann"), transfer(op, "nobody")]).toEqual(["not_found", "not_found"]);
    expect(transfer(op, "oz")).toBe("accepted");
    expect(claimedTakeover(story.state)).toMatchObject({ holder: "oz", note: "yours" });
    expect(codeOf(release(op))).toBe("floor_required");
    const service = story.pen("crm", "ROLE_SERVICE");
    expect([transfer(service, "op"), codeOf(release(service))]).toEqual(["accepted", "accepted"]);
    expect(codeOf(story.write(ann, { takeoverClaimed: {} }))).toBe("forbidden");
  });

  test("SPEC 7.4: is not passed on to who was removed, nor given back where nobody has it", () => {
    const { story, ann, op, claim, release, request } = withOperators();
    request(ann);
    expect(codeOf(release(op))).toBe("floor_required");
    claim(op);
    story.write(ann, { participantRemoved: { participant: "oz" } });
    const transfer: EventJson = { takeoverTransferred: { takeoverId: "ann:3:0", to: "oz" } };
    expect(codeOf(story.write(op, transfer))).toBe("participant_removed");
    release(op);
    expect(codeOf(story.write(op, transfer))).toBe("request_closed");
  });
});

describe("runs, while somebody has the floor", () => {
  test("SPEC 8.12: are suspended, and go on when it is given back", () => {
    const { bot, story, op, attempt, runId, claim, release, run } = withOperators();
    claim(op);
    expect(run()).toMatchObject({ phase: "RUN_PHASE_SUSPENDED", suspended: "SUSPEND_REASON_TAKEOVER" });
    expect(codeOf(story.write(bot, { runResumed: { runId } }, { attempt }))).toBe("taken_over");
    const late: EventJson = { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId } };
    expect(codeOf(story.write(bot, late, { attempt }))).toBe("accepted");
    release(op);
    expect([run()?.phase, run()?.suspended]).toEqual(["RUN_PHASE_ACTIVE", undefined]);
  });

  test("SPEC 8.12: that wait by themselves go on waiting, and are held when that is over", () => {
    const { bot, story, op, attempt, runId, claim, release, run } = withOperators();
    const write = (event: EventJson) => codeOf(story.write(bot, event, { attempt }));
    write({ runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } });
    claim(op);
    expect(run()?.suspended).toBe("SUSPEND_REASON_PAUSED");
    expect(write({ runResumed: { runId } })).toBe("accepted");
    expect(run()).toMatchObject({ phase: "RUN_PHASE_SUSPENDED", suspended: "SUSPEND_REASON_TAKEOVER" });
    write({ runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } });
    release(op);
    expect(run()).toMatchObject({ phase: "RUN_PHASE_SUSPENDED", suspended: "SUSPEND_REASON_PAUSED" });
    expect(write({ runSuspended: { runId, reason: "SUSPEND_REASON_TAKEOVER" } })).toBe("invalid_event");
  });

  test("SPEC 8.12: that are asked for are seen, begin when it is given back, and wait in no pool until then", () => {
    const { ann, bot, story, op, claim, release } = withOperators();
    const signals = () => poolSignals(story.state, "trip").map(({ event }) => Object.keys(event)[0]);
    claim(op);
    story.write(ann, { runRequested: {} });
    const asked = `ann:${ann.number}:0`;
    expect(story.state.runs.get(asked)).toMatchObject({ phase: "RUN_PHASE_REQUESTED", takeoverId: "op:2:0" });
    expect(signals()).toEqual(["poolTaken", "poolFreed"]);
    const accept: EventJson = { runAccepted: { runId: asked, instance: "bot-1" } };
    expect(codeOf(story.write(bot, accept))).toBe("taken_over");
    release(op);
    expect(signals()).toEqual(["poolTaken", "poolQueued"]);
    expect(codeOf(story.write(bot, accept))).toBe("accepted");
  });

  test("SPEC 8.12: whose agent dies are orphaned, and wait in no pool either", () => {
    const { bot, node, story, op, runId, claim } = withOperators();
    claim(op);
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    const orphaned: EventJson = { runOrphaned: { runId, instance: "bot-1" } };
    story.write(node, orphaned, { cause: { seq: story.state.seq } });
    expect(poolSignals(story.state, "trip")).toMatchObject([{ event: { poolFreed: {} } }]);
  });

  test("SPEC 8.12: may end", () => {
    const { bot, ann, story, op, attempt, runId, claim, release, run } = withOperators();
    claim(op);
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("accepted");
    story.write(ann, { runRequested: {} });
    story.write(ann, { controlCancel: { runId: `ann:${ann.number}:0` } });
    release(op);
    expect([...story.state.runs.values()].map(({ phase }) => phase)).toEqual([
      "RUN_PHASE_COMPLETED",
      "RUN_PHASE_CANCELLED",
    ]);
    expect(run()?.suspended).toBeUndefined();
  });
});

describe("a takeover ends", () => {
  test("SPEC 8.13: as resolved with every run that has not ended", () => {
    const { ann, op, story, attempt, bot, runId, claim, release } = withOperators();
    story.write(bot, { stepStarted: { runId, key: "answer" } }, { attempt });
    const { messageId } = openText(story, bot, { runId, attempt, stepId: `bot:${bot.number}:0` });
    claim(op);
    story.write(ann, { runRequested: {} });
    release(op, "TAKEOVER_OUTCOME_RESOLVED", "refunded");
    expect(story.state.messages.get(messageId)?.finish).toBe("FINISH_REASON_CANCELLED");
    expect([...story.state.runs.values()].map(({ phase }) => phase)).toEqual([
      "RUN_PHASE_CANCELLED",
      "RUN_PHASE_CANCELLED",
    ]);
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("fenced");
    const fields = { phase: "TAKEOVER_PHASE_RELEASED", outcome: "TAKEOVER_OUTCOME_RESOLVED", note: "refunded" };
    expect([...story.state.takeovers.values()]).toMatchObject([fields]);
  });

  test("SPEC 8.13: when nobody comes in its time, not before, and is then no longer to be claimed", () => {
    const { ann, op, node, story, claim, request } = withOperators();
    const asked = request(ann, 3000);
    const dueMs = story.timeMs + 3000;
    const [due] = dues(story.state);
    const takeoverId = "ann:3:0";
    expect(due).toMatchObject({ atMs: dueMs, causeSeq: seqOf(asked), events: [{ takeoverExpired: { takeoverId } }] });
    const expire = () => codeOf(story.write(node, due?.events ?? [], { cause: { seq: due?.causeSeq ?? 0 } }));
    expect(expire()).toBe("not_due");
    story.timeMs = dueMs;
    expect([expire(), expire()]).toEqual(["accepted", "stale_cause"]);
    expect(codeOf(claim(op, takeoverId))).toBe("request_closed");
    expect(codeOf(claim(op))).toBe("accepted");
  });

  test("SPEC 8.13: a request that was claimed does not expire", () => {
    const { ann, op, node, story, claim, request } = withOperators();
    request(ann, 3000);
    claim(op);
    expect(dues(story.state)).toEqual([]);
    story.timeMs += 3000;
    const expire: EventJson = { takeoverExpired: { takeoverId: "ann:3:0" } };
    expect(codeOf(story.write(node, expire, { cause: { seq: story.state.seq } }))).toBe("stale_cause");
  });

  test("SPEC 8.13: when it is withdrawn by who asked or by staff", () => {
    const { ann, op, story, claim, request } = withOperators();
    const bea = story.pen("bea", "ROLE_USER");
    const withdraw = (pen: Pen) => story.write(pen, { takeoverWithdrawn: { takeoverId: `ann:${ann.number}:0` } });
    request(ann);
    const asked: EventJson = { takeoverWithdrawn: { takeoverId: `ann:${ann.number}:0` } };
    expect(codeOf(story.write(bea, asked))).toBe("forged_actor");
    expect(codeOf(story.write(ann, asked))).toBe("accepted");
    expect(codeOf(story.write(ann, asked))).toBe("request_closed");
    request(ann);
    expect(codeOf(withdraw(op))).toBe("accepted");
    request(ann);
    claim(op);
    expect(withdraw(op).verdict).toMatchObject({ code: "already_decided", winner: "op" });
  });

  test("SPEC 8.13: when whoever has the floor stays away for the grace time, not before", () => {
    const { op, node, story, claim, run } = withOperators();
    const abandon = () => {
      const [due] = dues(story.state);
      return codeOf(story.write(node, due?.events ?? [], { cause: { seq: due?.causeSeq ?? 0 } }));
    };
    claim(op);
    expect(dues(story.state)).toEqual([]);
    story.write(op, { memberLeft: { member: "op" } });
    expect(dues(story.state)).toMatchObject([{ atMs: story.timeMs + 120_000 }]);
    story.timeMs += 119_999;
    expect(abandon()).toBe("not_due");
    story.write(op, joins("op", "op-again"));
    expect(dues(story.state)).toEqual([]);
    story.write(node, { nodeExpired: { node: "edge-1", incarnation: 1 } });
    story.timeMs += 120_000;
    expect(abandon()).toBe("accepted");
    expect(run()?.phase).toBe("RUN_PHASE_ACTIVE");
    expect([...story.state.takeovers.values()]).toMatchObject([{ outcome: "TAKEOVER_OUTCOME_ABANDONED" }]);
  });

  test("SPEC 8.13: the grace time is the policy's, and counts from the claim for who was never here", () => {
    const { ann, story, claim } = withOperators();
    story.write(ann, { sessionUpdated: { policy: { takeoverGraceMs: 5000 } } });
    claim(story.pen("ops-desk", "ROLE_OPERATOR"));
    expect(dues(story.state)).toMatchObject([{ atMs: story.timeMs + 5000 }]);
    const policy = { takeoverGraceMs: 25 * 3_600_000 };
    expect(codeOf(story.write(ann, { sessionUpdated: { policy } }))).toBe("invalid_event");
  });

  test("SPEC 8.13: abandoned it is called by nodes only, and they call it nothing else", () => {
    const { op, node, claim, release } = withOperators();
    claim(op);
    expect(codeOf(release(op, "TAKEOVER_OUTCOME_ABANDONED"))).toBe("forged_actor");
    expect(codeOf(release(node, "TAKEOVER_OUTCOME_HANDED_BACK"))).toBe("forged_actor");
    expect(codeOf(release(node, "TAKEOVER_OUTCOME_ABANDONED"))).toBe("stale_cause");
  });

  test("SPEC 8.13: when who has the floor is removed, and with the session", () => {
    const { ann, op, story, claim, request, run } = withOperators();
    claim(op);
    story.write(ann, { participantRemoved: { participant: "op" } });
    expect([claimedTakeover(story.state), run()?.phase]).toEqual([undefined, "RUN_PHASE_ACTIVE"]);
    claim(story.pen("oz", "ROLE_OPERATOR", { producer: "oz2" }));
    story.write(ann, { sessionClosed: {} });
    const closed = withOperators();
    closed.request(closed.ann);
    closed.story.write(closed.ann, { sessionClosed: {} });
    const ends = [...story.state.takeovers.values(), ...closed.story.state.takeovers.values()];
    expect(ends.map(({ phase, outcome }) => [phase, outcome])).toEqual([
      ["TAKEOVER_PHASE_RELEASED", "TAKEOVER_OUTCOME_ABANDONED"],
      ["TAKEOVER_PHASE_RELEASED", "TAKEOVER_OUTCOME_RESOLVED"],
      ["TAKEOVER_PHASE_WITHDRAWN", undefined],
    ]);
    expect(codeOf(request(ann))).toBe("session_closed");
  });
});

describe("a takeover that is over", () => {
  test("SPEC 8.13: stays as long as the runs that it held, then leaves for a page", () => {
    const { ann, bot, op, story, attempt, runId, claim, release } = withOperators({
      settledBytes: 2000,
      settledKeptBytes: 0,
    });
    const chatter = () => [1, 2, 3, 4].map(() => story.write(ann, said(ann, "x".repeat(300))));
    claim(op);
    release(op, "TAKEOVER_OUTCOME_HANDED_BACK", "first");
    chatter();
    claim(op);
    release(op, "TAKEOVER_OUTCOME_HANDED_BACK", "second");
    chatter();
    expect([...story.state.takeovers.values()].map(({ note }) => note)).toEqual(["second"]);
    expect(story.state.runs.get(runId)?.takeoverId).toBe([...story.state.takeovers.keys()][0]);
    story.write(bot, { runCompleted: { runId } }, { attempt });
    chatter();
    expect(story.state.takeovers.size).toBe(0);
    expect(story.pages.flatMap(({ takeovers = [] }) => takeovers.map(({ note }) => note))).toEqual(["first", "second"]);
    expect(codeOf(claim(op, "op:2:0"))).toBe("archived");
  });

  test("SPEC 11.2: a session that is full can be taken over, and given back with a note", () => {
    const { bot, op, story, runId, attempt, claim, release } = withOperators({ heldBytes: 1500 });
    while (codeOf(story.write(bot, { controlSteer: { runId, text: "x".repeat(50) } }, { attempt })) === "accepted");
    expect(codeOf(story.write(op, { messageOpened: { role: "MESSAGE_ROLE_OPERATOR" } }))).toBe("session_full");
    expect(codeOf(claim(op))).toBe("accepted");
    expect(codeOf(release(op, "TAKEOVER_OUTCOME_HANDED_BACK", "n".repeat(10_000)))).toBe("accepted");
  });
});

describe("who sees what of a takeover", () => {
  test("SPEC 13.9: that there is one, everybody; the summary and the notes, staff", () => {
    const { story, ann, op, claim, release, request } = withOperators();
    const results = [request(ann), claim(op), release(op, "TAKEOVER_OUTCOME_HANDED_BACK", "offer 10 %")];
    const texts = (level: "all" | "staff" | "agents") =>
      [project(story.state, level), ...results.map(({ accepted }) => accepted && projectAccepted(accepted, level))].map(
        (seen) => JSON.stringify(seen),
      );
    for (const level of ["staff", "agents"] as const) {
      expect(texts(level).filter((text) => text.includes("limit: 100"))).toHaveLength(2);
      expect(texts(level).filter((text) => text.includes("offer 10 %"))).toHaveLength(2);
    }
    expect(texts("all").some((text) => text.includes("limit: 100") || text.includes("offer 10 %"))).toBe(false);
    expect(project(story.state, "all").takeovers).toMatchObject([{ reason: "angry", holder: "op" }]);
    expect(codeOf(story.write(op, { takeoverClaimed: {} }, { audience: "AUDIENCE_STAFF" }))).toBe("audience_mismatch");
  });
});
