import type { SessionPolicyJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { SessionState } from "../state.ts";
import { countOf, isCreator, type Judge } from "./reasons.ts";

const graceMsMax = 24 * 60 * 60 * 1000;

const isPolicy = ({ agentGraceMs = 0, cancelGraceMs = 0, takeoverGraceMs = 0 }: SessionPolicyJson): boolean =>
  Math.max(agentGraceMs, cancelGraceMs, takeoverGraceMs) <= graceMsMax;

/** Users decide over a session only where they began it. */
const isGuest = (state: SessionState, context: Context): boolean =>
  context.actor.role === "ROLE_USER" && !isCreator(state, context);

export const sessionCreated: Judge<"sessionCreated"> = (state, body) => {
  if (state.epoch !== undefined) return "already_exists";
  return isPolicy(body.policy ?? {}) ? undefined : "invalid_event";
};

export const sessionUpdated: Judge<"sessionUpdated"> = (state, body, context) => {
  if (body.policy !== undefined && isGuest(state, context)) return "forbidden";
  return isPolicy(body.policy ?? {}) ? undefined : "invalid_event";
};

export const sessionClosed: Judge<"sessionClosed"> = (state, _body, context) =>
  isGuest(state, context) ? "forbidden" : undefined;

export const rulesUpgraded: Judge<"rulesUpgraded"> = (state, body) =>
  body.version === state.rules + 1 ? undefined : "stale_cause";

export const participantInvited: Judge<"participantInvited"> = (state, body, context) => {
  if (context.actor.role !== "ROLE_USER") return undefined;
  const equals = body.role === "ROLE_USER" || body.role === "ROLE_OBSERVER";
  return equals && isCreator(state, context) ? undefined : "forbidden";
};

export const participantRemoved: Judge<"participantRemoved"> = (state, body, context) => {
  if (isGuest(state, context)) return "forbidden";
  const others = [...state.participants.values()].filter(({ participant }) => participant !== body.participant);
  const full = countOf(others, ({ removed }) => removed) >= state.limits.removedParticipants;
  return full ? "too_many_participants" : undefined;
};
