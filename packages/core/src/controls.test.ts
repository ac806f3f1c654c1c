import type { EventJson, ReceiptStateJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, storyAtWork } from "./testing/story.ts";
import { dues } from "./index.ts";

describe("cancelling", () => {
  test("SPEC 8.2: a run that nobody has ends at once", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, { runRequested: {} });
    story.write(ann, { controlCancel: { runId: "ann:3:0", reason: "never mind" } });
    expect(story.state.runs.get("ann:3:0")?.phase).toBe("RUN_PHASE_CANCELLED");
    expect(story.state.controls.get("ann:4:0")).toMatchObject({ receipt: "RECEIPT_LEVEL_APPLIED", settled: true });
    expect(dues(story.state)).toEqual([]);
  });

  test("SPEC 8.2: an agent that does not obey in time is cut off and fenced, not before", () => {
    const { story, ann, bot, node, runId, attempt } = storyAtWork();
    story.write(ann, { controlCancel: { runId } });
    const controlId = "ann:3:0";
    story.timeMs += 3000;
    story.write(ann, { controlCancel: { runId } });
    const [due] = dues(story.state);
    const cutOff = { runCancelled: { runId, controlId, cutOff: true } };
    expect(due).toMatchObject({ atMs: story.timeMs + 7000, events: [cutOff] });
    story.timeMs += 6999;
    expect(codeOf(story.write(node, cutOff, { cause: { seq: story.state.seq } }))).toBe("not_due");
    story.timeMs += 1;
    expect(codeOf(story.write(node, cutOff, { cause: { seq: story.state.seq } }))).toBe("accepted");
    expect(story.state.runs.get(runId)?.phase).toBe("RUN_PHASE_CANCELLED");
    expect(codeOf(story.write(bot, { agentProgress: { runId } }, { attempt }))).toBe("fenced");
    expect(codeOf(story.write(node, cutOff, { cause: { seq: story.state.seq } }))).toBe("stale_cause");
  });

  test("SPEC 8.2: an agent that says it obeys must still do so", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(ann, { controlCancel: { runId } });
    story.write(bot, { controlReceipt: { controlId: "ann:3:0", state: "RECEIPT_STATE_APPLIED" } }, { attempt });
    expect(dues(story.state)).toMatchObject([{ events: [{ runCancelled: { cutOff: true } }] }]);
    story.write(bot, { runCancelled: { runId, controlId: "ann:3:0" } }, { attempt });
    expect(dues(story.state)).toEqual([]);
  });

  test("SPEC 8.2: where its agent is gone, the run ends instead of waiting for another", () => {
    const { story, ann, bot, node, runId } = storyAtWork();
    story.write(ann, { controlCancel: { runId } });
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    story.write(node, { runOrphaned: { runId, instance: "bot-1" } }, { cause: { seq: story.state.seq } });
    expect(story.state.runs.get(runId)?.phase).toBe("RUN_PHASE_CANCELLED");
  });

  test("SPEC 8.2: only a node cuts off, and only the attempt cancels by itself", () => {
    const { story, ann, bot, node, runId, attempt } = storyAtWork();
    story.write(ann, { controlCancel: { runId } });
    story.timeMs += 60_000;
    const cutOff = { runCancelled: { runId, controlId: "ann:3:0", cutOff: true } };
    expect(codeOf(story.write(bot, cutOff, { attempt }))).toBe("forged_actor");
    expect(codeOf(story.write(node, { runCancelled: { runId } }))).toBe("forged_actor");
    expect(codeOf(story.write(ann, { runCancelled: { runId } }))).toBe("forbidden");
  });
});

describe("the end of a run", () => {
  test("SPEC 8.3: closes, ends, withdraws and settles all that is open in it", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(bot, { stepStarted: { runId, key: "answer" } }, { attempt });
    const { messageId, partId } = openText(story, bot, { runId, attempt, stepId: `bot:${bot.number}:0` });
    story.write(bot, { requestOpened: { runId, kind: "REQUEST_KIND_FORM" } }, { attempt });
    const requestId = `bot:${bot.number}:0`;
    story.write(ann, { controlSteer: { runId, text: "faster" } });
    story.write(ann, { controlCancel: { runId } });
    story.write(bot, { runCancelled: { runId } }, { attempt });
    const { messages, parts, requests, controls, runs, heldWeight, heldMessages } = story.state;
    expect(messages.get(messageId)).toMatchObject({ closed: true });
    expect(parts.get(partId)).toMatchObject({ closed: true });
    expect(requests.get(requestId)?.phase).toBe("REQUEST_PHASE_WITHDRAWN");
    expect(runs.get(runId)?.steps[0]?.phase).toBe("STEP_PHASE_FAILED");
    expect(controls.get("ann:3:0")).toMatchObject({ receipt: "RECEIPT_LEVEL_REFUSED", code: "missed" });
    expect(controls.get("ann:4:0")).toMatchObject({ receipt: "RECEIPT_LEVEL_APPLIED" });
    expect([heldWeight, heldMessages.size]).toEqual([0, 0]);
  });

  test("SPEC 8.3: a cancel that came too late was missed", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(ann, { controlCancel: { runId } });
    story.write(bot, { runCompleted: { runId, result: "42" } }, { attempt });
    expect(story.state.controls.get("ann:3:0")).toMatchObject({ receipt: "RECEIPT_LEVEL_REFUSED", code: "missed" });
  });
});

describe("a signal", () => {
  const receipt = (state: ReceiptStateJson): EventJson => ({ controlReceipt: { controlId: "ann:3:0", state } });

  test("SPEC 8.7: goes from sent to received to applied or refused, never back", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(ann, { controlSteer: { runId, text: "only direct" } });
    const level = () => story.state.controls.get("ann:3:0")?.receipt;
    expect(level()).toBe("RECEIPT_LEVEL_SENT");
    const say = (state: ReceiptStateJson) => codeOf(story.write(bot, receipt(state), { attempt }));
    expect(say("RECEIPT_STATE_RECEIVED")).toBe("accepted");
    expect(say("RECEIPT_STATE_RECEIVED")).toBe("receipt_out_of_order");
    expect(say("RECEIPT_STATE_APPLIED")).toBe("accepted");
    expect(say("RECEIPT_STATE_REFUSED")).toBe("receipt_out_of_order");
    expect(level()).toBe("RECEIPT_LEVEL_APPLIED");
  });

  test("SPEC 8.7: is answered by the attempt that it is for", () => {
    const { story, ann, bot, runId } = storyAtWork();
    story.write(ann, { controlPause: { runId } });
    expect(codeOf(story.write(bot, receipt("RECEIPT_STATE_APPLIED")))).toBe("attempt_required");
  });

  test.each<[string, (runId: string) => EventJson]>([
    ["cancel", (runId) => ({ controlCancel: { runId } })],
    ["steer", (runId) => ({ controlSteer: { runId, text: "x" } })],
    ["redirect", (runId) => ({ controlRedirect: { runId } })],
    ["pause", (runId) => ({ controlPause: { runId } })],
    ["resume", (runId) => ({ controlResume: { runId } })],
  ])("SPEC 8.7: %s is told that the run has ended", (_kind, signal) => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(bot, { runCompleted: { runId } }, { attempt });
    expect(codeOf(story.write(ann, signal(runId)))).toBe("run_ended");
    expect(codeOf(story.write(ann, signal("nobody:1:0")))).toBe("not_found");
  });
});
