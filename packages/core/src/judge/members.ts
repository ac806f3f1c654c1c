import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import type { SessionState } from "../state.ts";
import { isNode, isStale, type Judge } from "./reasons.ts";

/** A life of a node that was recorded as over brings nobody in. */
export const isExpiredNode = (state: SessionState, node = "", incarnation = 0): boolean =>
  incarnation <= (state.expiredNodes.get(node) ?? -1);

export const memberJoined: Judge<"memberJoined"> = (state, body, context) => {
  const { member = "", participant = "" } = body;
  const own = participant === writer(context) && body.role === context.actor.role;
  if (!own && !isNode(context)) return "forged_actor";
  if (state.participants.get(participant)?.removed === true) return "participant_removed";
  if (isExpiredNode(state, body.node, body.incarnation)) return "node_expired";
  if (state.members.has(member)) return "already_exists";
  const { members, listedMembers } = state.limits;
  const cap = body.role === "ROLE_OBSERVER" ? listedMembers : members;
  return state.members.size >= cap ? "too_many_members" : undefined;
};

/** A count takes the place of the node's last; one of an earlier life, and one that says what is known, says nothing. */
export const observersCounted: Judge<"observersCounted"> = (state, body) => {
  const { node = "", incarnation = 0, count = 0 } = body;
  if (isExpiredNode(state, node, incarnation)) return "node_expired";
  const known = state.observers.get(node);
  if (incarnation < (known?.incarnation ?? 0)) return "stale_cause";
  if (count === (known?.count ?? 0) && incarnation === (known?.incarnation ?? incarnation)) return "stale_cause";
  return known === undefined && state.observers.size >= state.limits.observerNodes ? "too_many_members" : undefined;
};

export const memberUpdated: Judge<"memberUpdated"> = (state, body, context) => {
  const member = state.members.get(body.member ?? "");
  if (member === undefined) return "not_found";
  return member.participant === writer(context) || isNode(context) ? undefined : "forged_actor";
};

export const memberLeft: Judge<"memberLeft"> = (state, body, context) => {
  const member = state.members.get(body.member ?? "");
  if (member === undefined) return gone(context);
  if (isNode(context)) return isStale(state, context, member.changed) ? "stale_cause" : undefined;
  return member.participant === writer(context) ? undefined : "forged_actor";
};

const gone = (context: Context): Code => (isNode(context) ? "stale_cause" : "not_found");

export const nodeExpired: Judge<"nodeExpired"> = (state, body) =>
  isExpiredNode(state, body.node, body.incarnation) ? "stale_cause" : undefined;
