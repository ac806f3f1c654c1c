import type {
  AgentStateJson,
  ControlStateJson,
  MemberStateJson,
  MessageStateJson,
  ParticipantStateJson,
  PartStateJson,
  PoolRunJson,
  RequestStateJson,
  RunStateJson,
  SessionInfoJson,
  StepStateJson,
  TombstoneJson,
  UsageTotalJson,
} from "@perdure/protocol";
import { isFinal } from "./apply/controls.ts";
import { poolKey } from "./apply/pool.ts";
import { isUnderWay, isUnfinished } from "./apply/runs.ts";
import { usageKey } from "./apply/usage.ts";
import { fromInt64 } from "./sparse.ts";
import type { Control, Message, Part, Request, Run, SessionInfo, SessionState, Step, UsageTotal } from "./state.ts";
import { tombstoneKey } from "./tombstones.ts";
import { reweigh, settle, unweigh, weighControl, weighMessage, weighPart, weighRequest, weighRun, weighStep } from "./weight.ts";

/* Items in the schema's JSON into the state. Each takes the place of the one it replaces, or the last. */

const unsettled = { weight: 0, settled: false };

export const infoOf = (json: SessionInfoJson): SessionInfo => ({
  title: "",
  tags: [],
  policy: {},
  metadata: "",
  createdBy: "",
  closed: false,
  closedReason: "",
  changed: 0,
  ...json,
  createdMs: fromInt64(json.createdMs),
});

export function putParticipant(state: SessionState, json: ParticipantStateJson): void {
  const { participant = "" } = json;
  const absent = { role: "ROLE_UNSPECIFIED", name: "", removed: false, changed: 0 } as const;
  state.participants.set(participant, { ...absent, ...json, participant });
}

export function putMember(state: SessionState, json: MemberStateJson): void {
  const { member = "" } = json;
  state.members.set(member, {
    participant: "",
    role: "ROLE_UNSPECIFIED",
    name: "",
    node: "",
    incarnation: 0,
    device: "",
    watching: false,
    changed: 0,
    ...json,
    member,
    joinedMs: fromInt64(json.joinedMs),
  });
}

export function putAgent(state: SessionState, json: AgentStateJson): void {
  const { instance = "" } = json;
  state.agents.set(instance, {
    agent: "",
    participant: "",
    attachment: "",
    node: "",
    incarnation: 0,
    capacity: 0,
    description: "",
    presence: "AGENT_PRESENCE_UNSPECIFIED",
    busyDelayMs: 0,
    changed: 0,
    ...json,
    instance,
    lostMs: fromInt64(json.lostMs),
  });
}

/** A message's parts that the JSON does not name stay as they are. */
export function putMessage(state: SessionState, json: MessageStateJson): void {
  const { id = "", parts = [] } = json;
  const before = state.messages.get(id);
  if (before !== undefined) unweigh(state, before);
  const message: Message = {
    opened: 0,
    parentId: "",
    role: "MESSAGE_ROLE_UNSPECIFIED",
    author: "",
    audience: "AUDIENCE_ALL",
    runId: "",
    stepId: "",
    attempt: 0,
    to: [],
    editOf: "",
    regenerates: "",
    continues: "",
    metadata: "",
    closed: false,
    changed: 0,
    ...json,
    id,
    timeMs: fromInt64(json.timeMs),
    parts: [],
    ...unsettled,
  };
  state.messages.set(id, message);
  message.parts = merged(
    before?.parts ?? [],
    parts.map((part) => partOf(part, message)),
  );
  for (const part of message.parts) {
    part.message = message;
    state.parts.set(part.id, part);
  }
  hold(state, message, before);
  reweigh(state, message, weighMessage(message));
  const stepOpen = state.steps.get(message.stepId)?.phase === "STEP_PHASE_OPEN";
  if (message.closed && !stepOpen) release(state, message);
}

function hold(state: SessionState, message: Message, before: Message | undefined): void {
  if (before !== undefined) state.heldMessages.delete(before);
  state.heldMessages.add(message);
}

function release(state: SessionState, message: Message): void {
  settle(state, message, true);
  state.heldMessages.delete(message);
}

/** The newer items in the place of those with the same id, or at the end. */
function merged<T extends { readonly id: string }>(before: readonly T[], newer: readonly T[]): readonly T[] {
  const byId = new Map(before.map((item) => [item.id, item]));
  for (const item of newer) byId.set(item.id, item);
  return [...byId.values()];
}

function partOf(json: PartStateJson, message: Message): Part {
  const { text = "", ...spec } = json.part ?? {};
  const part: Part = {
    id: "",
    opened: 0,
    annotations: [],
    closed: false,
    audience: "AUDIENCE_ALL",
    pendingSurrogate: 0,
    changed: 0,
    ...withoutPart(json),
    spec,
    text,
    weight: 0,
    message,
  };
  part.weight = weighPart(part);
  return part;
}

const withoutPart = ({ part: _part, ...json }: PartStateJson): Omit<PartStateJson, "part"> => json;

/** A run's steps that the JSON does not name stay as they are. */
export function putRun(state: SessionState, json: RunStateJson): void {
  const { id = "", steps = [] } = json;
  const before = state.runs.get(id);
  if (before !== undefined) forgetRun(state, before);
  const run: Run = {
    requested: 0,
    phase: "RUN_PHASE_UNSPECIFIED",
    agent: "",
    inputMessageId: "",
    input: "",
    tools: "",
    context: "",
    parentRunId: "",
    parentCallId: "",
    requestedBy: "",
    attempt: 0,
    attempts: 0,
    instance: "",
    agentParticipant: "",
    waitsForRequestId: "",
    result: "",
    code: "",
    message: "",
    failedStepId: "",
    cause: "",
    audience: "AUDIENCE_ALL",
    changed: 0,
    ...json,
    id,
    requestedMs: fromInt64(json.requestedMs),
    acceptedMs: fromInt64(json.acceptedMs),
    endedMs: fromInt64(json.endedMs),
    steps: [],
    ...unsettled,
  };
  run.steps = merged(
    before?.steps ?? [],
    steps.map((step) => stepOf(step, run)),
  );
  state.runs.set(id, run);
  for (const step of run.steps) {
    step.run = run;
    state.steps.set(step.id, step);
  }
  if (isUnderWay(run)) state.attempts.set(run.attempt, run);
  reweigh(state, run, weighRun(run));
  if (!isUnfinished(run)) settle(state, run, true);
}

function forgetRun(state: SessionState, run: Run): void {
  unweigh(state, run);
  state.attempts.delete(run.attempt);
}

function stepOf(json: StepStateJson, run: Run): Step {
  const step: Step = {
    id: "",
    key: "",
    label: "",
    parentStepId: "",
    phase: "STEP_PHASE_UNSPECIFIED",
    result: "",
    error: "",
    attempt: 0,
    changed: 0,
    ...json,
    startedMs: fromInt64(json.startedMs),
    endedMs: fromInt64(json.endedMs),
    weight: 0,
    run,
  };
  step.weight = weighStep(step);
  return step;
}

export function putControl(state: SessionState, json: ControlStateJson): void {
  const { id = "" } = json;
  const before = state.controls.get(id);
  if (before !== undefined) unweigh(state, before);
  const control: Control = {
    kind: "CONTROL_KIND_UNSPECIFIED",
    runId: "",
    text: "",
    messageId: "",
    agent: "",
    by: "",
    receipt: "RECEIPT_LEVEL_UNSPECIFIED",
    code: "",
    seq: 0,
    changed: 0,
    audience: "AUDIENCE_ALL",
    ...json,
    id,
    timeMs: fromInt64(json.timeMs),
    ...unsettled,
  };
  state.controls.set(id, control);
  reweigh(state, control, weighControl(control));
  const run = state.runs.get(control.runId);
  const runIsOver = run === undefined || run.settled;
  if (isFinal(control) && (control.kind !== "CONTROL_KIND_CANCEL" || runIsOver)) settle(state, control, true);
}

export function putRequest(state: SessionState, json: RequestStateJson): void {
  const { id = "" } = json;
  const before = state.requests.get(id);
  if (before !== undefined) unweigh(state, before);
  const request: Request = {
    opened: 0,
    phase: "REQUEST_PHASE_UNSPECIFIED",
    answeredBy: "",
    payload: "",
    audience: "AUDIENCE_ALL",
    changed: 0,
    askedBy: "",
    ...json,
    id,
    request: json.request ?? {},
    dueMs: fromInt64(json.dueMs),
    ...unsettled,
  };
  state.requests.set(id, request);
  reweigh(state, request, weighRequest(request));
  const run = state.runs.get(request.request.runId ?? "");
  if (request.phase !== "REQUEST_PHASE_OPEN" && (run === undefined || run.settled)) settle(state, request, true);
}

export function putPoolRun(state: SessionState, json: PoolRunJson): void {
  const { session = "", epoch, runSeq = 0, runId = "" } = json.run ?? {};
  state.pool.set(poolKey(json.run), {
    phase: "POOL_PHASE_UNSPECIFIED",
    instance: "",
    offers: 0,
    changed: 0,
    ...json,
    run: { session, epoch: fromInt64(epoch), runSeq, runId },
    offeredMs: fromInt64(json.offeredMs),
  });
}

export function putUsage(state: SessionState, json: UsageTotalJson): void {
  const total: UsageTotal = {
    provider: "",
    model: "",
    currency: "",
    reports: 0,
    audience: "AUDIENCE_ALL",
    changed: 0,
    ...json,
    inputTokens: fromInt64(json.inputTokens),
    outputTokens: fromInt64(json.outputTokens),
    cacheReadTokens: fromInt64(json.cacheReadTokens),
    cacheCreationTokens: fromInt64(json.cacheCreationTokens),
    reasoningTokens: fromInt64(json.reasoningTokens),
    costMicros: fromInt64(json.costMicros),
  };
  state.usage.set(usageKey(total), total);
}

export function putTombstone(state: SessionState, json: TombstoneJson): void {
  const { id = "", kind = "TOMBSTONE_KIND_UNSPECIFIED", changed = 0 } = json;
  state.tombstones.set(tombstoneKey(kind, id), { id, kind, changed });
}
