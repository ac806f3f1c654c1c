import type { EventJson, MessageOpenedJson, MessageRoleJson, RoleJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, said, storyAtWork } from "./testing/story.ts";

/** A user has said something, and something else below it. */
function conversation() {
  const work = storyAtWork();
  const { story, ann } = work;
  const open = (fields: MessageOpenedJson = {}, pen = ann, role: MessageRoleJson = "MESSAGE_ROLE_USER") =>
    story.write(pen, { messageOpened: { role, ...fields } });
  open();
  open({ parentId: "ann:3:0" });
  return { ...work, open, root: "ann:3:0", child: "ann:4:0" };
}

describe("the tree of messages", () => {
  test("SPEC 10.8: siblings are branches, and an edit stands beside what it edits", () => {
    const { story, open, root, child } = conversation();
    expect(codeOf(open({ parentId: root }))).toBe("accepted");
    expect(codeOf(open({ parentId: root, editOf: child }))).toBe("accepted");
    expect(story.state.messages.get("ann:6:0")).toMatchObject({ parentId: root, editOf: child });
    expect(codeOf(open({ parentId: child, editOf: child }))).toBe("invalid_event");
    expect(codeOf(open({ editOf: child }))).toBe("invalid_event");
  });

  test("SPEC 10.8: another answer stands beside the first, a continuation below what it continues", () => {
    const { story, bot, open, root, child } = conversation();
    const assistant = (fields: MessageOpenedJson) => codeOf(open(fields, bot, "MESSAGE_ROLE_ASSISTANT"));
    expect(assistant({ parentId: root, regenerates: child })).toBe("accepted");
    expect(assistant({ regenerates: child })).toBe("invalid_event");
    expect(assistant({ parentId: child, continues: child })).toBe("accepted");
    expect(assistant({ parentId: root, continues: child })).toBe("invalid_event");
    expect(story.state.messages.size).toBe(4);
  });

  test("SPEC 13.1: people edit what they wrote themselves", () => {
    const { story, open, root, child } = conversation();
    const bea = story.pen("bea", "ROLE_USER");
    expect(codeOf(open({ parentId: root, editOf: child }, bea))).toBe("forged_actor");
    const op = story.pen("op", "ROLE_OPERATOR");
    expect(codeOf(open({ parentId: root, editOf: child }, op, "MESSAGE_ROLE_OPERATOR"))).toBe("accepted");
  });

  test("SPEC 10.7, 10.8: a parent that never was, or was taken away, is told", () => {
    const { story, ann, open, root } = conversation();
    expect(codeOf(open({ parentId: "nobody:1:0" }))).toBe("not_found");
    story.write(ann, { messageRemoved: { messageId: root } });
    expect(codeOf(open({ parentId: root }))).toBe("removed");
    expect(codeOf(story.write(ann, { messageClosed: { messageId: root } }))).toBe("removed");
  });
});

describe("a message", () => {
  const voices: [RoleJson, MessageRoleJson, string][] = [
    ["ROLE_USER", "MESSAGE_ROLE_USER", "accepted"],
    ["ROLE_USER", "MESSAGE_ROLE_ASSISTANT", "forbidden"],
    ["ROLE_USER", "MESSAGE_ROLE_SYSTEM", "forbidden"],
    ["ROLE_OPERATOR", "MESSAGE_ROLE_OPERATOR", "accepted"],
    ["ROLE_OPERATOR", "MESSAGE_ROLE_USER", "forbidden"],
    ["ROLE_AGENT", "MESSAGE_ROLE_ASSISTANT", "accepted"],
    ["ROLE_AGENT", "MESSAGE_ROLE_TOOL", "accepted"],
    ["ROLE_AGENT", "MESSAGE_ROLE_USER", "forbidden"],
    ["ROLE_SERVICE", "MESSAGE_ROLE_USER", "accepted"],
    ["ROLE_OBSERVER", "MESSAGE_ROLE_USER", "forbidden"],
  ];
  test.each(voices)("SPEC 13.7: of %s in the voice of %s: %s", (role, voice, code) => {
    const { story } = storyAtWork();
    const pen = story.pen("cid", role, role === "ROLE_AGENT" ? { instance: "i" } : {});
    expect(codeOf(story.write(pen, { messageOpened: { role: voice } }))).toBe(code);
  });

  test("SPEC 13.1: is its author's to change and close, and taken away by staff too", () => {
    const { story, root } = conversation();
    const bea = story.pen("bea", "ROLE_USER");
    const foreign: readonly EventJson[] = [
      { messageClosed: { messageId: root } },
      { messageUpdated: { messageId: root, metadata: "{}" } },
      { messageRemoved: { messageId: root } },
      { partOpened: { messageId: root, part: { kind: "PART_KIND_TEXT" } } },
    ];
    for (const event of foreign) expect(codeOf(story.write(bea, event))).toBe("forged_actor");
    const op = story.pen("op", "ROLE_OPERATOR");
    expect(codeOf(story.write(op, { messageRemoved: { messageId: root } }))).toBe("accepted");
  });

  test("closes its open parts, once", () => {
    const { story, ann, root } = conversation();
    story.write(ann, { partOpened: { messageId: root, part: { kind: "PART_KIND_TEXT", text: "hi" } } });
    const close = { messageClosed: { messageId: root, finish: "FINISH_REASON_STOP" } } as const;
    expect(codeOf(story.write(ann, close))).toBe("accepted");
    expect(story.state.parts.get("ann:5:0")).toMatchObject({ closed: true, finish: "FINISH_REASON_STOP" });
    expect(codeOf(story.write(ann, close))).toBe("message_closed");
    const late = { partOpened: { messageId: root, part: { kind: "PART_KIND_TEXT" } } } as const;
    expect(codeOf(story.write(ann, late))).toBe("message_closed");
  });

  test("is sent with its request for an agent in one record", () => {
    const { story, ann } = storyAtWork();
    const sent = story.write(ann, [...said(ann, "Find me a flight"), { runRequested: { inputMessageId: "ann:3:0" } }]);
    expect(codeOf(sent)).toBe("accepted");
    expect(story.state.runs.get("ann:3:3")).toMatchObject({ agent: "planner", inputMessageId: "ann:3:0" });
  });
});
