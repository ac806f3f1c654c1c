/** Items of the state as apps see them. Each is made anew only when its item has changed. */
import type {
  Agent,
  Budget,
  Control,
  Document,
  Member,
  Message,
  Part,
  Request,
  Run,
  Step,
  Takeover,
} from "@perdure/core";
import type { PartSpecJson } from "@perdure/protocol";
import type {
  AgentView,
  BudgetView,
  ControlView,
  DocumentView,
  MemberView,
  MessageView,
  PartView,
  ProgressView,
  RequestView,
  RunView,
  StepView,
  TakeoverView,
} from "./view.ts";
import { word } from "./words.ts";

export function partView(part: Part): PartView {
  const { id, spec, text, closed, annotations } = part;
  return { ...specView(spec), id, text, done: closed || part.message.closed, annotations };
}

/** What a part is from its beginning. */
export function specView(spec: PartSpecJson): Omit<PartView, "id" | "text" | "done" | "annotations"> {
  return {
    kind: word("PART_KIND", spec.kind),
    name: spec.name ?? "",
    callId: spec.callId ?? "",
    url: spec.url ?? "",
    mediaType: spec.mediaType ?? "",
    inline: spec.inline ?? "",
    sizeBytes: Number(spec.sizeBytes ?? 0),
    failed: spec.failed ?? false,
    site: word("TOOL_SITE", spec.site),
    metadata: spec.metadata ?? "",
  };
}

export function messageView(message: Message, parts: readonly PartView[], versions: readonly string[]): MessageView {
  const { id, author, closed, parentId, runId, stepId, timeMs, metadata } = message;
  return {
    id,
    role: word("MESSAGE_ROLE", message.role),
    author,
    status: closed ? "done" : "streaming",
    finish: word("FINISH_REASON", message.finish),
    text: textOf(parts),
    parts,
    parentId,
    runId,
    stepId,
    versions,
    timeMs,
    metadata,
  };
}

export const textOf = (parts: readonly PartView[]): string =>
  parts
    .filter(({ kind }) => kind === "text")
    .map(({ text }) => text)
    .join("");

export function runView(run: Run, steps: readonly StepView[]): RunView {
  const { id, agent, inputMessageId, requestedBy, attempts, instance, result, code, message } = run;
  const { requestedMs, acceptedMs, endedMs } = run;
  return {
    id,
    phase: word("RUN_PHASE", run.phase),
    agent,
    inputMessageId,
    requestedBy,
    attempts,
    instance,
    suspended: word("SUSPEND_REASON", run.suspended),
    steps,
    progress: run.progress && progressView(run.progress),
    result,
    code,
    message,
    requestedMs,
    acceptedMs,
    endedMs,
  };
}

function progressView({
  stepId = "",
  label = "",
  fraction,
  etaMs,
  timeMs,
}: NonNullable<Run["progress"]>): ProgressView {
  return {
    stepId,
    label,
    fraction: fraction === undefined ? undefined : fraction / 1_000,
    etaMs,
    timeMs: Number(timeMs ?? 0),
  };
}

export function stepView(step: Step): StepView {
  const { id, key, label, parentStepId, phase, result, error, startedMs, endedMs } = step;
  return { id, key, label, parentStepId, phase: word("STEP_PHASE", phase), result, error, startedMs, endedMs };
}

export function memberView(member: Member, self: string | undefined): MemberView {
  const { member: id, participant, role, name, device, watching } = member;
  return { member: id, participant, role: word("ROLE", role), name, device, watching, self: id === self };
}

export function agentView({ agent, instance, participant, presence, description, busyDelayMs }: Agent): AgentView {
  return { agent, instance, participant, presence: word("AGENT_PRESENCE", presence), description, busyDelayMs };
}

export function requestView({ id, request, dueMs }: Request): RequestView {
  const { runId = "", title = "", text = "", schema = "", url = "", callId = "" } = request;
  const choices = (request.choices ?? []).map(({ value = "", label = value }) => ({ value, label }));
  const roles = (request.roles ?? []).map((role) => word("ROLE", role));
  const kind = word("REQUEST_KIND", request.kind);
  return { id, runId, kind, title, text, choices, schema, url, callId, roles, dueMs };
}

export function controlView({ id, kind, runId, text, messageId, by, receipt, code }: Control): ControlView {
  return {
    id,
    kind: word("CONTROL_KIND", kind),
    runId,
    text,
    messageId,
    by,
    receipt: word("RECEIPT_LEVEL", receipt),
    code,
  };
}

export function takeoverView(takeover: Takeover, participant: string): TakeoverView {
  const { id, reason, summary, team, requestedBy, holder, note, dueMs } = takeover;
  const phase = word("TAKEOVER_PHASE", takeover.phase);
  const urgency = word("URGENCY", takeover.urgency);
  const self = holder !== "" && holder === participant;
  return { id, phase, reason, summary, urgency, team, requestedBy, holder, self, note, dueMs };
}

export function documentView({ id, name, content, audience, changedBy, changed, timeMs }: Document): DocumentView {
  const value: unknown = JSON.parse(content);
  return { id, name, value, audience: word("AUDIENCE", audience), changedBy, changed, timeMs };
}

export function budgetView({ currency, phase, ...budget }: Budget): BudgetView {
  const [limit, spent] =
    currency === "" ? [budget.limitTokens, budget.spentTokens] : [budget.limitMicros, budget.spentMicros];
  return { currency, phase: word("BUDGET_PHASE", phase), limit, spent };
}
