import type { LostReasonJson } from "@perdure/protocol";
import { type Context, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import { sparse } from "../sparse.ts";
import type { Agent, FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { noteParticipant } from "./session.ts";

/** The process is connected. */
export const isHere = (agent: Agent | undefined): boolean =>
  agent?.presence === "AGENT_PRESENCE_HERE" || agent?.presence === "AGENT_PRESENCE_BUSY";

/** The process holds its runs: it is connected, or may still come back. */
export const isAlive = (agent: Agent | undefined): boolean =>
  isHere(agent) || agent?.presence === "AGENT_PRESENCE_LOST";

function comeBack(state: FollowedState, agent: Agent, now: Partial<Agent>): void {
  Object.assign(touch(state, agent), now, { presence: "AGENT_PRESENCE_HERE", lostMs: 0, busyDelayMs: 0 });
  delete agent.lostReason;
}

/** The dead are remembered, so that they stay fenced, as long as there is room. */
function forgetDeadAgent(state: FollowedState, seq: number): void {
  for (const [instance, agent] of state.agents) {
    if (isAlive(agent)) continue;
    drop(state, state.agents, instance);
    bury(state, "TOMBSTONE_KIND_AGENT", instance, seq);
    return;
  }
}

export function loseAgent(
  state: FollowedState,
  agent: Agent,
  reason: LostReasonJson | undefined,
  context: Context,
): void {
  if (!isHere(agent)) return;
  touch(state, agent).presence = "AGENT_PRESENCE_LOST";
  agent.lostMs = context.timeMs;
  agent.busyDelayMs = 0;
  if (reason !== undefined && reason !== "LOST_REASON_UNSPECIFIED") agent.lostReason = reason;
  agent.changed = context.seq;
}

export const agentAppliers = {
  agentJoined(state: FollowedState, body: Body<"agentJoined">, context: Context): void {
    const instance = body.instance ?? "";
    noteParticipant(state, writer(context), context.actor.role, "", context.seq);
    const agent: Agent = {
      agent: body.agent ?? "",
      instance,
      participant: writer(context),
      attachment: body.attachment ?? "",
      node: body.node ?? "",
      incarnation: body.incarnation ?? 0,
      capacity: body.capacity ?? 0,
      description: body.description ?? "",
      presence: "AGENT_PRESENCE_HERE",
      lostMs: 0,
      busyDelayMs: 0,
      changed: context.seq,
    };
    const before = state.agents.get(instance);
    if (before !== undefined) return comeBack(state, before, agent);
    if (state.agents.size >= state.limits.agents) forgetDeadAgent(state, context.seq);
    add(state, state.agents, instance, agent);
  },

  agentProgress(state: FollowedState, body: Body<"agentProgress">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    touch(state, run).progress = {
      ...sparse({ stepId: body.stepId, label: body.label, timeMs: String(context.timeMs) }),
      // Zero is not the same as unknown here.
      ...(body.fraction === undefined ? {} : { fraction: body.fraction }),
      ...(body.etaMs === undefined ? {} : { etaMs: body.etaMs }),
    };
    run.changed = context.seq;
  },

  agentBusy(state: FollowedState, body: Body<"agentBusy">, context: Context): void {
    const agent = state.agents.get(body.instance ?? "");
    if (agent === undefined || !isHere(agent)) return;
    touch(state, agent).busyDelayMs = body.delayMs ?? 0;
    agent.presence = agent.busyDelayMs > 0 ? "AGENT_PRESENCE_BUSY" : "AGENT_PRESENCE_HERE";
    agent.changed = context.seq;
  },

  agentLost(state: FollowedState, body: Body<"agentLost">, context: Context): void {
    const agent = state.agents.get(body.instance ?? "");
    if (agent !== undefined) loseAgent(state, agent, body.reason, context);
  },

  agentResumed(state: FollowedState, body: Body<"agentResumed">, context: Context): void {
    const agent = state.agents.get(body.instance ?? "");
    if (agent === undefined) return;
    comeBack(state, agent, {
      attachment: body.attachment ?? "",
      node: body.node ?? "",
      incarnation: body.incarnation ?? 0,
      changed: context.seq,
    });
  },

  agentCrashed(state: FollowedState, body: Body<"agentCrashed">, context: Context): void {
    const agent = state.agents.get(body.instance ?? "");
    if (agent === undefined) return;
    touch(state, agent).presence = "AGENT_PRESENCE_CRASHED";
    agent.changed = context.seq;
  },

  agentLeft(state: FollowedState, body: Body<"agentLeft">, context: Context): void {
    const agent = state.agents.get(body.instance ?? "");
    if (agent === undefined) return;
    touch(state, agent).presence = "AGENT_PRESENCE_LEFT";
    agent.lostMs = 0;
    agent.changed = context.seq;
  },
};
