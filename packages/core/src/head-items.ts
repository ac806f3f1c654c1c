import type {
  AgentStateJson,
  BudgetStateJson,
  ControlStateJson,
  DocumentStateJson,
  MemberStateJson,
  MessageStateJson,
  ObserverCountJson,
  ParticipantStateJson,
  PartStateJson,
  PoolRunJson,
  RequestStateJson,
  RunStateJson,
  SessionInfoJson,
  StepStateJson,
  TakeoverStateJson,
  UsageTotalJson,
} from "@perdure/protocol";
import { int64, sparse } from "./sparse.ts";
import type {
  Agent,
  Budget,
  Control,
  Document,
  Member,
  Message,
  ObserverCount,
  Part,
  Participant,
  PoolRun,
  Request,
  Run,
  SessionInfo,
  Step,
  Takeover,
  UsageTotal,
} from "./state.ts";

/* Items of the state in the schema's JSON. */

export const infoJson = (info: SessionInfo): SessionInfoJson =>
  sparse({ ...info, policy: info.policy, createdMs: int64(info.createdMs) });

export const participantJson = (participant: Participant): ParticipantStateJson => sparse(participant);

export const memberJson = (member: Member): MemberStateJson => sparse({ ...member, joinedMs: int64(member.joinedMs) });

export const observerCountJson = (count: ObserverCount): ObserverCountJson => sparse(count);

export const agentJson = (agent: Agent): AgentStateJson => sparse({ ...agent, lostMs: int64(agent.lostMs) });

/** `parts`: those to show. */
export function messageJson(message: Message, parts: readonly PartStateJson[]): MessageStateJson {
  const { weight: _weight, settled: _settled, ...fields } = message;
  return sparse({ ...fields, timeMs: int64(message.timeMs), parts: [...parts] });
}

export function partJson(part: Part): PartStateJson {
  const { weight: _weight, message: _message, spec, text, annotations, ...fields } = part;
  return sparse({ ...fields, annotations: [...annotations], part: text === "" ? spec : { ...spec, text } });
}

/** `steps`: those to show. */
export function runJson(run: Run, steps: readonly Step[]): RunStateJson {
  const { weight: _weight, settled: _settled, ...fields } = run;
  const { requestedMs, acceptedMs, endedMs } = run;
  return sparse({
    ...fields,
    steps: steps.map(stepJson),
    requestedMs: int64(requestedMs),
    acceptedMs: int64(acceptedMs),
    endedMs: int64(endedMs),
  });
}

function stepJson(step: Step): StepStateJson {
  const { weight: _weight, run: _run, ...fields } = step;
  return sparse({ ...fields, startedMs: int64(step.startedMs), endedMs: int64(step.endedMs) });
}

export function controlJson(control: Control): ControlStateJson {
  const { weight: _weight, settled: _settled, ...fields } = control;
  return sparse({ ...fields, timeMs: int64(control.timeMs) });
}

export function requestJson(request: Request): RequestStateJson {
  const { weight: _weight, settled: _settled, ...fields } = request;
  return sparse({ ...fields, dueMs: int64(request.dueMs) });
}

export function takeoverJson(takeover: Takeover): TakeoverStateJson {
  const { weight: _weight, settled: _settled, ...fields } = takeover;
  return sparse({
    ...fields,
    dueMs: int64(takeover.dueMs),
    goneMs: int64(takeover.goneMs),
    openedMs: int64(takeover.openedMs),
    claimedMs: int64(takeover.claimedMs),
    endedMs: int64(takeover.endedMs),
  });
}

export const budgetJson = (budget: Budget): BudgetStateJson =>
  sparse({
    ...budget,
    limitMicros: int64(budget.limitMicros),
    limitTokens: int64(budget.limitTokens),
    spentMicros: int64(budget.spentMicros),
    spentTokens: int64(budget.spentTokens),
  });

export function documentJson({ weight: _weight, ...document }: Document): DocumentStateJson {
  return sparse({ ...document, timeMs: int64(document.timeMs) });
}

export const poolRunJson = (run: PoolRun): PoolRunJson =>
  sparse({
    ...run,
    run: sparse({ ...run.run, epoch: int64(run.run.epoch) }),
    offeredMs: int64(run.offeredMs),
  });

export const usageJson = (total: UsageTotal): UsageTotalJson =>
  sparse({
    ...total,
    inputTokens: int64(total.inputTokens),
    outputTokens: int64(total.outputTokens),
    cacheReadTokens: int64(total.cacheReadTokens),
    cacheCreationTokens: int64(total.cacheCreationTokens),
    reasoningTokens: int64(total.reasoningTokens),
    costMicros: int64(total.costMicros),
  });
