import type { AgentView, ControlView, MessageView, PartView, RunView, StepView } from "@perdure/client";
import { describe, expect, it } from "vitest";
import { activeRun, agentsOf, conversationOf, shownText } from "./conversation.ts";
import type { Answer } from "./conversation.ts";

const PART: PartView = {
  id: "",
  kind: "text",
  text: "",
  done: true,
  name: "",
  callId: "",
  url: "",
  mediaType: "",
  inline: "",
  sizeBytes: 0,
  failed: false,
  site: "unknown",
  metadata: "",
  annotations: [],
};
const MESSAGE: MessageView = {
  id: "",
  role: "assistant",
  author: "",
  status: "done",
  finish: "stop",
  text: "",
  parts: [],
  parentId: "",
  runId: "",
  stepId: "",
  versions: [],
  timeMs: 0,
  metadata: "",
};
const RUN: RunView = {
  id: "",
  phase: "active",
  agent: "analyst",
  inputMessageId: "",
  requestedBy: "you",
  attempts: 1,
  instance: "",
  suspended: "unknown",
  steps: [],
  progress: undefined,
  result: "",
  code: "",
  message: "",
  requestedMs: 0,
  acceptedMs: 0,
  endedMs: 0,
};
const STEP: StepView = {
  id: "",
  key: "",
  label: "",
  parentStepId: "",
  phase: "done",
  result: "",
  error: "",
  startedMs: 0,
  endedMs: 0,
};
const STEER: ControlView = {
  id: "c",
  kind: "steer",
  runId: "r",
  text: "only tests",
  messageId: "s",
  by: "you",
  receipt: "applied",
  code: "",
};

const question = (id: string, text: string): MessageView => ({ ...MESSAGE, id, role: "user", text });
const said = (id: string, runId: string, parts: readonly Partial<PartView>[], stepId = ""): MessageView => ({
  ...MESSAGE,
  id,
  runId,
  stepId,
  parts: parts.map((part) => ({ ...PART, ...part })),
});
const answersIn = (turns: readonly { readonly kind: string }[]): Answer[] =>
  turns.filter((turn): turn is Answer => turn.kind === "answer");

describe("a conversation", () => {
  it("puts each run behind the message that it answers, whatever was said meanwhile", () => {
    const turns = conversationOf({
      messages: [question("q1", "one"), question("q2", "two"), said("a2", "r2", []), said("a1", "r1", [])],
      runs: [
        { ...RUN, id: "r1", inputMessageId: "q1" },
        { ...RUN, id: "r2", inputMessageId: "q2" },
      ],
      controls: [],
    });
    expect(turns.map(({ id }) => id)).toEqual(["q1", "r1", "q2", "r2"]);
  });

  it("keeps a run whose question has gone to the past, and one that has said nothing yet", () => {
    const turns = conversationOf({
      messages: [said("a1", "r1", []), question("q2", "two")],
      runs: [
        { ...RUN, id: "r1", inputMessageId: "gone" },
        { ...RUN, id: "r2", inputMessageId: "q2", phase: "requested" },
      ],
      controls: [],
    });
    expect(turns.map(({ id }) => id)).toEqual(["r1", "q2", "r2"]);
  });

  it("shows a steer with the run that it steers, not as a question", () => {
    const turns = conversationOf({
      messages: [question("q", "one"), said("a", "r", []), question("s", "only tests")],
      runs: [{ ...RUN, id: "r", inputMessageId: "q" }],
      controls: [STEER],
    });
    expect(turns.map(({ id }) => id)).toEqual(["q", "r"]);
    expect(answersIn(turns).at(0)?.steers).toEqual([STEER]);
  });

  it("gives steps their thinking and durations, and leaves out superseded ones", () => {
    const steps = [
      { ...STEP, id: "old", phase: "superseded" as const },
      { ...STEP, id: "s1", key: "plan", startedMs: 100, endedMs: 350 },
      { ...STEP, id: "s2", label: "Write", phase: "open" as const, startedMs: 350 },
    ];
    const messages = [
      said(
        "m",
        "r",
        [
          { id: "t", kind: "reasoning", text: "hm" },
          { id: "c", kind: "tool_call", name: "search", text: "{}" },
        ],
        "s1",
      ),
    ];
    const answer = answersIn(conversationOf({ messages, runs: [{ ...RUN, id: "r", steps }], controls: [] })).at(0);
    expect(answer?.steps).toMatchObject([
      {
        id: "s1",
        label: "plan",
        durationMs: 250,
        notes: [
          { kind: "thinking", text: "hm" },
          { kind: "call", name: "search" },
        ],
      },
      { id: "s2", label: "Write", durationMs: undefined, notes: [] },
    ]);
  });

  it("joins the text of all its messages, and leads each mark to its source", () => {
    const source = { id: "src", kind: "source" as const, name: "a.ts:3", text: "line" };
    const text = {
      id: "x",
      text: "It is so [1].",
      annotations: [
        { kind: "citation", start: 9, end: 12, targetPartId: "src" },
        { kind: "citation", start: 0, end: 2, targetPartId: "unknown" },
      ],
    };
    const messages = [said("m1", "r", [source, text]), said("m2", "r", [{ id: "y", text: " And more." }])];
    const answer = answersIn(conversationOf({ messages, runs: [{ ...RUN, id: "r" }], controls: [] })).at(0);
    expect(answer && shownText(answer)).toBe("It is so [1]. And more.");
    expect([...(answer?.passages.at(0)?.citations ?? [])]).toEqual([
      ["[1]", { id: "src", title: "a.ts:3", text: "line" }],
    ]);
  });
});

describe("what goes on", () => {
  it("is the last run that has not ended", () => {
    const runs = [
      { ...RUN, id: "1" },
      { ...RUN, id: "2", phase: "suspended" as const },
      { ...RUN, id: "3", phase: "failed" as const },
    ];
    expect(activeRun(runs)?.id).toBe("2");
    expect(activeRun([{ ...RUN, phase: "completed" }])).toBeUndefined();
  });

  it("counts one process of each agent: the one that is here, else the last", () => {
    const agent = (name: string, instance: string, presence: AgentView["presence"]): AgentView => ({
      agent: name,
      instance,
      participant: "",
      presence,
      description: "",
      busyDelayMs: 0,
    });
    const agents = [
      agent("a", "1", "crashed"),
      agent("a", "2", "here"),
      agent("b", "3", "crashed"),
      agent("b", "4", "lost"),
    ];
    expect(agentsOf(agents).map(({ instance }) => instance)).toEqual(["2", "4"]);
  });
});
