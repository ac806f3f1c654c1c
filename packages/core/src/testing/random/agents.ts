import type { AudienceJson, EventJson } from "@perdure/protocol";
import { isUnderWay, type Message, type Part, type Run } from "../../index.ts";
import { forAll, nextId, type Turn, write } from "./turn.ts";

/** An instance of an agent: joins, takes a run, and works on it, in good order or not. */
export function agentTurn(turn: Turn): void {
  const { story, tape, pen } = turn;
  const instance = pen.actor.instance ?? "";
  const presence = story.state.agents.get(instance)?.presence;
  if (presence === "AGENT_PRESENCE_CRASHED") pen.actor = { ...pen.actor, instance: `${instance}x` };
  if (presence === undefined || presence === "AGENT_PRESENCE_LEFT" || tape.below(60) === 0) return joinSession(turn);
  const held = [...story.state.runs.values()].filter((run) => isUnderWay(run) && run.instance === instance);
  const run = held[tape.below(held.length)];
  if (run === undefined || tape.below(8) === 0) return idle(turn);
  work(jobOf(turn, run));
}

const whereabouts = ({ tape }: Turn) => ({
  attachment: `s${tape.below(4)}`,
  node: "n2",
  incarnation: 2 + tape.below(3),
});

function joinSession(turn: Turn): void {
  const agent = turn.tape.of(["planner", "planner", "planner", "writer"]);
  const instance = turn.pen.actor.instance ?? "";
  write(turn, { agentJoined: { agent, instance, capacity: 2, ...whereabouts(turn) } }, forAll);
}

function idle(turn: Turn): void {
  const { story, tape, pen } = turn;
  const instance = pen.actor.instance ?? "";
  const agent = story.state.agents.get(instance)?.agent ?? "planner";
  const usage = {
    provider: "p",
    model: tape.of(["m", "n", "o", "q"]),
    currency: "USD",
    inputTokens: 7,
    costMicros: "12",
  };
  const choice = tape.below(24);
  if (choice === 0) return write(turn, { agentResumed: { instance, ...whereabouts(turn) } }, forAll);
  if (choice === 1) return write(turn, { agentBusy: { instance, delayMs: tape.below(2) * 100 } }, forAll);
  if (choice === 2) return write(turn, { agentLeft: { instance } }, forAll);
  if (choice === 3) return write(turn, { usageReported: { ...usage, responseId: `r${tape.below(5)}` } });
  const runs = [...story.state.runs.values()];
  const free = runs.filter((run) => !isUnderWay(run) && !run.settled && run.agent === agent);
  if (choice < 6 || free.length === 0) return write(turn, { runRequested: { agent } });
  const runId = tape.mostly(
    (choice < 8 ? runs : free).map(({ id }) => id),
    "none:1:0",
  );
  const audience = story.state.runs.get(runId)?.audience ?? "AUDIENCE_ALL";
  return write(turn, { runAccepted: { runId, instance } }, { audience });
}

interface Job extends Turn {
  readonly run: Run;
  readonly message: Message | undefined;
  readonly part: Part | undefined;
  /** Ids of the run's steps. */
  readonly steps: readonly string[];
}

function jobOf(turn: Turn, run: Run): Job {
  const { story, tape } = turn;
  const held = [...story.state.heldMessages].filter(({ attempt, closed }) => attempt === run.attempt && !closed);
  const message = held[tape.below(held.length)];
  const part = message?.parts.filter(({ closed }) => !closed).at(-1);
  return { ...turn, run, message, part, steps: run.steps.map(({ id }) => id) };
}

function work(job: Job): void {
  const { tape } = job;
  tape.of([
    startStep,
    closeStep,
    supersedeStep,
    openMessage,
    openMessage,
    openThought,
    append,
    append,
    append,
    closePart,
    changePart,
    closeMessage,
    ask,
    receive,
    wait,
    end,
  ])(job);
}

/** Writes for the attempt, mostly for the audience that is right. */
function report(job: Job, events: EventJson | readonly EventJson[], audience: AudienceJson = job.run.audience): void {
  const wrong = job.tape.below(20) === 0;
  write(job, events, { attempt: job.run.attempt, audience: wrong ? "AUDIENCE_STAFF" : audience });
}

const startStep = (job: Job): void => {
  const parentStepId = job.tape.mostly(["", ...job.steps], "x");
  report(job, { stepStarted: { runId: job.run.id, key: `k${job.tape.below(3)}`, parentStepId } });
};

const closeStep = (job: Job): void => {
  const { tape } = job;
  const stepId = tape.mostly(job.steps, "x");
  report(job, { stepClosed: { stepId, result: tape.text, error: tape.of(["", "", "no"]) } });
};

const supersedeStep = (job: Job): void => report(job, { stepSuperseded: { stepId: job.tape.mostly(job.steps, "x") } });

function openMessage(job: Job): void {
  const { tape, run } = job;
  const stepId = tape.mostly(["", ...job.steps], "");
  const part = { kind: "PART_KIND_TEXT", text: tape.text, sealed: tape.of(["", "s"]) } as const;
  report(job, [
    { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId: run.id, stepId } },
    { partOpened: { messageId: nextId(job, 0), part } },
  ]);
}

function openThought(job: Job): void {
  const { message, tape } = job;
  const part = { kind: "PART_KIND_REASONING", sealed: "sig" } as const;
  const audience = tape.of<AudienceJson>([message?.audience ?? "AUDIENCE_ALL", "AUDIENCE_AGENTS"]);
  report(job, { partOpened: { messageId: message?.id ?? "x", part } }, audience);
}

function append(job: Job): void {
  const { story, tape, pen, part, run } = job;
  const partId = part?.id ?? "x";
  const at = (part?.text.length ?? 0) + (part === undefined || part.pendingSurrogate === 0 ? 0 : 1);
  const text = tape.of(["a", "to", "ken ", "🜁", "ü", "z".repeat(200)]);
  const off = Math.max(0, at + tape.of([0, 0, 0, 0, 0, 0, 0, -1, 2]));
  if (tape.below(4) > 0) return report(job, { partAppended: { partId, at: off, text } }, part?.audience);
  // A merged append, of which a retry through another node brings the end again.
  const fields = { attempt: run.attempt, audience: part?.audience ?? "AUDIENCE_ALL" };
  const first = pen.number + 1;
  pen.number += 1 + tape.below(3);
  story.send(pen, { partAppended: { partId, at, text } }, { ...fields, first });
  pen.number += 1;
  story.send(pen, { partAppended: { partId, at, text: `${text}more` } }, { ...fields, first: pen.number - 1 });
}

const closePart = (job: Job): void => report(job, { partClosed: { partId: job.part?.id ?? "x" } }, job.part?.audience);

function changePart(job: Job): void {
  const partId = job.part?.id ?? "x";
  const event = job.tape.of<EventJson>([
    { partSet: { partId, part: { kind: "PART_KIND_DATA", text: "{}", sealed: "z" } } },
    { partPatched: { partId, patch: '[{"op":"add","path":"/b","value":2}]' } },
    { partAnnotated: { partId, annotation: { kind: "citation", start: 0, end: 1 } } },
  ]);
  report(job, event, job.part?.audience);
}

const closeMessage = (job: Job): void => {
  const messageId = job.message?.id ?? "x";
  report(job, { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } }, job.message?.audience);
};

const ask = (job: Job): void =>
  report(job, {
    requestOpened: {
      runId: job.run.id,
      kind: "REQUEST_KIND_CHOICE",
      title: "Go on?",
      choices: [{ value: "yes" }, { value: "no" }],
      expiresInMs: job.tape.of([0, 3000]),
      defaultPayload: '"no"',
    },
  });

function receive(job: Job): void {
  const { story, tape, run } = job;
  const own = [...story.state.controls.values()].filter(({ runId }) => runId === run.id).map(({ id }) => id);
  const controlId = tape.mostly(own, "none:1:0");
  const state = tape.of(["RECEIPT_STATE_RECEIVED", "RECEIPT_STATE_APPLIED", "RECEIPT_STATE_REFUSED"] as const);
  report(job, { controlReceipt: { controlId, state } }, story.state.controls.get(controlId)?.audience);
}

function wait(job: Job): void {
  const { tape } = job;
  const { id: runId } = job.run;
  report(
    job,
    tape.of<EventJson>([
      { runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } },
      { runResumed: { runId } },
      { agentProgress: { runId, fraction: tape.below(3), label: tape.line } },
    ]),
  );
}

function end(job: Job): void {
  const { tape } = job;
  const { id: runId } = job.run;
  report(
    job,
    tape.of<EventJson>([
      { runCompleted: { runId, result: tape.text } },
      { runFailed: { runId, code: "broke", message: "it broke" } },
      { runCancelled: { runId } },
    ]),
  );
}
