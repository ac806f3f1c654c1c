import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EventJson, RecordJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, said, seqOf, Story, storyAtWork } from "./testing/story.ts";
import { applyAccepted, canonical, eventKind, fold, newSession, toHead } from "./index.ts";

const user = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;

describe("the life of a session", () => {
  test("SPEC 1.2: begins with session.created, at whose offset", () => {
    const state = newSession();
    const record: RecordJson = {
      producer: "p",
      first: 1,
      last: 1,
      actor: user,
      events: [{ sessionCreated: { title: "Trip" } }],
    };
    const { accepted, verdict } = fold(state, record, { offset: 77, timeMs: 5 });
    expect(verdict).toEqual({ kind: "accepted", first: 1, seq: 1 });
    expect(accepted?.epoch).toBe(77);
    expect(toHead(state)).toMatchObject({ epoch: "77", info: { title: "Trip", createdBy: "ann", createdMs: "5" } });
  });

  test("SPEC 1.2: there is nothing before it, and no second one after it", () => {
    const story = new Story();
    const ann = story.pen("ann", "ROLE_USER");
    expect(codeOf(story.write(ann, { runRequested: { agent: "a" } }))).toBe("session_not_found");
    expect(codeOf(story.write(ann, [{ sessionCreated: {} }, ...said(ann, "hi", 1)]))).toBe("accepted");
    expect(codeOf(story.write(ann, [{ sessionCreated: {} }, ...said(ann, "hi", 1)]))).toBe("already_exists");
    expect(story.state.messages.size).toBe(1);
  });

  test("SPEC 1.2: a record that means another life is refused", () => {
    const { story, ann } = storyAtWork();
    expect(codeOf(story.write(ann, { runRequested: {} }, { epoch: "0" }))).toBe("accepted");
    expect(codeOf(story.write(ann, { runRequested: {} }, { epoch: "5" }))).toBe("session_replaced");
  });
});

describe("a record", () => {
  test("SPEC 2.1, 2.2: is accepted as a whole or not at all", () => {
    const { story, ann } = storyAtWork();
    const { seq } = story.state;
    const before = canonical(toHead(story.state)).replace(/"ledger".*?"floor"|"covered":"\d+"/g, "");
    const bad: EventJson = { messageClosed: { messageId: "nobody:1:0" } };
    expect(codeOf(story.write(ann, [...said(ann, "hello"), { runRequested: {} }, bad]))).toBe("not_found");
    expect(story.state.seq).toBe(seq);
    expect(toHead(story.state).messages).toBeUndefined();
    expect(before).not.toContain("hello");
    const accepted = story.write(ann, [...said(ann, "hello"), { runRequested: {} }]);
    expect(accepted.verdict).toEqual({ kind: "accepted", first: seq + 1, seq: seq + 4 });
  });

  test("SPEC 2.2: what a refused record took away comes back in its place", () => {
    const { story, ann, node } = storyAtWork();
    for (const member of ["m1", "m2", "m3"]) {
      const joins = { memberJoined: { member, participant: "ann", role: "ROLE_USER", node: "edge-1" } } as const;
      story.write(ann, joins);
    }
    const { members } = toHead(story.state);
    const bad: EventJson = { agentCrashed: { instance: "nobody" } };
    const refused = story.write(node, [{ nodeExpired: { node: "edge-1" } }, bad], { cause: { seq: story.state.seq } });
    expect(codeOf(refused)).toBe("stale_cause");
    expect(toHead(story.state).members).toEqual(members);
    expect(toHead(story.state).tombstones).toBeUndefined();
  });

  test("SPEC 2.3: an event that says nothing new keeps its place and its seq", () => {
    const { story, bot } = storyAtWork();
    const usage = { usageReported: { model: "m", inputTokens: 5, responseId: "r1" } };
    seqOf(story.write(bot, usage));
    const { accepted } = story.write(bot, [usage, { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } }]);
    expect(accepted?.events[0]).toEqual({});
    expect(story.state.messages.has("bot:4:1")).toBe(true);
  });

  test("SPEC 3.3: time does not go backwards, and is the log's", () => {
    const { story, ann } = storyAtWork();
    const { timeMs } = story;
    story.timeMs = timeMs - 500;
    expect(story.write(ann, said(ann, "late")).accepted?.timeMs).toBe(timeMs);
    expect([...story.state.messages.values()][0]?.timeMs).toBe(timeMs);
  });

  test("SPEC 3.4: coverage counts what is refused, doubled or passing", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, { messageClosed: { messageId: "x:1:0" } });
    story.send(ann, { messageClosed: { messageId: "x:1:0" } });
    story.send(ann, { transient: { kind: "typing" } }, { first: 0, last: 0 });
    story.put({});
    expect(story.state.covered).toBe(story.log.length - 1);
  });

  test("SPEC 3.5: no source of the core names a clock, a random number or the world around it", () => {
    const here = dirname(fileURLToPath(import.meta.url));
    const sources = readdirSync(here, { recursive: true, encoding: "utf8" }).filter(
      (name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith("testing"),
    );
    const impure = /\b(Date|Math\.random|performance|crypto|setTimeout|setInterval|process|globalThis|fetch)\b[.(]/;
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.filter((name) => impure.test(readFileSync(join(here, name), "utf8")))).toEqual([]);
  });
});

describe("refusals", () => {
  test.each<[string, RecordJson]>([
    ["no producer", { producer: "" }],
    ["a producer with a colon", { producer: "a:b" }],
    ["numbers in the wrong order", { first: 2, last: 1 }],
    ["a range beyond the window", { first: 1, last: 5000 }],
    ["no actor", { actor: {} }],
    ["an actor without a role", { actor: { participant: "ann" } }],
    ["a participant with a slash", { actor: { ...user, participant: "a/b" } }],
    ["an agent without an instance", { actor: { ...user, role: "ROLE_AGENT" } }],
    ["no events", { events: [] }],
    ["too many events", { events: Array.from({ length: 65 }, () => ({ runRequested: {} })) }],
  ])("SPEC 12.2: a record with %s is malformed, and takes no number", (_what, wrong) => {
    const story = new Story();
    const good: RecordJson = { producer: "p", first: 1, last: 1, actor: user, events: [{ sessionCreated: {} }] };
    expect(codeOf(story.put({ ...good, ...wrong }))).toBe("invalid_record");
    expect(codeOf(story.put(good))).toBe("accepted");
  });

  test.each<[string, EventJson | object]>([
    ["unknown_kind", {}],
    ["unknown_kind", { sessionExploded: {} }],
    ["unknown_kind", { constructor: {} }],
    ["unknown_kind", { runRequested: {}, controlPause: {} }],
    ["invalid_event", { takeoverRequested: { urgency: "NOW" } }],
    ["too_large", { takeoverRequested: { reason: "x".repeat(257) } }],
    ["invalid_event", { documentPatched: {} }],
    ["invalid_event", { messageOpened: {} }],
    ["invalid_event", { messageOpened: { role: 99 } }],
    ["invalid_event", { messageClosed: {} }],
    ["invalid_event", { transient: { kind: "typing" } }],
    ["too_large", { runRequested: { agent: "a".repeat(65) } }],
    ["too_large", { controlSteer: { runId: "ann:2:0", text: "é".repeat(40_000) } }],
    ["too_large", { sessionUpdated: { tags: { values: Array.from({ length: 33 }, String) } } }],
  ])("SPEC 12.2: %s for %j", (code, event) => {
    const { story, ann } = storyAtWork();
    expect(codeOf(story.write(ann, event))).toBe(code);
  });

  test("the kind of an event is its one key", () => {
    expect(eventKind({ runRequested: {} })).toBe("runRequested");
    expect(eventKind({})).toBeUndefined();
  });
});

describe("ephemeral records", () => {
  const typing = { transient: { kind: "typing" } };
  const passing = { first: 0, last: 0 };

  test("SPEC 12.4: are handed on, take no seq and change nothing", () => {
    const { story, ann } = storyAtWork();
    const { seq } = story.state;
    const result = story.send(ann, typing, passing);
    expect(result.verdict).toEqual({ kind: "passed", seq });
    expect(result.accepted).toMatchObject({ seq: 0, events: [typing] });
    expect(story.state.seq).toBe(seq);
    expect(codeOf(story.write(ann, { runRequested: {} }))).toBe("accepted");
  });

  test("SPEC 12.4: are judged by life, role, audience, attempt and kind", () => {
    const { story, ann, bot } = storyAtWork();
    const eve = story.pen("eve", "ROLE_OBSERVER");
    expect(codeOf(story.send(eve, typing, passing))).toBe("forbidden");
    expect(codeOf(story.send(ann, typing, { ...passing, audience: "AUDIENCE_STAFF" }))).toBe("forbidden_audience");
    expect(codeOf(story.send(bot, typing, { ...passing, attempt: 99 }))).toBe("fenced");
    expect(codeOf(story.send(ann, { runRequested: {} }, passing))).toBe("invalid_event");
    expect(codeOf(story.send(ann, typing, { ...passing, epoch: "9" }))).toBe("session_replaced");
    expect(codeOf(new Story().send(ann, typing, passing))).toBe("session_not_found");
  });
});

describe("readers", () => {
  test("SPEC 14.3: readers skip kinds and items they do not know", () => {
    const { story, ann } = storyAtWork();
    const reader = newSession();
    for (const accepted of story.accepted) applyAccepted(reader, accepted);
    const { accepted } = story.write(ann, said(ann, "hi"));
    if (accepted === undefined) throw new Error("refused");
    const strange: object[] = [{ sessionExploded: { size: 3 } }, { messageClosed: { messageId: "unknown:1:0" } }];
    applyAccepted(reader, { ...accepted, count: 5, events: [...accepted.events, ...strange] });
    expect(reader.seq).toBe(story.state.seq + 2);
    expect(reader.messages.get("ann:3:0")?.closed).toBe(true);
    applyAccepted(reader, accepted);
    expect(reader.seq).toBe(story.state.seq + 2);
  });
});
