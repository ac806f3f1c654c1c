import type { EventJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, storyAtWork } from "./testing/story.ts";
import { dues, toHead } from "./index.ts";

describe("a session", () => {
  test("is changed field by field", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, { sessionUpdated: { tags: { values: ["a", "b"] }, metadata: "{}" } });
    expect(story.state.info).toMatchObject({ title: "Trip", tags: ["a", "b"], metadata: "{}" });
    story.write(ann, { sessionUpdated: { title: "", tags: {} } });
    expect(toHead(story.state).info).not.toHaveProperty("title");
    expect(story.state.info.tags).toEqual([]);
  });

  test("SPEC 8.6: that is closed ends all that is open in it", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    const { messageId } = openText(story, bot, { runId, attempt });
    story.write(bot, { requestOpened: { kind: "REQUEST_KIND_FORM" } });
    story.write(ann, { messageOpened: { role: "MESSAGE_ROLE_USER" } });
    expect(codeOf(story.write(ann, { sessionClosed: { reason: "done" } }))).toBe("accepted");
    expect(story.state.runs.get(runId)?.phase).toBe("RUN_PHASE_CANCELLED");
    expect(story.state.messages.get(messageId)?.closed).toBe(true);
    expect(story.state.messages.get("ann:3:0")?.closed).toBe(true);
    expect([...story.state.requests.values()][0]?.phase).toBe("REQUEST_PHASE_WITHDRAWN");
    expect([story.state.heldWeight, story.state.heldMessages.size]).toEqual([0, 0]);
    expect(dues(story.state)).toEqual([]);
  });

  test("SPEC 8.6: that is closed takes only presence", () => {
    const { story, ann, bot, node } = storyAtWork();
    story.write(ann, { sessionClosed: {} });
    expect(codeOf(story.write(ann, { runRequested: {} }))).toBe("session_closed");
    expect(codeOf(story.write(ann, { sessionClosed: {} }))).toBe("session_closed");
    expect(codeOf(story.write(ann, { sessionCreated: {} }))).toBe("already_exists");
    expect(codeOf(story.send(ann, { transient: { kind: "typing" } }, { first: 0, last: 0 }))).toBe("session_closed");
    const joins = { memberJoined: { member: "m1", participant: "ann", role: "ROLE_USER" } } as const;
    expect(codeOf(story.write(ann, joins))).toBe("accepted");
    expect(codeOf(story.write(ann, { memberLeft: { member: "m1" } }))).toBe("accepted");
    expect(codeOf(story.write(node, { agentLost: { instance: "bot-1", attachment: "stream-1" } }))).toBe("accepted");
    expect(codeOf(story.write(bot, { agentLeft: { instance: "bot-1" } }))).toBe("accepted");
  });

  test("SPEC 13.8: is closed, policed and shared by the user who began it, by operators and by services", () => {
    const { story, ann } = storyAtWork();
    const bea = story.pen("bea", "ROLE_USER");
    const events: readonly EventJson[] = [
      { sessionUpdated: { policy: { defaultAgent: "mine" } } },
      { participantInvited: { participant: "cid", role: "ROLE_USER" } },
      { participantRemoved: { participant: "cid" } },
      { sessionClosed: {} },
    ];
    for (const event of events) expect(codeOf(story.write(bea, event))).toBe("forbidden");
    expect(codeOf(story.write(bea, { sessionUpdated: { title: "Ours" } }))).toBe("accepted");
    const crown = { participantInvited: { participant: "cid", role: "ROLE_OPERATOR" } } as const;
    expect(codeOf(story.write(ann, crown))).toBe("forbidden");
    const op = story.pen("op", "ROLE_OPERATOR");
    expect(codeOf(story.write(op, crown))).toBe("accepted");
    for (const event of events) expect(codeOf(story.write(ann, event))).toBe("accepted");
  });

  test("has a policy within reason", () => {
    const { story, ann } = storyAtWork();
    const policy = { cancelGraceMs: 100_000_000 };
    expect(codeOf(story.write(ann, { sessionUpdated: { policy } }))).toBe("invalid_event");
  });
});
