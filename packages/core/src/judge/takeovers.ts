import { openTakeover } from "../apply/floor.ts";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import { graceMsOf } from "../due.ts";
import type { SessionState, Takeover } from "../state.ts";
import { isNode, isStale, type Judge, type Refusal } from "./reasons.ts";

const decided = ({ holder }: Takeover): Refusal => ({ code: "already_decided", winner: holder });

export const takeoverRequested: Judge<"takeoverRequested"> = (state) => {
  const open = openTakeover(state);
  if (open === undefined) return undefined;
  return open.phase === "TAKEOVER_PHASE_CLAIMED" ? decided(open) : "already_exists";
};

/** The takeover that an event names, as far as the state knows it. */
function found(state: SessionState, id: string | undefined): Takeover | Code {
  return state.takeovers.get(id ?? "") ?? (state.shedSeq > 0 ? "archived" : "not_found");
}

// The first one has the floor, whether it was asked for or not.
export const takeoverClaimed: Judge<"takeoverClaimed"> = (state, body) => {
  const { takeoverId = "" } = body;
  const takeover = takeoverId === "" ? openTakeover(state) : found(state, takeoverId);
  if (takeover === undefined || typeof takeover === "string") return takeover;
  if (takeover.phase === "TAKEOVER_PHASE_REQUESTED") return undefined;
  return takeover.holder === "" ? "request_closed" : decided(takeover);
};

/** Whoever has the floor decides over it, and the customer's backend for them. */
function judgeHolder(takeover: Takeover, context: Context): Code | undefined {
  if (takeover.phase === "TAKEOVER_PHASE_REQUESTED") return "floor_required";
  if (takeover.phase !== "TAKEOVER_PHASE_CLAIMED") return "request_closed";
  const may = takeover.holder === writer(context) || context.actor.role === "ROLE_SERVICE";
  return may ? undefined : "floor_required";
}

export const takeoverTransferred: Judge<"takeoverTransferred"> = (state, body, context) => {
  const takeover = found(state, body.takeoverId);
  const refusal = typeof takeover === "string" ? takeover : judgeHolder(takeover, context);
  if (refusal !== undefined) return refusal;
  const to = state.participants.get(body.to ?? "");
  if (to?.role !== "ROLE_OPERATOR") return "not_found";
  return to.removed ? "participant_removed" : undefined;
};

export const takeoverReleased: Judge<"takeoverReleased"> = (state, body, context) => {
  const takeover = found(state, body.takeoverId);
  const isAbandoned = body.outcome === "TAKEOVER_OUTCOME_ABANDONED";
  if (isAbandoned !== isNode(context)) return "forged_actor";
  if (isAbandoned) return judgeAbandoned(state, takeover, context);
  return typeof takeover === "string" ? takeover : judgeHolder(takeover, context);
};

function judgeAbandoned(state: SessionState, takeover: Takeover | Code, context: Context): Code | undefined {
  if (typeof takeover === "string" || takeover.phase !== "TAKEOVER_PHASE_CLAIMED") return "stale_cause";
  if (takeover.goneMs === 0 || isStale(state, context, takeover.changed)) return "stale_cause";
  return context.timeMs < takeover.goneMs + graceMsOf(state, "takeover") ? "not_due" : undefined;
}

export const takeoverExpired: Judge<"takeoverExpired"> = (state, body, context) => {
  const takeover = state.takeovers.get(body.takeoverId ?? "");
  if (takeover?.phase !== "TAKEOVER_PHASE_REQUESTED" || isStale(state, context, takeover.changed)) return "stale_cause";
  return takeover.dueMs === 0 || context.timeMs < takeover.dueMs ? "not_due" : undefined;
};

// By who asked, or by those who were asked.
export const takeoverWithdrawn: Judge<"takeoverWithdrawn"> = (state, body, context) => {
  const takeover = found(state, body.takeoverId);
  if (typeof takeover === "string") return takeover;
  if (takeover.phase !== "TAKEOVER_PHASE_REQUESTED")
    return takeover.holder === "" ? "request_closed" : decided(takeover);
  const { role } = context.actor;
  const may = takeover.requestedBy === writer(context) || role === "ROLE_OPERATOR" || role === "ROLE_SERVICE";
  return may ? undefined : "forged_actor";
};
