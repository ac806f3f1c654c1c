import { isAlive, isHere } from "../apply/agents.ts";
import { isUnderWay } from "../apply/lifecycle.ts";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import { graceMsOf } from "../due.ts";
import type { Agent, SessionState } from "../state.ts";
import { isExpiredNode } from "./members.ts";
import { attemptHolds, countOf, isNode, isStale, type Judge } from "./reasons.ts";

/** An instance speaks for itself only. */
const isOwn = (instance: string | undefined, context: Context): boolean => instance === context.actor.instance;

export const agentJoined: Judge<"agentJoined"> = (state, body, context) => {
  const { instance = "" } = body;
  if (!isOwn(instance, context)) return "forged_actor";
  if (isExpiredNode(state, body.node, body.incarnation)) return "node_expired";
  if ((body.capacity ?? 0) > 10_000) return "invalid_event";
  const before = state.agents.get(instance);
  if (before === undefined) return judgeNew(state, instance);
  if (before.participant !== writer(context)) return "forged_actor";
  if (before.presence === "AGENT_PRESENCE_CRASHED") return "fenced";
  return isAlive(before) ? "already_exists" : undefined;
};

function judgeNew(state: SessionState, instance: string): Code | undefined {
  // It crashed or left, has been forgotten since, and its runs still wait to be orphaned.
  for (const run of state.runs.values()) if (run.instance === instance && isUnderWay(run)) return "fenced";
  const full = countOf(state.agents.values(), isAlive) >= state.limits.agents;
  return full ? "too_many_agents" : undefined;
}

export const agentProgress: Judge<"agentProgress"> = (state, body, context) => {
  const { runId = "", stepId = "", fraction = 0 } = body;
  if (fraction > 1000) return "invalid_event";
  const refusal = attemptHolds(state, runId, context);
  if (refusal !== undefined || stepId === "") return refusal;
  return state.steps.get(stepId)?.run.id === runId ? undefined : "not_found";
};

export const agentBusy: Judge<"agentBusy"> = (state, body, context) => {
  const agent = state.agents.get(body.instance ?? "");
  if (agent === undefined || !isHere(agent)) return "agent_not_here";
  return isNode(context) || speaksFor(agent, context) ? undefined : "forged_actor";
};

const speaksFor = (agent: Agent, context: Context): boolean =>
  agent.instance === context.actor.instance && agent.participant === writer(context);

// The attachment is the cause: another one is not touched, and what else changed meanwhile does not matter.
export const agentLost: Judge<"agentLost"> = (state, body) => {
  const agent = state.agents.get(body.instance ?? "");
  return isHere(agent) && agent?.attachment === body.attachment ? undefined : "stale_cause";
};

export const agentResumed: Judge<"agentResumed"> = (state, body, context) => {
  const agent = state.agents.get(body.instance ?? "");
  if (agent === undefined) return "agent_not_here";
  if (!speaksFor(agent, context)) return "forged_actor";
  if (isExpiredNode(state, body.node, body.incarnation)) return "node_expired";
  if (agent.presence === "AGENT_PRESENCE_CRASHED") return "fenced";
  return isAlive(agent) ? undefined : "agent_not_here";
};

export const agentCrashed: Judge<"agentCrashed"> = (state, body, context) => {
  const agent = state.agents.get(body.instance ?? "");
  if (agent?.presence !== "AGENT_PRESENCE_LOST" || isStale(state, context, agent.changed)) return "stale_cause";
  return context.timeMs < agent.lostMs + graceMsOf(state, "agent") ? "not_due" : undefined;
};

export const agentLeft: Judge<"agentLeft"> = (state, body, context) => {
  const agent = state.agents.get(body.instance ?? "");
  if (isNode(context))
    return !isAlive(agent) || isStale(state, context, agent?.changed ?? 0) ? "stale_cause" : undefined;
  if (agent === undefined || !isAlive(agent)) return "agent_not_here";
  return speaksFor(agent, context) ? undefined : "forged_actor";
};
