import { type Context, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { loseAgent } from "./agents.ts";
import { watchHolder } from "./floor.ts";
import { noteParticipant } from "./session.ts";

function removeMember(state: FollowedState, member: string, seq: number): void {
  if (!state.members.has(member)) return;
  drop(state, state.members, member);
  bury(state, "TOMBSTONE_KIND_MEMBER", member, seq);
}

function forgetObservers(state: FollowedState, node: string, seq: number): void {
  if (!state.observers.has(node)) return;
  drop(state, state.observers, node);
  bury(state, "TOMBSTONE_KIND_OBSERVERS", node, seq);
}

function rememberExpiry(state: FollowedState, node: string, incarnation: number): void {
  const latest = Math.max(incarnation, state.expiredNodes.get(node) ?? 0);
  drop(state, state.expiredNodes, node);
  add(state, state.expiredNodes, node, latest);
  for (const oldest of state.expiredNodes.keys()) {
    if (state.expiredNodes.size <= state.limits.expiredNodes) return;
    drop(state, state.expiredNodes, oldest);
  }
}

export const memberAppliers = {
  memberJoined(state: FollowedState, body: Body<"memberJoined">, context: Context): void {
    const member = body.member ?? "";
    const participant = body.participant ?? writer(context);
    const role = body.role ?? "ROLE_UNSPECIFIED";
    const name = body.name ?? "";
    if (state.members.has(member)) return;
    noteParticipant(state, participant, role, name, context.seq);
    add(state, state.members, member, {
      member,
      participant,
      role,
      name,
      node: body.node ?? "",
      incarnation: body.incarnation ?? 0,
      device: body.device ?? "",
      watching: false,
      joinedMs: context.timeMs,
      changed: context.seq,
    });
    watchHolder(state, context);
  },

  memberUpdated(state: FollowedState, body: Body<"memberUpdated">, context: Context): void {
    const member = state.members.get(body.member ?? "");
    if (member === undefined) return;
    touch(state, member).watching = body.watching ?? false;
    member.changed = context.seq;
  },

  memberLeft(state: FollowedState, body: Body<"memberLeft">, context: Context): void {
    removeMember(state, body.member ?? "", context.seq);
    watchHolder(state, context);
  },

  observersCounted(state: FollowedState, body: Body<"observersCounted">, context: Context): void {
    const { node = "", incarnation = 0, count = 0 } = body;
    if (count === 0) return forgetObservers(state, node, context.seq);
    const known = state.observers.get(node);
    const counted = { node, incarnation, count, changed: context.seq };
    if (known === undefined) add(state, state.observers, node, counted);
    else Object.assign(touch(state, known), counted);
  },

  /** Takes away every connection that the ended life of the node held. */
  nodeExpired(state: FollowedState, body: Body<"nodeExpired">, context: Context): void {
    const node = body.node ?? "";
    const incarnation = body.incarnation ?? 0;
    const isGone = (held: { node: string; incarnation: number }): boolean =>
      held.node === node && held.incarnation <= incarnation;
    rememberExpiry(state, node, incarnation);
    for (const member of [...state.members.values()])
      if (isGone(member)) removeMember(state, member.member, context.seq);
    const counted = state.observers.get(node);
    if (counted !== undefined && isGone(counted)) forgetObservers(state, node, context.seq);
    for (const agent of state.agents.values()) if (isGone(agent)) loseAgent(state, agent, "LOST_REASON_NODE", context);
    watchHolder(state, context);
  },
};
