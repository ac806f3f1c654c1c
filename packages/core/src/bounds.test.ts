import { fromJson, toBinary } from "@bufbuild/protobuf";
import type { EventJson, HeadJson, LedgerJson } from "@perdure/protocol";
import { HeadSchema } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, storyAtWork } from "./testing/story.ts";
import { fromHead, LIMITS, toHead } from "./index.ts";

describe("caps", () => {
  test("SPEC 11.1: members, agents, removed participants", () => {
    const { story, ann } = storyAtWork({ members: 1, agents: 1, removedParticipants: 1 });
    const joins = (member: string) => ({ memberJoined: { member, participant: "ann", role: "ROLE_USER" } }) as const;
    story.write(ann, joins("m1"));
    expect(codeOf(story.write(ann, joins("m2")))).toBe("too_many_members");
    const bot = story.pen("bot", "ROLE_AGENT", { producer: "two", instance: "bot-2" });
    const second = { agentJoined: { agent: "planner", instance: "bot-2", attachment: "s" } };
    expect(codeOf(story.write(bot, second))).toBe("too_many_agents");
    story.write(ann, { participantRemoved: { participant: "eve" } });
    expect(codeOf(story.write(ann, { participantRemoved: { participant: "mal" } }))).toBe("too_many_participants");
    expect(codeOf(story.write(ann, { participantRemoved: { participant: "eve" } }))).toBe("accepted");
  });

  test("SPEC 11.1: nodes that count observers", () => {
    const { story, node } = storyAtWork({ observerNodes: 1 });
    const counts = (name: string) => ({ observersCounted: { node: name, incarnation: 1, count: 2 } });
    story.write(node, counts("edge-1"));
    expect(codeOf(story.write(node, counts("edge-2")))).toBe("too_many_members");
    story.write(node, { nodeExpired: { node: "edge-1", incarnation: 1 } });
    expect(codeOf(story.write(node, counts("edge-2")))).toBe("accepted");
  });

  test("SPEC 11.1: participants who are not here are forgotten, those who are here or removed are not", () => {
    const { story, ann } = storyAtWork({ participants: 4, removedParticipants: 1 });
    story.write(ann, { memberJoined: { member: "m1", participant: "ann", role: "ROLE_USER" } });
    story.write(ann, { participantRemoved: { participant: "eve" } });
    for (const participant of ["p1", "p2", "p3"])
      story.write(ann, { participantInvited: { participant, role: "ROLE_USER" } });
    expect([...story.state.participants.keys()]).toEqual(["bot", "ann", "eve", "p3"]);
  });

  test("SPEC 11.1: messages, parts, annotations", () => {
    const { story, ann } = storyAtWork({ openMessages: 1, partsPerMessage: 1, annotationsPerPart: 1 });
    const open: EventJson = { messageOpened: { role: "MESSAGE_ROLE_USER" } };
    story.write(ann, open);
    expect(codeOf(story.write(ann, open))).toBe("too_many_messages");
    const part: EventJson = { partOpened: { messageId: "ann:3:0", part: { kind: "PART_KIND_TEXT" } } };
    story.write(ann, part);
    expect(codeOf(story.write(ann, part))).toBe("too_many_parts");
    const note: EventJson = { partAnnotated: { partId: "ann:5:0", annotation: { kind: "rating" } } };
    story.write(ann, note);
    expect(codeOf(story.write(ann, note))).toBe("too_many_annotations");
    story.write(ann, { messageClosed: { messageId: "ann:3:0" } });
    expect(codeOf(story.write(ann, open))).toBe("accepted");
  });

  test("SPEC 11.1: runs, steps, requests, signals", () => {
    const caps = { unfinishedRuns: 1, stepsPerRun: 1, unsettledRequests: 1, unsettledControls: 1 };
    const { story, ann, bot, runId, attempt } = storyAtWork(caps);
    expect(codeOf(story.write(ann, { runRequested: {} }))).toBe("too_many_runs");
    const writes: [EventJson, EventJson, string][] = [
      [{ stepStarted: { runId, key: "a" } }, { stepStarted: { runId, key: "b" } }, "too_many_steps"],
      [
        { requestOpened: { kind: "REQUEST_KIND_FORM" } },
        { requestOpened: { kind: "REQUEST_KIND_FORM" } },
        "too_many_requests",
      ],
      [{ controlPause: { runId } }, { controlResume: { runId } }, "too_many_controls"],
    ];
    for (const [first, second, code] of writes) {
      expect(codeOf(story.write(bot, first, { attempt }))).toBe("accepted");
      expect(codeOf(story.write(bot, second, { attempt }))).toBe(code);
    }
  });

  test("SPEC 11.2: an open message, a run, and all that is open", () => {
    const { story, bot, runId, attempt } = storyAtWork({ messageBytes: 1000, runBytes: 1000, heldBytes: 4200 });
    const write = (event: EventJson) => codeOf(story.write(bot, event, { attempt }));
    const { messageId, partId } = openText(story, bot, { runId, attempt });
    const append = (at: number, count: number) => write({ partAppended: { partId, at, text: "x".repeat(count) } });
    expect(append(0, 400)).toBe("accepted");
    expect(append(400, 400)).toBe("message_full");
    expect(append(400, 10)).toBe("accepted");
    expect(write({ partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text: "y".repeat(600) } } })).toBe(
      "message_full",
    );
    expect(write({ stepStarted: { runId, key: "k" } })).toBe("accepted");
    expect(write({ stepClosed: { stepId: `bot:${bot.number}:0`, result: "z".repeat(900) } })).toBe("run_full");
    const steer: EventJson = { controlSteer: { runId, text: "s".repeat(300) } };
    const codes = Array.from({ length: 8 }, () => write(steer));
    expect(codes.at(-1)).toBe("session_full");
    expect(write({ runCompleted: { runId, result: "done" } })).toBe("accepted");
    expect(codeOf(story.write(story.pen("ann", "ROLE_USER", { producer: "a2" }), { runRequested: {} }))).toBe(
      "accepted",
    );
  });

  test("SPEC 11.6: people who open as much as they may leave room for agents", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork({ heldBytes: 8000, openMessages: 4 });
    const open: EventJson = { messageOpened: { role: "MESSAGE_ROLE_USER" } };
    expect([1, 2, 3].map(() => codeOf(story.write(ann, open)))).toEqual(["accepted", "accepted", "too_many_messages"]);
    const steer: EventJson = { controlSteer: { runId, text: "x".repeat(900) } };
    expect([1, 2, 3, 4].map(() => codeOf(story.write(ann, steer))).at(-1)).toBe("session_full");
    const { partId } = openText(story, bot, { runId, attempt });
    const append: EventJson = { partAppended: { partId, text: "y".repeat(900) } };
    expect(codeOf(story.write(bot, append, { attempt }))).toBe("accepted");
  });

  test("SPEC 11.2: a session that is full still closes what is open", () => {
    const { story, bot, runId, attempt } = storyAtWork({ heldBytes: 2000 });
    const { messageId, partId } = openText(story, bot, { runId, attempt });
    const text = "x".repeat(300);
    let at = 0;
    while (codeOf(story.write(bot, { partAppended: { partId, at, text } }, { attempt })) === "accepted")
      at += text.length;
    expect(at).toBeGreaterThan(0);
    expect(codeOf(story.write(bot, { messageClosed: { messageId } }, { attempt }))).toBe("accepted");
    expect(codeOf(story.write(bot, { runCompleted: { runId } }, { attempt }))).toBe("accepted");
  });
});

/** Text of so many UTF-16 units that is as long as can be in UTF-8, different for each index. */
const wide = (units: number, index = 0): string => `${index}`.padEnd(units, "鯨");

const list = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe("a head", () => {
  test("SPEC 11.3: stays below its size with every collection at its cap", () => {
    const id = (index: number): string => `${"p".repeat(64)}:${4_000_000_000 + index}:63`;
    const big = 0xffff_ffff;
    const time = "9007199254740991";
    const ledger: LedgerJson = {
      floor: big,
      producers: list(LIMITS.producers, (index) => ({
        key: `${wide(128, index)}/${"p".repeat(64)}`,
        last: big,
        seq: big,
        refused: list(LIMITS.refusals / LIMITS.producers, () => ({
          number: big,
          last: big,
          code: "participant_removed",
        })),
      })),
    };
    const head: HeadJson = {
      epoch: time,
      covered: time,
      seq: big,
      timeMs: time,
      rules: 1,
      info: {
        title: wide(256),
        tags: list(32, (index) => wide(64, index)),
        metadata: "x".repeat(16_384),
        policy: { defaultAgent: wide(64), agentGraceMs: big, cancelGraceMs: big, takeoverGraceMs: big },
        createdBy: wide(128),
        createdMs: time,
        closedReason: wide(256),
        changed: big,
      },
      ledger,
      participants: list(LIMITS.participants, (index) => ({
        participant: wide(128, index),
        name: wide(128),
        role: "ROLE_USER",
        changed: big,
      })),
      members: list(LIMITS.members, (index) => ({
        member: wide(21, index),
        participant: wide(128),
        role: "ROLE_USER",
        name: wide(128),
        node: wide(21),
        incarnation: big,
        device: wide(128),
        watching: true,
        joinedMs: time,
        changed: big,
      })),
      observerCounts: list(LIMITS.observerNodes, (index) => ({
        node: wide(21, index),
        incarnation: big,
        count: big,
        changed: big,
      })),
      agents: list(LIMITS.agents, (index) => ({
        agent: wide(21),
        instance: wide(21, index),
        participant: wide(128),
        attachment: wide(21),
        node: wide(21),
        incarnation: big,
        capacity: big,
        description: wide(256),
        presence: "AGENT_PRESENCE_LOST",
        lostMs: time,
        busyDelayMs: big,
        lostReason: "LOST_REASON_NODE",
        changed: big,
      })),
      pool: {
        queue: list(LIMITS.poolQueue, (index) => ({
          run: { session: "s".repeat(128), epoch: String(index), runSeq: big, runId: id(index) },
          phase: "POOL_PHASE_OFFERED",
          instance: wide(21),
          offeredMs: time,
          offers: big,
          changed: big,
        })),
      },
      usage: {
        totals: list((LIMITS.usageTotals + 16) * 3, (index) => ({
          provider: wide(64),
          model: wide(128, index),
          currency: wide(8),
          inputTokens: time,
          outputTokens: time,
          cacheReadTokens: time,
          cacheCreationTokens: time,
          reasoningTokens: time,
          costMicros: time,
          reports: big,
          audience: "AUDIENCE_AGENTS",
          changed: big,
        })),
        responseIds: list(LIMITS.usageResponseIds, (index) => wide(128, index)),
      },
      // The one under way, and the last one that a run came from.
      takeovers: list(2, (index) => ({
        id: id(index),
        opened: big,
        phase: index === 0 ? "TAKEOVER_PHASE_CLAIMED" : "TAKEOVER_PHASE_RELEASED",
        reason: wide(256),
        summary: "x".repeat(16_384),
        urgency: "URGENCY_HIGH",
        team: wide(64),
        requestedBy: wide(128),
        holder: wide(128),
        outcome: "TAKEOVER_OUTCOME_ABANDONED",
        note: "x".repeat(16_384),
        dueMs: time,
        goneMs: time,
        openedMs: time,
        claimedMs: time,
        endedMs: time,
        changed: big,
      })),
      budgets: list(LIMITS.budgets, (index) => ({
        currency: wide(8, index),
        phase: "BUDGET_PHASE_EXHAUSTED",
        limitMicros: time,
        limitTokens: time,
        warnAt: 1000,
        spentMicros: time,
        spentTokens: time,
        setBy: wide(128),
        changed: big,
      })),
      tombstones: list(LIMITS.tombstones, (index) => ({
        id: wide(128, index),
        kind: "TOMBSTONE_KIND_PARTICIPANT",
        changed: big,
      })),
      expiredNodes: list(LIMITS.expiredNodes, (index) => ({ node: wide(21, index), incarnation: big })),
      shedSeq: big,
      nextPage: big,
    };
    const state = fromHead(head);
    expect([state.ledger.refusals, state.pool.size]).toEqual([LIMITS.refusals, LIMITS.poolQueue]);
    const bytes = toBinary(HeadSchema, fromJson(HeadSchema, toHead(state))).length;
    // The weight of an item is at least what it takes in protobuf, as the next test shows.
    const weighed = LIMITS.heldBytes + LIMITS.settledBytes + LIMITS.documentsBytes;
    expect(bytes + weighed).toBeLessThanOrEqual(LIMITS.headBytes);
  });

  test("SPEC 11.3: an item weighs at least what it takes in protobuf", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    const empty = toBinary(HeadSchema, fromJson(HeadSchema, toHead(story.state))).length;
    const before = story.state.heldWeight + story.state.settledWeight;
    const { messageId } = openText(story, bot, { runId, attempt });
    for (let count = 0; count < 30; count += 1) {
      story.write(bot, { partOpened: { messageId, part: { kind: "PART_KIND_TEXT" } } }, { attempt });
      story.write(bot, { partAnnotated: { partId: `bot:${bot.number}:0`, annotation: { kind: "k" } } }, { attempt });
      story.write(bot, { stepStarted: { runId, key: `${count}` } }, { attempt });
      story.write(bot, { agentProgress: { runId, stepId: `bot:${bot.number}:0`, label: wide(256) } }, { attempt });
      story.write(ann, { controlPause: { runId } });
      story.write(bot, { requestOpened: { runId, kind: "REQUEST_KIND_FORM" } }, { attempt });
      story.write(ann, { messageOpened: { role: "MESSAGE_ROLE_USER" } });
      story.write(bot, { documentReplaced: { name: `${count}`, content: "0" } });
    }
    const grown = toBinary(HeadSchema, fromJson(HeadSchema, toHead(story.state))).length - empty;
    const { heldWeight, settledWeight, documentWeight } = story.state;
    expect(heldWeight + settledWeight + documentWeight - before).toBeGreaterThan(grown);
  });
});
