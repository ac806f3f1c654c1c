import type { EventJson, RequestOpenedJson, RoleJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, storyAtWork } from "./testing/story.ts";
import { dues } from "./index.ts";

const choices = [{ value: "approve", label: "Approve" }, { value: "refuse" }];

function asked(fields: RequestOpenedJson = {}) {
  const work = storyAtWork();
  const { story, bot, runId, attempt } = work;
  const opened = { runId, kind: "REQUEST_KIND_CHOICE", title: "Refund?", choices, ...fields } as const;
  expect(codeOf(story.write(bot, { requestOpened: opened }, { attempt }))).toBe("accepted");
  const requestId = `bot:${bot.number}:0`;
  const answer = (payload = '"approve"'): EventJson => ({
    requestAnswered: { requestId, action: "ANSWER_ACTION_ACCEPT", payload },
  });
  return { ...work, requestId, answer, request: () => story.state.requests.get(requestId) };
}

describe("a request", () => {
  test("SPEC 7.1: is decided by the first answer; the others are told who won", () => {
    const { story, ann, answer, request } = asked();
    expect(codeOf(story.write(ann, answer()))).toBe("accepted");
    const bea = story.pen("bea", "ROLE_USER");
    expect(story.write(bea, answer('"refuse"')).verdict).toMatchObject({ code: "already_decided", winner: "ann" });
    expect(request()).toMatchObject({ phase: "REQUEST_PHASE_ANSWERED", answeredBy: "ann", payload: '"approve"' });
  });

  test("SPEC 7.1: that was withdrawn takes no answer", () => {
    const { story, ann, bot, attempt, requestId, answer } = asked();
    expect(codeOf(story.write(bot, { requestWithdrawn: { requestId } }))).toBe("attempt_required");
    expect(codeOf(story.write(bot, { requestWithdrawn: { requestId } }, { attempt }))).toBe("accepted");
    expect(codeOf(story.write(ann, answer()))).toBe("request_closed");
    expect(codeOf(story.write(bot, { requestWithdrawn: { requestId } }, { attempt }))).toBe("request_closed");
  });

  test.each<[RoleJson, RoleJson[], string]>([
    ["ROLE_USER", [], "accepted"],
    ["ROLE_OPERATOR", [], "accepted"],
    ["ROLE_SERVICE", [], "forbidden"],
    ["ROLE_OBSERVER", [], "forbidden"],
    ["ROLE_SERVICE", ["ROLE_SERVICE"], "accepted"],
    ["ROLE_USER", ["ROLE_OPERATOR"], "forbidden"],
    ["ROLE_OBSERVER", ["ROLE_OBSERVER"], "forbidden"],
  ])("SPEC 7.3: %s answers where it asks %j: %s", (role, roles, code) => {
    const { story, answer } = asked({ roles });
    expect(codeOf(story.write(story.pen("cid", role), answer()))).toBe(code);
  });

  test("SPEC 7.3: with choices is accepted with one of them, as JSON", () => {
    const { story, ann, requestId, answer } = asked();
    for (const payload of ["approve", '"maybe"', "", "{}"]) {
      expect(codeOf(story.write(ann, answer(payload)))).toBe("invalid_answer");
    }
    const decline = { requestAnswered: { requestId, action: "ANSWER_ACTION_DECLINE" } } as const;
    expect(codeOf(story.write(ann, decline))).toBe("accepted");
  });

  test("SPEC 8.5: expires at its time, with its default, once", () => {
    const { story, ann, node, requestId, answer, request } = asked({
      expiresInMs: 900_000,
      defaultPayload: '"refuse"',
    });
    const dueMs = story.timeMs + 900_000;
    const expiry = { requestExpired: { requestId } };
    expect(dues(story.state)).toMatchObject([{ atMs: dueMs, events: [expiry] }]);
    const cause = { seq: story.state.seq };
    expect(codeOf(story.write(node, expiry, { cause }))).toBe("not_due");
    story.timeMs = dueMs;
    expect(codeOf(story.write(node, expiry, { cause }))).toBe("accepted");
    expect(request()).toMatchObject({ phase: "REQUEST_PHASE_EXPIRED", payload: '"refuse"' });
    expect(codeOf(story.write(node, expiry, { cause }))).toBe("stale_cause");
    expect(codeOf(story.write(ann, answer()))).toBe("request_closed");
    expect(dues(story.state)).toEqual([]);
  });

  test("SPEC 4.10: an answer that came meanwhile makes its expiry stale", () => {
    const { story, ann, node, requestId, answer } = asked({ expiresInMs: 10 });
    const cause = { seq: story.state.seq };
    story.timeMs += 10;
    expect(codeOf(story.write(ann, answer()))).toBe("accepted");
    expect(codeOf(story.write(node, { requestExpired: { requestId } }, { cause }))).toBe("stale_cause");
  });

  test("SPEC 4.10: a cause ahead of the session, or none, is stale", () => {
    const { story, node, requestId } = asked({ expiresInMs: 10 });
    story.timeMs += 10;
    const expiry = { requestExpired: { requestId } };
    expect(codeOf(story.write(node, expiry))).toBe("stale_cause");
    expect(codeOf(story.write(node, expiry, { cause: { seq: 1_000_000 } }))).toBe("stale_cause");
    expect(codeOf(story.write(node, expiry, { cause: { seq: story.state.seq } }))).toBe("accepted");
  });

  test("an answered request stays until its run ends, for another attempt to read", () => {
    const { story, ann, bot, runId, attempt, answer, request } = asked();
    story.write(ann, answer());
    expect(request()?.settled).toBe(false);
    story.write(bot, { runCompleted: { runId } }, { attempt });
    expect(request()?.settled).toBe(true);
  });
});
