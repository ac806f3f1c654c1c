import { describe, expect, test } from "vitest";
import { codeOf, openText, said, storyAtWork } from "./testing/story.ts";
import type { EventJson, MessageStateJson } from "@perdure/protocol";
import {
  covers,
  fromHead,
  levelOf,
  mergePatch,
  patchSince,
  project,
  projectAccepted,
  projectPage,
  type SessionState,
} from "./index.ts";

describe("levels", () => {
  test("SPEC 13.5: follow the role, and each includes the ones below", () => {
    expect(levelOf("ROLE_USER")).toBe("all");
    expect(levelOf("ROLE_OBSERVER")).toBe("all");
    expect(levelOf("ROLE_OPERATOR")).toBe("staff");
    expect(levelOf("ROLE_SERVICE")).toBe("staff");
    expect(levelOf("ROLE_AGENT")).toBe("agents");
    expect(levelOf(undefined)).toBe("all");
    expect(covers("staff", "AUDIENCE_ALL")).toBe(true);
    expect(covers("staff", "AUDIENCE_AGENTS")).toBe(false);
    expect(covers("all", undefined)).toBe(true);
  });
});

const messageOf = (state: SessionState, messageId: string): MessageStateJson | undefined =>
  project(state, "all").messages?.find(({ id }) => id === messageId);

/** A message for all with a part for agents, and one for staff. */
function secrets() {
  const work = storyAtWork();
  const { story, bot, runId, attempt } = work;
  const { messageId } = openText(story, bot, { runId, attempt });
  const reasoning = { kind: "PART_KIND_REASONING", text: "hm", sealed: "signature" } as const;
  const open = story.write(bot, { partOpened: { messageId, part: reasoning } }, { attempt });
  const hidden = story.write(
    bot,
    { partOpened: { messageId, part: reasoning } },
    { attempt, audience: "AUDIENCE_AGENTS" },
  );
  story.write(
    bot,
    { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId } },
    { attempt, audience: "AUDIENCE_STAFF" },
  );
  return { ...work, messageId, open, hidden };
}

describe("a projection", () => {
  test("SPEC 13.5: shows what the level covers and nothing else", () => {
    const { story } = secrets();
    const counts = (["all", "staff", "agents"] as const).map((level) =>
      (project(story.state, level).messages ?? []).map(({ parts = [] }) => parts.length),
    );
    expect(counts).toEqual([[2], [2, 0], [3, 0]]);
    const head = project(story.state, "agents");
    expect([head.ledger, head.covered, head.timeMs, head.expiredNodes, head.tombstones]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("SPEC 13.5: of a hidden record says its seq and time, nothing else", () => {
    const { hidden } = secrets();
    if (hidden.accepted === undefined) throw new Error("refused");
    const { seq, timeMs } = hidden.accepted;
    const seen = projectAccepted(hidden.accepted, "staff");
    expect(seen).toMatchObject({ seq, count: 1, timeMs, events: [], producer: "", number: 0, actor: {}, attempt: 0 });
    expect(projectAccepted(hidden.accepted, "agents")).toBe(hidden.accepted);
  });

  test("SPEC 13.6: has no sealed content below agents", () => {
    const { story, open } = secrets();
    expect(JSON.stringify(project(story.state, "staff"))).not.toContain("signature");
    expect(JSON.stringify(project(story.state, "agents"))).toContain("signature");
    if (open.accepted === undefined) throw new Error("refused");
    expect(JSON.stringify(projectAccepted(open.accepted, "all"))).not.toContain("signature");
    expect(JSON.stringify(projectAccepted(open.accepted, "all"))).toContain("hm");
    const messages = project(story.state, "agents").messages ?? [];
    const page = { number: 0, messages, previous: ["1"] };
    expect(JSON.stringify(projectPage(page, "all"))).not.toContain("signature");
    expect(projectPage(page, "all").messages?.map(({ parts = [] }) => parts.length)).toEqual([2]);
    expect(projectPage(page, "agents")).not.toHaveProperty("previous");
  });
});

describe("a patch", () => {
  test("SPEC 10.2: has only the parts that changed", () => {
    const { story, bot, runId, attempt } = storyAtWork();
    const { messageId, partId } = openText(story, bot, { runId, attempt });
    story.write(bot, { partOpened: { messageId, part: { kind: "PART_KIND_TEXT" } } }, { attempt });
    const { seq } = story.state;
    story.write(bot, { partAppended: { partId, text: "new" } }, { attempt });
    const patch = patchSince(story.state, seq, "all");
    expect(patch?.messages).toMatchObject([{ id: messageId, parts: [{ id: partId, part: { text: "new" } }] }]);
    expect([patch?.messages?.[0]?.parts?.length, patch?.runs, patch?.agents, patch?.info]).toEqual([
      1,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("SPEC 10.10: is about as large as what changed", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork({ settledBytes: 10_000_000 });
    const write = (event: EventJson, from = bot) => {
      const { seq } = story.state;
      expect(codeOf(story.write(from, event, from === bot ? { attempt } : {}))).toBe("accepted");
      return JSON.stringify(patchSince(story.state, seq, "all")).length;
    };
    const messages = Array.from({ length: 200 }, (_unused, index) => {
      story.write(ann, said(ann, `${index} ${"x".repeat(100)}`));
      return `ann:${ann.number}:0`;
    });
    const messageId = messages[100] ?? "";
    const whole = JSON.stringify(project(story.state, "all")).length;
    const itemBytes = () => JSON.stringify(messageOf(story.state, messageId)).length;
    const titled = write({ messageUpdated: { messageId, metadata: "{}" } }, ann);
    expect(titled).toBeLessThan(itemBytes() + 100);
    expect(titled).toBeLessThan(whole / 50);
    // Nor does a run bring what it was requested with, when its reader has that.
    const context = "y".repeat(50_000);
    story.write(ann, { runRequested: { agent: "planner", context, input: context } });
    const progress = write({ agentProgress: { runId, label: "half way", fraction: 500 } });
    expect(progress).toBeLessThan(700);
    const other = `ann:${ann.number}:0`;
    const { seq } = story.state;
    story.write(ann, { controlCancel: { runId: other } });
    expect(JSON.stringify(patchSince(story.state, seq, "all")).length).toBeLessThan(1_000);
    const reader = fromHead(project(story.state, "all"));
    const patch = patchSince(story.state, seq, "all");
    mergePatch(reader, patch ?? {});
    expect(reader.runs.get(other)).toMatchObject({ context, input: context, phase: "RUN_PHASE_CANCELLED" });
  });

  test("SPEC 10.4: there is none for a cursor below what was shed, or ahead of the session", () => {
    const { story, ann } = storyAtWork({ settledBytes: 2000, settledKeptBytes: 500 });
    expect(patchSince(story.state, story.state.seq + 1, "all")).toBeUndefined();
    expect(patchSince(story.state, 0, "all")).toBeDefined();
    for (let count = 0; count < 9; count += 1) story.write(ann, said(ann, "x".repeat(200)));
    expect(story.state.shedSeq).toBeGreaterThan(0);
    expect(patchSince(story.state, story.state.shedSeq - 1, "all")).toBeUndefined();
    expect(patchSince(story.state, story.state.shedSeq, "all")).toBeDefined();
  });

  test("SPEC 10.9: takes away what is gone; past the cap of tombstones there is none", () => {
    const { story, ann } = storyAtWork({ tombstones: 2 });
    const joins = (member: string) => ({ memberJoined: { member, participant: "ann", role: "ROLE_USER" } }) as const;
    story.write(ann, joins("m1"));
    const before = story.state.seq;
    story.write(ann, { memberLeft: { member: "m1" } });
    expect(patchSince(story.state, before, "all")?.tombstones).toMatchObject([
      { id: "m1", kind: "TOMBSTONE_KIND_MEMBER" },
    ]);
    for (const member of ["m2", "m3"]) {
      story.write(ann, joins(member));
      expect(codeOf(story.write(ann, { memberLeft: { member } }))).toBe("accepted");
    }
    expect(story.state.shedSeq).toBe(before + 1);
    expect(patchSince(story.state, before, "all")).toBeUndefined();
    expect(patchSince(story.state, before + 1, "all")?.tombstones).toHaveLength(2);
  });
});
