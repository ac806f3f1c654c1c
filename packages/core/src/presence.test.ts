import type { EventJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, type Pen, type Story, storyAtWork } from "./testing/story.ts";
import { dues } from "./index.ts";

const joins = ({ actor }: Pen, member: string, fields: object = {}): EventJson => ({
  memberJoined: {
    member,
    participant: actor.participant ?? "",
    role: actor.role ?? "ROLE_UNSPECIFIED",
    node: "edge-1",
    incarnation: 3,
    ...fields,
  },
});

const cause = (story: Story) => ({ cause: { seq: story.state.seq } });

describe("a member", () => {
  test("SPEC 9.1: is there from joined to left", () => {
    const { story, ann } = storyAtWork();
    expect(codeOf(story.write(ann, joins(ann, "m1", { name: "Ann", device: "Firefox" })))).toBe("accepted");
    expect(story.state.members.get("m1")).toMatchObject({ participant: "ann", name: "Ann", watching: false });
    expect(codeOf(story.write(ann, joins(ann, "m1")))).toBe("already_exists");
    story.write(ann, { memberUpdated: { member: "m1", watching: true } });
    expect(story.state.members.get("m1")?.watching).toBe(true);
    expect(codeOf(story.write(ann, { memberLeft: { member: "m1", reason: "LEAVE_REASON_CLOSED" } }))).toBe("accepted");
    expect(story.state.members.size).toBe(0);
    expect(codeOf(story.write(ann, { memberLeft: { member: "m1" } }))).toBe("not_found");
  });

  test("SPEC 13.1: speaks for itself; a node speaks for all", () => {
    const { story, ann, node } = storyAtWork();
    const eve = story.pen("eve", "ROLE_OBSERVER");
    story.write(ann, joins(ann, "m1"));
    expect(codeOf(story.write(eve, joins(ann, "m2")))).toBe("forged_actor");
    expect(codeOf(story.write(eve, joins(eve, "m2", { role: "ROLE_OPERATOR" })))).toBe("forged_actor");
    expect(codeOf(story.write(eve, { memberLeft: { member: "m1" } }))).toBe("forged_actor");
    expect(codeOf(story.write(eve, { memberUpdated: { member: "m1" } }))).toBe("forged_actor");
    expect(codeOf(story.write(eve, joins(eve, "m2")))).toBe("accepted");
    expect(codeOf(story.write(node, { memberLeft: { member: "m1" } }, cause(story)))).toBe("accepted");
  });

  test("SPEC 4.10: that came back under its name is not taken away by a late word of its loss", () => {
    const { story, ann, node } = storyAtWork();
    story.write(ann, joins(ann, "m1"));
    const lost = cause(story);
    story.write(ann, { memberLeft: { member: "m1" } });
    story.write(ann, joins(ann, "m1"));
    expect(codeOf(story.write(node, { memberLeft: { member: "m1" } }, lost))).toBe("stale_cause");
    expect(story.state.members.has("m1")).toBe(true);
  });

  test("SPEC 9.5: is remembered as a participant, with its role and latest name", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, joins(ann, "m1", { name: "Ann" }));
    story.write(ann, joins(ann, "m2"));
    story.write(ann, { participantInvited: { participant: "bea", role: "ROLE_OBSERVER", name: "Bea" } });
    expect(story.state.participants.get("ann")).toMatchObject({ role: "ROLE_USER", name: "Ann" });
    expect(story.state.participants.get("bea")).toMatchObject({ role: "ROLE_OBSERVER", name: "Bea", removed: false });
    expect(story.state.participants.get("bot")).toMatchObject({ role: "ROLE_AGENT" });
  });

  test("SPEC 6.7: that was removed writes nothing more but that it left, until it is invited again", () => {
    const { story, ann } = storyAtWork();
    const bea = story.pen("bea", "ROLE_USER");
    story.write(bea, joins(bea, "m1"));
    story.write(ann, { participantRemoved: { participant: "bea" } });
    expect(codeOf(story.write(bea, { runRequested: {} }))).toBe("participant_removed");
    expect(codeOf(story.write(bea, joins(bea, "m2")))).toBe("participant_removed");
    expect(codeOf(story.write(bea, { memberLeft: { member: "m1" } }))).toBe("accepted");
    story.write(ann, { participantInvited: { participant: "bea", role: "ROLE_USER" } });
    expect(codeOf(story.write(bea, joins(bea, "m3")))).toBe("accepted");
  });
});

describe("observers beyond those that are listed", () => {
  const counts = (node: string, count: number, incarnation = 3): EventJson => ({
    observersCounted: { node, incarnation, count },
  });
  const counted = (story: Story) => [...story.state.observers.values()].map(({ node, count }) => [node, count]);

  test("SPEC 9.6: are refused as members, where others are not", () => {
    const { story, ann } = storyAtWork({ listedMembers: 2, members: 4 });
    const eve = story.pen("eve", "ROLE_OBSERVER");
    story.write(eve, joins(eve, "m1"));
    story.write(eve, joins(eve, "m2"));
    expect(codeOf(story.write(eve, joins(eve, "m3")))).toBe("too_many_members");
    expect(codeOf(story.write(ann, joins(ann, "m3")))).toBe("accepted");
    story.write(eve, { memberLeft: { member: "m1" } });
    story.write(eve, { memberLeft: { member: "m2" } });
    expect(codeOf(story.write(eve, joins(eve, "m4")))).toBe("accepted");
  });

  test("SPEC 9.6: are counted by each node, which says how many there are now", () => {
    const { story, node } = storyAtWork();
    story.write(node, counts("edge-1", 40));
    story.write(node, counts("edge-2", 2));
    expect(codeOf(story.write(node, counts("edge-1", 41)))).toBe("accepted");
    expect(counted(story)).toEqual([
      ["edge-1", 41],
      ["edge-2", 2],
    ]);
    expect(codeOf(story.write(node, counts("edge-1", 41)))).toBe("stale_cause");
    expect(codeOf(story.write(node, counts("edge-1", 0)))).toBe("accepted");
    expect(codeOf(story.write(node, counts("edge-1", 0)))).toBe("stale_cause");
    expect(counted(story)).toEqual([["edge-2", 2]]);
  });

  test("SPEC 9.6: a later life of the node counts anew, and an earlier one no more", () => {
    const { story, node } = storyAtWork();
    story.write(node, counts("edge-1", 40, 3));
    expect(codeOf(story.write(node, counts("edge-1", 40, 4)))).toBe("accepted");
    expect(codeOf(story.write(node, counts("edge-1", 50, 3)))).toBe("stale_cause");
    story.write(node, { nodeExpired: { node: "edge-1", incarnation: 3 } });
    expect(counted(story)).toEqual([["edge-1", 40]]);
    expect(codeOf(story.write(node, counts("edge-1", 50, 3)))).toBe("node_expired");
  });

  test("SPEC 9.2: are gone with the life of their node", () => {
    const { story, node } = storyAtWork();
    story.write(node, counts("edge-1", 40));
    story.write(node, { nodeExpired: { node: "edge-1", incarnation: 3 } });
    expect(counted(story)).toEqual([]);
  });

  test("SPEC 13.2: are counted by nodes alone", () => {
    const { story, ann, bot } = storyAtWork();
    expect(codeOf(story.write(ann, counts("edge-1", 1)))).toBe("forbidden");
    expect(codeOf(story.write(bot, counts("edge-1", 1)))).toBe("forbidden");
  });
});

describe("a node that died", () => {
  test("SPEC 9.2: takes away what that life of it held, not what later lives hold", () => {
    const { story, ann, node } = storyAtWork();
    story.write(ann, joins(ann, "old"));
    story.write(ann, joins(ann, "new", { incarnation: 4 }));
    story.write(ann, joins(ann, "elsewhere", { node: "edge-2" }));
    expect(codeOf(story.write(node, { nodeExpired: { node: "edge-1", incarnation: 3 } }))).toBe("accepted");
    expect([...story.state.members.keys()]).toEqual(["new", "elsewhere"]);
    expect(codeOf(story.write(node, { nodeExpired: { node: "edge-1", incarnation: 3 } }))).toBe("stale_cause");
  });

  test("SPEC 9.2: makes its agents lost", () => {
    const { story, node } = storyAtWork();
    story.write(node, { nodeExpired: { node: "ingest-1" } });
    const lost = { presence: "AGENT_PRESENCE_LOST", lostReason: "LOST_REASON_NODE", lostMs: story.timeMs };
    expect(story.state.agents.get("bot-1")).toMatchObject(lost);
  });

  test("SPEC 9.3: brings nobody in any more", () => {
    const { story, ann, bot, node } = storyAtWork();
    story.write(node, { nodeExpired: { node: "edge-1", incarnation: 3 } });
    story.write(node, { nodeExpired: { node: "ingest-1", incarnation: 7 } });
    expect(codeOf(story.write(ann, joins(ann, "m1")))).toBe("node_expired");
    expect(codeOf(story.write(ann, joins(ann, "m1", { incarnation: 4 })))).toBe("accepted");
    const back = { instance: "bot-1", attachment: "stream-2", node: "ingest-1" };
    expect(codeOf(story.write(bot, { agentResumed: { ...back, incarnation: 7 } }))).toBe("node_expired");
    expect(codeOf(story.write(bot, { agentResumed: { ...back, incarnation: 8 } }))).toBe("accepted");
  });
});

describe("an agent's process", () => {
  const presence = (story: Story) => story.state.agents.get("bot-1")?.presence;
  const lost = (attachment: string): EventJson => ({ agentLost: { instance: "bot-1", attachment } });

  test("SPEC 9.4: is lost with its attachment, resumes under a new one, and is not lost with the old", () => {
    const { story, bot, node, runId, attempt } = storyAtWork();
    expect(codeOf(story.write(node, lost("another")))).toBe("stale_cause");
    expect(codeOf(story.write(node, lost("stream-1")))).toBe("accepted");
    expect(presence(story)).toBe("AGENT_PRESENCE_LOST");
    expect(codeOf(story.write(bot, { agentResumed: { instance: "bot-1", attachment: "stream-2" } }))).toBe("accepted");
    expect(presence(story)).toBe("AGENT_PRESENCE_HERE");
    expect(codeOf(story.write(node, lost("stream-1")))).toBe("stale_cause");
    expect(codeOf(story.write(bot, { agentProgress: { runId } }, { attempt }))).toBe("accepted");
  });

  test("SPEC 9.4: crashes when it is not back within the grace time of the session's policy", () => {
    const { story, ann, node } = storyAtWork();
    story.write(ann, { sessionUpdated: { policy: { agentGraceMs: 500 } } });
    story.write(node, lost("stream-1"));
    const crashed = { agentCrashed: { instance: "bot-1" } };
    expect(dues(story.state)).toMatchObject([{ atMs: story.timeMs + 500, events: [crashed] }]);
    story.timeMs += 499;
    expect(codeOf(story.write(node, crashed, cause(story)))).toBe("not_due");
    story.timeMs += 1;
    expect(codeOf(story.write(node, crashed, cause(story)))).toBe("accepted");
    expect(presence(story)).toBe("AGENT_PRESENCE_CRASHED");
    expect(codeOf(story.write(node, crashed, cause(story)))).toBe("stale_cause");
  });

  test("SPEC 4.10, 9.4: a crash that was decided before it resumed and was lost again is stale", () => {
    const { story, bot, node } = storyAtWork();
    story.write(node, lost("stream-1"));
    const decided = cause(story);
    story.timeMs += 10_000;
    story.write(bot, { agentResumed: { instance: "bot-1", attachment: "stream-2" } });
    story.write(node, lost("stream-2"));
    story.timeMs += 10_000;
    expect(codeOf(story.write(node, { agentCrashed: { instance: "bot-1" } }, decided))).toBe("stale_cause");
  });

  test("SPEC 9.4: is busy while its loop is blocked, and leaves in good order", () => {
    const { story, bot } = storyAtWork();
    story.write(bot, { agentBusy: { instance: "bot-1", delayMs: 900 } });
    expect(story.state.agents.get("bot-1")).toMatchObject({ presence: "AGENT_PRESENCE_BUSY", busyDelayMs: 900 });
    story.write(bot, { agentBusy: { instance: "bot-1" } });
    expect(presence(story)).toBe("AGENT_PRESENCE_HERE");
    story.write(bot, { agentLeft: { instance: "bot-1" } });
    expect(presence(story)).toBe("AGENT_PRESENCE_LEFT");
    expect(codeOf(story.write(bot, { agentBusy: { instance: "bot-1" } }))).toBe("agent_not_here");
    const again = { agentJoined: { agent: "planner", instance: "bot-1", attachment: "stream-2" } };
    expect(codeOf(story.write(bot, again))).toBe("accepted");
    expect(codeOf(story.write(bot, again))).toBe("already_exists");
  });

  test("SPEC 13.1: speaks for itself", () => {
    const { story } = storyAtWork();
    const other = story.pen("bot", "ROLE_AGENT", { producer: "other", instance: "bot-2" });
    const stranger = story.pen("eve", "ROLE_AGENT", { instance: "bot-1" });
    const foreign: readonly EventJson[] = [
      { agentJoined: { agent: "planner", instance: "bot-1", attachment: "x" } },
      { agentResumed: { instance: "bot-1", attachment: "x" } },
      { agentBusy: { instance: "bot-1", delayMs: 1 } },
      { agentLeft: { instance: "bot-1" } },
    ];
    for (const event of foreign) expect(codeOf(story.write(other, event))).toBe("forged_actor");
    for (const event of foreign) expect(codeOf(story.write(stranger, event))).toBe("forged_actor");
  });
});
