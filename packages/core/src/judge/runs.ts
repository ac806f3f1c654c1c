import { isAlive, isHere } from "../apply/agents.ts";
import { isPhase, isUnderWay, isUnfinished, type RunEvent, runTransitions } from "../apply/lifecycle.ts";
import { type Hold, holdOf, isHeld } from "../apply/holds.ts";
import { agentOf } from "../apply/runs.ts";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import { cutOffMs } from "../due.ts";
import type { Run, SessionState } from "../state.ts";
import { refersTo } from "./messages.ts";
import {
  attemptHolds,
  countOf,
  heldRun,
  isNode,
  isStale,
  type Judge,
  missing,
  type Refusal,
  sameAudience,
} from "./reasons.ts";

export const runRequested: Judge<"runRequested"> = (state, body, context) => {
  const { inputMessageId = "", parentRunId = "" } = body;
  if (agentOf(state, body) === "") return "no_agent";
  if (parentRunId !== "" && heldRun(state, context)?.id !== parentRunId) return "attempt_required";
  if (countOf(state.runs.values(), isUnfinished) >= state.limits.unfinishedRuns) return "too_many_runs";
  return refersTo(state, inputMessageId);
};

function judgeTransition(run: Run, event: RunEvent): Code | undefined {
  const next = runTransitions[run.phase][event];
  return isPhase(next) ? undefined : next;
}

export const runAccepted: Judge<"runAccepted"> = (state, body, context) => {
  const { runId = "", instance = "" } = body;
  const run = state.runs.get(runId);
  if (run === undefined) return missing(state, "TOMBSTONE_KIND_RUN", runId);
  const refusal = sameAudience(context, run.audience) ?? judgeTransition(run, "accepted");
  return refusal ?? judgeTaker(state, run, instance, context) ?? judgeHolder(state, run) ?? judgeHold(state);
};

const holdCodes: Readonly<Record<Hold, Code>> = {
  SUSPEND_REASON_TAKEOVER: "taken_over",
  SUSPEND_REASON_BUDGET: "budget_exhausted",
};

/** Whether the session holds its runs. */
function judgeHold(state: SessionState): Code | undefined {
  const hold = holdOf(state);
  return hold === undefined ? undefined : holdCodes[hold];
}

/** Who takes a run is here, speaks for itself, and is the agent that was asked. */
function judgeTaker(state: SessionState, run: Run, instance: string, context: Context): Code | undefined {
  if (instance !== context.actor.instance) return "forged_actor";
  const agent = state.agents.get(instance);
  if (agent === undefined || !isHere(agent)) return "agent_not_here";
  if (agent.participant !== writer(context)) return "forged_actor";
  return agent.agent === run.agent ? undefined : "wrong_agent";
}

/** The first one has it, as long as it may come back. */
function judgeHolder(state: SessionState, run: Run): Refusal | undefined {
  if (!isUnderWay(run) || !isAlive(state.agents.get(run.instance))) return undefined;
  return { code: "already_decided", winner: run.instance };
}

const byAttempt = (state: SessionState, runId = "", event: RunEvent, context: Context): Code | undefined => {
  const refusal = attemptHolds(state, runId, context);
  const run = state.runs.get(runId);
  return refusal ?? (run === undefined ? "not_found" : judgeTransition(run, event));
};

export const runSuspended: Judge<"runSuspended"> = (state, body, context) =>
  byAttempt(state, body.runId, "suspended", context);

// A wait of its own ends in the session's, where there is one.
export const runResumed: Judge<"runResumed"> = (state, body, context) => {
  const run = state.runs.get(body.runId ?? "");
  const held = run !== undefined && isHeld(run) ? judgeHold(state) : undefined;
  return byAttempt(state, body.runId, "resumed", context) ?? held;
};

export const runCompleted: Judge<"runCompleted"> = (state, body, context) =>
  byAttempt(state, body.runId, "completed", context);

export const runFailed: Judge<"runFailed"> = (state, body, context) => byAttempt(state, body.runId, "failed", context);

export const runCancelled: Judge<"runCancelled"> = (state, body, context) => {
  const { runId, controlId = "", cutOff = false } = body;
  if (cutOff !== isNode(context)) return "forged_actor";
  if (!cutOff) return byAttempt(state, runId, "cancelled", context);
  const run = state.runs.get(runId ?? "");
  const control = state.controls.get(controlId);
  if (run === undefined || control?.runId !== run.id || control.kind !== "CONTROL_KIND_CANCEL") return "stale_cause";
  if (!isUnderWay(run) || isStale(state, context, control.changed)) return "stale_cause";
  return context.timeMs < cutOffMs(state, control) ? "not_due" : sameAudience(context, run.audience);
};

export const runOrphaned: Judge<"runOrphaned"> = (state, body, context) => {
  const run = state.runs.get(body.runId ?? "");
  if (run === undefined || run.instance !== body.instance || isStale(state, context, run.changed)) return "stale_cause";
  if (isAlive(state.agents.get(run.instance))) return "stale_cause";
  return judgeTransition(run, "orphaned") ?? sameAudience(context, run.audience);
};
