import { covers, isUnderWay, levelOf, type Limits } from "@perdure/core";
import type { AudienceJson, EventJson, RecordJson } from "@perdure/protocol";
import { codeOf, type Pen, Story } from "./story.ts";

/** Choices that fast-check makes and shrinks: each number picks one of some possibilities; zeros when they run out. */
export class Tape {
  #next = 0;
  readonly #choices: readonly number[];

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#choices.length;
  }

  below(count: number): number {
    const choice = this.#choices[this.#next] ?? 0;
    this.#next += 1;
    return count === 0 ? 0 : choice % count;
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error("nothing to choose from");
    return value;
  }

  /** One of the values, mostly; sometimes something else. */
  mostly(values: Iterable<string>, otherwise: string): string {
    const all = [...values];
    return all.length === 0 || this.below(12) === 11 ? otherwise : this.of(all);
  }
}

/** Small caps, so that a short session meets them all. */
export const smallLimits: Partial<Limits> = {
  producers: 8,
  producerWindow: 16,
  refusals: 24,
  participants: 20,
  removedParticipants: 3,
  members: 6,
  agents: 6,
  openMessages: 5,
  partsPerMessage: 4,
  annotationsPerPart: 2,
  unfinishedRuns: 5,
  stepsPerRun: 6,
  unsettledRequests: 4,
  unsettledControls: 4,
  poolQueue: 4,
  usageTotals: 3,
  usageResponseIds: 4,
  tombstones: 10,
  expiredNodes: 3,
  messageBytes: 3000,
  runBytes: 3000,
  heldBytes: 12_000,
  settledBytes: 5000,
  settledKeptBytes: 2500,
  pageBytes: 2500,
};

const audiences: readonly AudienceJson[] = ["AUDIENCE_ALL", "AUDIENCE_STAFF", "AUDIENCE_AGENTS"];

/** Mostly everyone, sometimes fewer, seldom more secret than the writer may be. */
function audienceFor(tape: Tape, pen: Pen): AudienceJson {
  if (tape.below(4) > 0) return "AUDIENCE_ALL";
  const level = levelOf(pen.actor.role);
  const own = audiences.filter((audience) => covers(level, audience));
  return tape.of(tape.below(8) === 0 ? audiences : own);
}

const texts = ["", "a", "plan", "über ", "🜁", '{"a":[1]}', "x".repeat(300), "y".repeat(1200)];

/** Writes a session as the choices say: mostly sensible, often at the wrong time, sometimes nonsense. */
export function randomStory(choices: readonly number[], limits: Partial<Limits> = smallLimits): Story {
  const tape = new Tape(choices);
  const story = new Story(limits);
  const cast = castOf(story);
  story.write(cast.ann, { sessionCreated: { title: "t", policy: { defaultAgent: "planner" } } });
  while (!tape.isAtEnd) takeTurn(story, tape, cast);
  return story;
}

type Cast = Readonly<Record<"ann" | "bea" | "op" | "eve" | "svc" | "bot1" | "bot2" | "node", Pen>>;

function castOf(story: Story): Cast {
  return {
    ann: story.pen("ann", "ROLE_USER"),
    bea: story.pen("bea", "ROLE_USER"),
    op: story.pen("op", "ROLE_OPERATOR"),
    eve: story.pen("eve", "ROLE_OBSERVER"),
    svc: story.pen("svc", "ROLE_SERVICE"),
    bot1: story.pen("bot", "ROLE_AGENT", { producer: "bot1", instance: "i1" }),
    bot2: story.pen("bot", "ROLE_AGENT", { producer: "bot2", instance: "i2" }),
    node: story.pen("node-1", "ROLE_SYSTEM"),
  };
}

function takeTurn(story: Story, tape: Tape, cast: Cast): void {
  // Also backwards, which the fold must not follow.
  story.timeMs += tape.of([1, 1, 5, 5, 5, 20, 20, 500, 2000, 2000, 11_000, -3000]);
  const turn = tape.below(32);
  if (turn === 0) return resend(story, tape);
  if (turn === 1) return misnumber(story, tape, tape.of(Object.values(cast)));
  if (turn < 8) return ownTurn(story, tape, tape.of([cast.ann, cast.bea, cast.op, cast.eve, cast.svc]));
  if (turn < 11) return nodeTurn(story, tape, cast.node);
  if (turn < 13) return anyTurn(story, tape, tape.of(Object.values(cast)));
  return agentTurn(story, tape, tape.of([cast.bot1, cast.bot2]));
}

function resend(story: Story, tape: Tape): void {
  const entry = story.log[story.log.length - 1 - tape.below(Math.min(story.log.length, 30))];
  if (entry !== undefined) story.put(entry.record);
}

function misnumber(story: Story, tape: Tape, pen: Pen): void {
  const first = Math.max(0, pen.number + tape.of([-3, 0, 2, 5]));
  story.send(pen, anyEvent(story, tape), { first, last: first + tape.of([0, 0, 1]) });
}

function write(story: Story, tape: Tape, pen: Pen, events: readonly EventJson[], fields: RecordJson = {}): void {
  const result = story.write(pen, events, { audience: audienceFor(tape, pen), ...fields });
  if (codeOf(result) === "producer_expired")
    Object.assign(pen, story.pen(pen.actor.participant ?? "", "ROLE_USER"), {
      actor: pen.actor,
      producer: `${pen.producer}_`,
    });
}

const all = { audience: "AUDIENCE_ALL" } as const;

function ownTurn(story: Story, tape: Tape, pen: Pen): void {
  const { state } = story;
  const me = { participant: pen.actor.participant ?? "", role: pen.actor.role ?? "ROLE_UNSPECIFIED" };
  const id = (index: number): string => `${pen.producer}:${pen.number + 1}:${index}`;
  const member = tape.mostly(state.members.keys(), `m${tape.below(8)}`);
  switch (tape.below(9)) {
    case 0:
      return write(
        story,
        tape,
        pen,
        [{ memberJoined: { member: `m${tape.below(8)}`, ...me, node: "n1", incarnation: 2 + tape.below(2) } }],
        all,
      );
    case 1:
      return write(story, tape, pen, [{ memberUpdated: { member, watching: tape.below(2) === 0 } }], all);
    case 2:
      return write(story, tape, pen, [{ memberLeft: { member } }], all);
    case 3:
      return write(story, tape, pen, [{ runRequested: { agent: tape.of(["", "", "planner", "writer"]) } }]);
    case 4:
      return write(story, tape, pen, [answer(story, tape)]);
    case 5:
      return write(story, tape, pen, [control(story, tape)]);
    default:
      return write(story, tape, pen, [
        {
          messageOpened: {
            role: "MESSAGE_ROLE_USER",
            parentId: tape.mostly(["", ...state.messages.keys()], "gone:1:0"),
          },
        },
        {
          partOpened: {
            messageId: id(0),
            part: { kind: "PART_KIND_TEXT", text: tape.of(texts) },
            complete: tape.below(2) === 0,
          },
        },
        ...(tape.below(3) === 0 ? [] : [{ messageClosed: { messageId: id(0) } }]),
        ...(tape.below(3) === 0 ? [{ runRequested: { inputMessageId: id(0) } }] : []),
      ]);
  }
}

const answer = ({ state }: Story, tape: Tape): EventJson => ({
  requestAnswered: {
    requestId: tape.mostly(state.requests.keys(), "none:1:0"),
    action: tape.of(["ANSWER_ACTION_ACCEPT", "ANSWER_ACTION_DECLINE"]),
    payload: tape.of(['"yes"', '"no"', "{}"]),
  },
});

function control({ state }: Story, tape: Tape): EventJson {
  const runId = tape.mostly(state.runs.keys(), "none:1:0");
  return tape.of<EventJson>([
    { controlCancel: { runId } },
    { controlSteer: { runId, text: tape.of(texts) } },
    { controlRedirect: { runId, agent: "writer" } },
    { controlPause: { runId } },
    { controlResume: { runId } },
  ]);
}

function agentTurn(story: Story, tape: Tape, pen: Pen): void {
  const { state } = story;
  const instance = pen.actor.instance ?? "";
  const held = [...state.attempts].filter(([, run]) => run.instance === instance);
  const joined = state.agents.get(instance)?.presence;
  if (joined === undefined || joined === "AGENT_PRESENCE_LEFT" || tape.below(60) === 0) {
    const attachment = `s${tape.below(4)}`;
    return write(
      story,
      tape,
      pen,
      [
        {
          agentJoined: {
            agent: tape.of(["planner", "planner", "planner", "writer"]),
            instance,
            attachment,
            node: "n2",
            incarnation: 2 + tape.below(3),
            capacity: 2,
          },
        },
      ],
      all,
    );
  }
  if (joined === "AGENT_PRESENCE_CRASHED") pen.actor = { ...pen.actor, instance: `${instance}x` };
  const [attempt, run] = held[tape.below(held.length)] ?? [];
  if (attempt === undefined || run === undefined || tape.below(8) === 0) return idleTurn(story, tape, pen, instance);
  const audience = tape.below(6) === 0 ? tape.of(audiences) : run.audience;
  const runId = run.id;
  const id = (index: number): string => `${pen.producer}:${pen.number + 1}:${index}`;
  const steps = run.steps.map((step) => step.id);
  const openMessages = [...state.heldMessages].filter((message) => message.attempt === attempt && !message.closed);
  const message = openMessages[tape.below(openMessages.length)];
  const part = message?.parts.filter(({ closed }) => !closed).at(-1);
  const fields = {
    attempt,
    audience: tape.below(8) === 0 ? audience : (part?.audience ?? message?.audience ?? audience),
  };
  switch (tape.below(16)) {
    case 0:
      return write(
        story,
        tape,
        pen,
        [{ stepStarted: { runId, key: `k${tape.below(3)}`, parentStepId: tape.mostly(["", ...steps], "x") } }],
        { attempt, audience },
      );
    case 1:
      return write(
        story,
        tape,
        pen,
        [{ stepClosed: { stepId: tape.mostly(steps, "x"), result: tape.of(texts), error: tape.of(["", "", "no"]) } }],
        { attempt, audience },
      );
    case 2:
      return write(story, tape, pen, [{ stepSuperseded: { stepId: tape.mostly(steps, "x") } }], { attempt, audience });
    case 3:
    case 4:
      return write(
        story,
        tape,
        pen,
        [
          { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId, stepId: tape.mostly(["", ...steps], "") } },
          {
            partOpened: {
              messageId: id(0),
              part: { kind: "PART_KIND_TEXT", text: tape.of(texts), sealed: tape.of(["", "s"]) },
            },
          },
        ],
        { attempt, audience },
      );
    case 5:
      return write(
        story,
        tape,
        pen,
        [{ partOpened: { messageId: message?.id ?? "x", part: { kind: "PART_KIND_REASONING", sealed: "sig" } } }],
        { attempt, audience: tape.of([message?.audience ?? "AUDIENCE_ALL", "AUDIENCE_AGENTS"]) },
      );
    case 6:
    case 7:
    case 8:
      return append(story, tape, pen, part?.id ?? "x", fields);
    case 9:
      return write(story, tape, pen, [{ partClosed: { partId: part?.id ?? "x" } }], fields);
    case 10:
      return write(
        story,
        tape,
        pen,
        [
          tape.of<EventJson>([
            { partSet: { partId: part?.id ?? "x", part: { kind: "PART_KIND_DATA", text: "{}", sealed: "z" } } },
            { partPatched: { partId: part?.id ?? "x", patch: '[{"op":"add","path":"/b","value":2}]' } },
            { partAnnotated: { partId: part?.id ?? "x", annotation: { kind: "citation", start: 0, end: 1 } } },
          ]),
        ],
        fields,
      );
    case 11:
      return write(
        story,
        tape,
        pen,
        [{ messageClosed: { messageId: message?.id ?? "x", finish: "FINISH_REASON_STOP" } }],
        { attempt, audience: message?.audience ?? audience },
      );
    case 12:
      return write(story, tape, pen, [ask(tape, runId)], { attempt, audience });
    case 13:
      return write(story, tape, pen, [receipt(story, tape, runId)], { attempt, audience });
    case 14:
      return write(
        story,
        tape,
        pen,
        [
          tape.of<EventJson>([
            { runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } },
            { runResumed: { runId } },
            { agentProgress: { runId, fraction: tape.below(3), label: tape.of(texts).slice(0, 200) } },
          ]),
        ],
        { attempt, audience },
      );
    default:
      return write(
        story,
        tape,
        pen,
        [
          tape.of<EventJson>([
            { runCompleted: { runId, result: tape.of(texts) } },
            { runFailed: { runId, code: "broke", message: "it broke" } },
            { runCancelled: { runId } },
          ]),
        ],
        { attempt, audience },
      );
  }
}

function append(story: Story, tape: Tape, pen: Pen, partId: string, fields: RecordJson): void {
  const part = story.state.parts.get(partId);
  const at = (part?.text.length ?? 0) + (part?.pendingSurrogate === 0 ? 0 : 1);
  const text = tape.of(["a", "to", "ken ", "🜁", "ü", "z".repeat(200)]);
  const partAppended = { partId, at: Math.max(0, at + tape.of([0, 0, 0, 0, 0, 0, -1, 2])), text };
  if (tape.below(4) > 0) return write(story, tape, pen, [{ partAppended }], fields);
  // A merged append, of which a retry brings the end of the record before again.
  const merged = 1 + tape.below(3);
  story.write(pen, [{ partAppended }], { ...fields, last: pen.number + merged });
  pen.number += merged - 1;
  const again = { partId, at, text: `${text}more` };
  pen.number += 1;
  story.send(pen, [{ partAppended: again }], { ...fields, first: pen.number - 1, last: pen.number });
}

const ask = (tape: Tape, runId: string): EventJson => ({
  requestOpened: {
    runId,
    kind: "REQUEST_KIND_CHOICE",
    title: "Go on?",
    choices: [{ value: "yes" }, { value: "no" }],
    expiresInMs: tape.of([0, 3000]),
    defaultPayload: '"no"',
  },
});

function receipt({ state }: Story, tape: Tape, runId: string): EventJson {
  const own = [...state.controls.values()].filter((signal) => signal.runId === runId).map(({ id }) => id);
  const controlId = tape.mostly(own, "none:1:0");
  return {
    controlReceipt: {
      controlId,
      state: tape.of(["RECEIPT_STATE_RECEIVED", "RECEIPT_STATE_APPLIED", "RECEIPT_STATE_REFUSED"]),
    },
  };
}

function idleTurn(story: Story, tape: Tape, pen: Pen, instance: string): void {
  const { state } = story;
  const agent = state.agents.get(instance)?.agent ?? "planner";
  const free = [...state.runs.values()].filter((run) => !isUnderWay(run) && !run.settled && run.agent === agent);
  const run = tape.mostly(
    (tape.below(9) === 0 ? [...state.runs.values()] : free).map(({ id }) => id),
    "none:1:0",
  );
  switch (tape.below(24)) {
    case 0:
      return write(
        story,
        tape,
        pen,
        [{ agentResumed: { instance, attachment: `s${tape.below(4)}`, node: "n2", incarnation: 2 + tape.below(3) } }],
        all,
      );
    case 1:
      return write(story, tape, pen, [{ agentBusy: { instance, delayMs: tape.below(2) * 100 } }], all);
    case 2:
      return write(story, tape, pen, [{ agentLeft: { instance } }], all);
    case 3:
      return write(story, tape, pen, [
        {
          usageReported: {
            provider: "p",
            model: tape.of(["m", "n", "o", "q"]),
            currency: "USD",
            inputTokens: 7,
            costMicros: "12",
            responseId: `r${tape.below(5)}`,
          },
        },
      ]);
    case 4:
    case 5:
      return write(story, tape, pen, [{ runRequested: { agent } }]);
    default:
      if (free.length === 0) return write(story, tape, pen, [{ runRequested: { agent } }], all);
      return write(story, tape, pen, [{ runAccepted: { runId: run, instance } }], {
        audience: state.runs.get(run)?.audience ?? "AUDIENCE_ALL",
      });
  }
}

function nodeTurn(story: Story, tape: Tape, pen: Pen): void {
  const { state } = story;
  const cause = { seq: tape.below(8) === 0 ? tape.below(state.seq + 3) : state.seq };
  const agent = state.agents.get(tape.mostly(state.agents.keys(), "none"));
  const run = state.runs.get(tape.mostly(state.runs.keys(), "none"));
  const instance = agent?.instance ?? "none";
  const request = state.requests.get(tape.mostly(state.requests.keys(), "none"));
  const signal = state.controls.get(tape.mostly(state.controls.keys(), "none"));
  const ref = { session: "other", epoch: "7", runSeq: tape.below(6), runId: "w:1:0" };
  const event = tape.of<[EventJson, AudienceJson]>([
    [{ agentLost: { instance, attachment: agent?.attachment ?? "s", reason: "LOST_REASON_STREAM" } }, "AUDIENCE_ALL"],
    [{ agentCrashed: { instance } }, "AUDIENCE_ALL"],
    [{ agentCrashed: { instance } }, "AUDIENCE_ALL"],
    [{ runOrphaned: { runId: run?.id ?? "none", instance: run?.instance ?? "" } }, run?.audience ?? "AUDIENCE_ALL"],
    [{ requestExpired: { requestId: request?.id ?? "none" } }, request?.audience ?? "AUDIENCE_ALL"],
    [
      { runCancelled: { runId: signal?.runId ?? "none", controlId: signal?.id ?? "", cutOff: true } },
      state.runs.get(signal?.runId ?? "")?.audience ?? "AUDIENCE_ALL",
    ],
    [{ nodeExpired: { node: tape.of(["n1", "n2"]), incarnation: tape.below(3) } }, "AUDIENCE_ALL"],
    [{ memberLeft: { member: tape.mostly(state.members.keys(), "none") } }, "AUDIENCE_ALL"],
    [{ poolQueued: { run: ref } }, "AUDIENCE_ALL"],
    [{ poolOffered: { run: ref, instance } }, "AUDIENCE_ALL"],
    [{ poolTaken: { run: ref, instance } }, "AUDIENCE_ALL"],
    [{ poolReturned: { run: ref, instance } }, "AUDIENCE_ALL"],
    [{ poolFreed: { run: ref, instance: tape.of(["", instance]) } }, "AUDIENCE_ALL"],
  ]);
  write(story, tape, pen, [event[0]], { cause, audience: event[1] });
}

/** Anybody writes anything. */
function anyTurn(story: Story, tape: Tape, pen: Pen): void {
  const attempt = tape.mostly([...story.state.attempts.keys()].map(String), "3");
  const events = Array.from({ length: 1 + tape.below(3) }, () => anyEvent(story, tape));
  write(story, tape, pen, events, { attempt: tape.of([0, Number(attempt)]) });
}

function anyEvent(story: Story, tape: Tape): EventJson {
  const { state } = story;
  const messageId = tape.mostly(state.messages.keys(), "none:1:0");
  const participant = `p${tape.below(25)}`;
  return tape.of<EventJson>([
    { sessionUpdated: { title: tape.of(texts).slice(0, 250), tags: { values: ["a"] } } },
    { participantInvited: { participant, role: "ROLE_USER", name: "P" } },
    { participantRemoved: { participant } },
    { messageRemoved: { messageId } },
    { messageUpdated: { messageId, metadata: tape.of(texts) } },
    { messageClosed: { messageId } },
    {
      messageOpened: {
        role: "MESSAGE_ROLE_OPERATOR",
        editOf: messageId,
        parentId: state.messages.get(messageId)?.parentId ?? "",
      },
    },
    { partAnnotated: { partId: tape.mostly(state.parts.keys(), "x"), annotation: { kind: "rating" } } },
    { requestWithdrawn: { requestId: tape.mostly(state.requests.keys(), "x") } },
    { transient: { kind: "typing" } },
    { takeoverClaimed: {} },
    {},
    answer(story, tape),
    control(story, tape),
    { runRequested: { agent: "planner" } },
    { sessionCreated: {} },
  ]);
}
