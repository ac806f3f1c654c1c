import type { AudienceJson, EventJson, RoleJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, type Pen, storyAtWork } from "./testing/story.ts";
import type { EventKind } from "./index.ts";
import { isAllowed, mayWrite } from "./permissions.ts";

const roles: readonly RoleJson[] = [
  "ROLE_USER",
  "ROLE_AGENT",
  "ROLE_OPERATOR",
  "ROLE_OBSERVER",
  "ROLE_SERVICE",
  "ROLE_SYSTEM",
];
// `transient` is no event of a numbered record: SPEC 12.4.
const kinds = Object.keys(mayWrite).filter((kind): kind is EventKind => kind in mayWrite && kind !== "transient");

describe("roles", () => {
  test("SPEC 13.2: a kind that a role may not write is forbidden, whatever it says", () => {
    for (const role of roles) {
      for (const kind of kinds) {
        const { story } = storyAtWork();
        const pen = story.pen("zoe", role, role === "ROLE_AGENT" ? { instance: "zoe-1" } : {});
        const code = codeOf(story.write(pen, { [kind]: {} }));
        expect([role, kind, isAllowed(role, kind) || code === "forbidden"]).toEqual([role, kind, true]);
      }
    }
  });

  test("SPEC 13.2: observers write their presence only, and no role outside the table writes anything", () => {
    const observed = kinds.filter((kind) => isAllowed("ROLE_OBSERVER", kind));
    expect(observed).toEqual(["memberJoined", "memberUpdated", "memberLeft"]);
    expect(kinds.filter((kind) => isAllowed("ROLE_UNSPECIFIED", kind))).toEqual([]);
  });

  test("SPEC 13.2: derived events are for nodes", () => {
    const derived = kinds.filter((kind) => mayWrite[kind].every((role) => role === "system"));
    expect(derived).toEqual([
      "rulesUpgraded",
      "nodeExpired",
      "observersCounted",
      "agentLost",
      "agentCrashed",
      "runOrphaned",
      "requestExpired",
      "poolQueued",
      "poolOffered",
      "poolFreed",
      "poolTaken",
      "takeoverExpired",
      "budgetWarned",
      "budgetExhausted",
    ]);
  });
});

describe("audiences", () => {
  test.each<[RoleJson, AudienceJson, string]>([
    ["ROLE_USER", "AUDIENCE_STAFF", "forbidden_audience"],
    ["ROLE_USER", "AUDIENCE_AGENTS", "forbidden_audience"],
    ["ROLE_OPERATOR", "AUDIENCE_STAFF", "accepted"],
    ["ROLE_OPERATOR", "AUDIENCE_AGENTS", "forbidden_audience"],
    ["ROLE_SERVICE", "AUDIENCE_AGENTS", "forbidden_audience"],
    ["ROLE_AGENT", "AUDIENCE_AGENTS", "accepted"],
  ])("SPEC 13.3: %s to %s: %s", (role, audience, code) => {
    const { story } = storyAtWork();
    const pen = story.pen("zoe", role, { instance: "zoe-1" });
    expect(codeOf(story.write(pen, { runRequested: {} }, { audience }))).toBe(code);
  });

  /** A run that only staff sees, with an agent at work. */
  function secret() {
    const work = storyAtWork();
    const { story, bot } = work;
    const op = story.pen("op", "ROLE_OPERATOR");
    story.write(op, { runRequested: {} }, { audience: "AUDIENCE_STAFF" });
    const runId = "op:1:0";
    const accepted = story.write(bot, { runAccepted: { runId, instance: "bot-1" } }, { audience: "AUDIENCE_STAFF" });
    const attempt = accepted.verdict.seq;
    const write = (pen: Pen, event: EventJson, audience: AudienceJson, fields = {}) =>
      codeOf(story.write(pen, event, { audience, ...fields }));
    return { ...work, op, runId, attempt, write };
  }

  test("SPEC 13.4: an event about an item has the item's audience", () => {
    const { ann, op, bot, runId, attempt, write } = secret();
    const progress = { agentProgress: { runId, label: "x" } };
    expect(write(bot, progress, "AUDIENCE_ALL", { attempt })).toBe("audience_mismatch");
    expect(write(bot, progress, "AUDIENCE_AGENTS", { attempt })).toBe("audience_mismatch");
    expect(write(bot, progress, "AUDIENCE_STAFF", { attempt })).toBe("accepted");
    expect(write(op, { controlCancel: { runId } }, "AUDIENCE_ALL")).toBe("audience_mismatch");
    expect(write(ann, { controlCancel: { runId } }, "AUDIENCE_ALL")).toBe("not_found");
    expect(write(op, { controlCancel: { runId } }, "AUDIENCE_STAFF")).toBe("accepted");
  });

  test("SPEC 13.4: what is written in an item may be for fewer, not for more", () => {
    const { bot, runId, attempt, write } = secret();
    const message: EventJson = { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId } };
    expect(write(bot, message, "AUDIENCE_ALL", { attempt })).toBe("audience_mismatch");
    expect(write(bot, message, "AUDIENCE_STAFF", { attempt })).toBe("accepted");
    const part: EventJson = { partOpened: { messageId: `bot:${bot.number}:0`, part: { kind: "PART_KIND_REASONING" } } };
    expect(write(bot, part, "AUDIENCE_ALL", { attempt })).toBe("audience_mismatch");
    expect(write(bot, part, "AUDIENCE_AGENTS", { attempt })).toBe("accepted");
    const append = (text: string): EventJson => ({ partAppended: { partId: `bot:${bot.number}:0`, text } });
    expect(write(bot, append("hm"), "AUDIENCE_AGENTS", { attempt })).toBe("accepted");
    const request: EventJson = { requestOpened: { runId, kind: "REQUEST_KIND_FORM" } };
    expect(write(bot, request, "AUDIENCE_ALL", { attempt })).toBe("audience_mismatch");
    expect(write(bot, request, "AUDIENCE_STAFF", { attempt })).toBe("accepted");
  });

  test("SPEC 13.4: a whisper to the agent at work on a public run", () => {
    const { story, bot, runId, attempt } = storyAtWork();
    const op = story.pen("op", "ROLE_OPERATOR");
    const staff = { audience: "AUDIENCE_STAFF" } as const;
    expect(codeOf(story.write(op, { controlSteer: { runId, text: "offer 10 %" } }, staff))).toBe("accepted");
    const receipt = { controlReceipt: { controlId: "op:1:0", state: "RECEIPT_STATE_APPLIED" } } as const;
    expect(codeOf(story.write(bot, receipt, { attempt }))).toBe("audience_mismatch");
    expect(codeOf(story.write(bot, receipt, { attempt, ...staff }))).toBe("accepted");
  });

  test("SPEC 13.4: what has no audience of its own is for all", () => {
    const { story } = storyAtWork();
    const op = story.pen("op", "ROLE_OPERATOR");
    const joins = { memberJoined: { member: "m", participant: "op", role: "ROLE_OPERATOR" } } as const;
    for (const event of [joins, { sessionUpdated: { title: "x" } }]) {
      expect(codeOf(story.write(op, event, { audience: "AUDIENCE_STAFF" }))).toBe("audience_mismatch");
    }
  });

  test("SPEC 13.4: to whom an item is hidden, it is not there", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    const { messageId } = openText(story, bot, { runId, attempt });
    const hidden = { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text: "s" } } } as const;
    story.write(bot, hidden, { attempt, audience: "AUDIENCE_AGENTS" });
    const note = { partAnnotated: { partId: `bot:${bot.number}:0`, annotation: { kind: "rating" } } };
    expect(codeOf(story.write(ann, note))).toBe("not_found");
  });
});
