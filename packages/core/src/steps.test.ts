import { describe, expect, test } from "vitest";
import { codeOf, openText, seqOf, type Story, storyAtWork } from "./testing/story.ts";

type Work = ReturnType<typeof storyAtWork>;

function step({ story, bot, runId, attempt }: Work, key: string, parentStepId = ""): string {
  expect(codeOf(story.write(bot, { stepStarted: { runId, key, parentStepId } }, { attempt }))).toBe("accepted");
  return `${bot.producer}:${bot.number}:0`;
}

/** The agent's process dies and another instance takes the run. */
function takeOver({ story, node, runId }: Work) {
  story.write(node, { agentLost: { instance: "bot-1", attachment: "stream-1" } });
  story.timeMs += 10_000;
  story.write(node, { agentCrashed: { instance: "bot-1" } }, { cause: { seq: story.state.seq } });
  const bot = story.pen("bot", "ROLE_AGENT", { producer: "bot-2", instance: "bot-2" });
  story.write(bot, { agentJoined: { agent: "planner", instance: "bot-2", attachment: "stream-2" } });
  return { bot, attempt: seqOf(story.write(bot, { runAccepted: { runId, instance: "bot-2" } })) };
}

const phases = (story: Story, runId: string) =>
  Object.fromEntries((story.state.runs.get(runId)?.steps ?? []).map(({ id, phase }) => [id, phase]));

describe("a new attempt", () => {
  test("SPEC 6.2: voids open steps and what was written in them, and messages left open", () => {
    const work = storyAtWork();
    const { story, bot, runId, attempt } = work;
    const done = step(work, "load");
    const kept = openText(story, bot, { runId, attempt, stepId: done });
    story.write(bot, { stepClosed: { stepId: done, result: '{"n":1}' } }, { attempt });
    const said = openText(story, bot, { runId, attempt });
    story.write(bot, { messageClosed: { messageId: said.messageId } }, { attempt });
    const open = step(work, "answer");
    const half = openText(story, bot, { runId, attempt, stepId: open });
    story.write(bot, { messageClosed: { messageId: half.messageId } }, { attempt });
    const cut = openText(story, bot, { runId, attempt });
    takeOver(work);
    expect([...story.state.messages.keys()]).toEqual([kept.messageId, said.messageId]);
    expect(story.state.messages.get(kept.messageId)?.closed).toBe(true);
    expect(phases(story, runId)).toEqual({ [done]: "STEP_PHASE_DONE", [open]: "STEP_PHASE_SUPERSEDED" });
    expect(story.state.steps.get(done)?.result).toBe('{"n":1}');
    const gone = [...story.state.tombstones.values()].map(({ id }) => id);
    expect(gone).toEqual([half.messageId, cut.messageId]);
  });

  test("SPEC 6.2: leaves other runs and people's messages alone", () => {
    const work = storyAtWork();
    const { story, ann } = work;
    story.write(ann, { messageOpened: { role: "MESSAGE_ROLE_USER" } });
    takeOver(work);
    expect([...story.state.messages.keys()]).toEqual(["ann:3:0"]);
  });
});

describe("a step", () => {
  test("SPEC 6.6: that is started again supersedes the earlier, and is rid of it when it ends", () => {
    const work = storyAtWork();
    const { story, bot, runId, attempt } = work;
    const first = step(work, "answer");
    const inner = step(work, "search", first);
    const innerDone = step(work, "read", first);
    story.write(bot, { stepClosed: { stepId: innerDone } }, { attempt });
    const { messageId } = openText(story, bot, { runId, attempt, stepId: first });
    const second = step(work, "answer");
    expect(phases(story, runId)).toMatchObject({
      [first]: "STEP_PHASE_SUPERSEDED",
      [inner]: "STEP_PHASE_SUPERSEDED",
      [innerDone]: "STEP_PHASE_DONE",
      [second]: "STEP_PHASE_OPEN",
    });
    expect(story.state.messages.has(messageId)).toBe(false);
    story.write(bot, { stepClosed: { stepId: second } }, { attempt });
    expect(Object.keys(phases(story, runId))).toEqual([inner, innerDone, second]);
  });

  test("SPEC 6.6: that failed may be done again, and then its messages go", () => {
    const work = storyAtWork();
    const { story, bot, runId, attempt } = work;
    const failed = step(work, "answer");
    const { messageId } = openText(story, bot, { runId, attempt, stepId: failed });
    story.write(bot, { stepClosed: { stepId: failed, error: "timeout" } }, { attempt });
    expect(story.state.messages.get(messageId)).toMatchObject({
      closed: true,
      finish: "FINISH_REASON_ERROR",
      settled: false,
    });
    step(work, "answer");
    expect(story.state.messages.has(messageId)).toBe(false);
  });

  test("SPEC 6.6: that is done is final", () => {
    const work = storyAtWork();
    const { story, bot, runId, attempt } = work;
    const done = step(work, "load");
    story.write(bot, { stepClosed: { stepId: done, result: "1" } }, { attempt });
    expect(codeOf(story.write(bot, { stepStarted: { runId, key: "load" } }, { attempt }))).toBe("step_ended");
    expect(codeOf(story.write(bot, { stepSuperseded: { stepId: done } }, { attempt }))).toBe("step_ended");
    expect(codeOf(story.write(bot, { stepClosed: { stepId: done } }, { attempt }))).toBe("step_ended");
    const inDone = { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId, stepId: done } } as const;
    expect(codeOf(story.write(bot, inDone, { attempt }))).toBe("step_ended");
  });

  test("SPEC 6.6: can be voided by its attempt", () => {
    const work = storyAtWork();
    const { story, bot, runId, attempt } = work;
    const open = step(work, "answer");
    const { messageId } = openText(story, bot, { runId, attempt, stepId: open });
    expect(codeOf(story.write(bot, { stepSuperseded: { stepId: open } }, { attempt }))).toBe("accepted");
    expect(story.state.messages.has(messageId)).toBe(false);
    expect(codeOf(story.write(bot, { stepClosed: { stepId: open } }, { attempt }))).toBe("step_ended");
  });
});
