import type {
  AgentStateJson,
  BudgetStateJson,
  ControlStateJson,
  DocumentStateJson,
  MemberStateJson,
  ObserverCountJson,
  ParticipantStateJson,
  PoolRunJson,
  RequestStateJson,
  SessionInfoJson,
  TakeoverStateJson,
  TombstoneJson,
  UsageTotalJson,
} from "@perdure/protocol";
import { isFinal } from "./apply/receipts.ts";
import { poolKey } from "./apply/pool.ts";
import { usageKey } from "./apply/usage.ts";
import { fromInt64 } from "./sparse.ts";
import type { Budget, Control, Document, Request, SessionInfo, FollowedState, Takeover, UsageTotal } from "./state.ts";
import { tombstoneKey } from "./tombstones.ts";
import { reweigh, settle, unweigh, weighControl, weighDocument, weighRequest } from "./weight.ts";

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

export function putParticipant(state: FollowedState, json: ParticipantStateJson): void {
  const { participant = "" } = json;
  state.participants.set(participant, { name: "", removed: false, changed: 0, ...json, participant });
}

export function putMember(state: FollowedState, json: MemberStateJson): void {
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

export function putObserverCount(state: FollowedState, json: ObserverCountJson): void {
  const { node = "" } = json;
  state.observers.set(node, { incarnation: 0, count: 0, changed: 0, ...json, node });
}

export function putAgent(state: FollowedState, json: AgentStateJson): void {
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

export function putControl(state: FollowedState, json: ControlStateJson): void {
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

export function putRequest(state: FollowedState, json: RequestStateJson): void {
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

export function putTakeover(state: FollowedState, json: TakeoverStateJson): void {
  const { id = "" } = json;
  const before = state.takeovers.get(id);
  if (before !== undefined) unweigh(state, before);
  const takeover: Takeover = {
    opened: 0,
    phase: "TAKEOVER_PHASE_UNSPECIFIED",
    reason: "",
    summary: "",
    team: "",
    requestedBy: "",
    holder: "",
    note: "",
    changed: 0,
    ...json,
    id,
    dueMs: fromInt64(json.dueMs),
    goneMs: fromInt64(json.goneMs),
    openedMs: fromInt64(json.openedMs),
    claimedMs: fromInt64(json.claimedMs),
    endedMs: fromInt64(json.endedMs),
    ...unsettled,
  };
  state.takeovers.set(id, takeover);
}

export function putBudget(state: FollowedState, json: BudgetStateJson): void {
  const budget: Budget = {
    currency: "",
    phase: "BUDGET_PHASE_UNSPECIFIED",
    warnAt: 0,
    setBy: "",
    changed: 0,
    ...json,
    limitMicros: fromInt64(json.limitMicros),
    limitTokens: fromInt64(json.limitTokens),
    spentMicros: fromInt64(json.spentMicros),
    spentTokens: fromInt64(json.spentTokens),
  };
  state.budgets.set(budget.currency, budget);
}

export function putDocument(state: FollowedState, json: DocumentStateJson): void {
  const document: Document = {
    id: "",
    name: "",
    content: "",
    audience: "AUDIENCE_ALL",
    changedBy: "",
    changed: 0,
    ...json,
    timeMs: fromInt64(json.timeMs),
    weight: 0,
  };
  document.weight = weighDocument(document);
  state.documentWeight += document.weight - (state.documents.get(document.id)?.weight ?? 0);
  state.documents.set(document.id, document);
}

export function putPoolRun(state: FollowedState, json: PoolRunJson): void {
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

export function putUsage(state: FollowedState, json: UsageTotalJson): void {
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

export function putTombstone(state: FollowedState, json: TombstoneJson): void {
  const { id = "", kind = "TOMBSTONE_KIND_UNSPECIFIED", changed = 0 } = json;
  state.tombstones.set(tombstoneKey(kind, id), { id, kind, changed });
}
