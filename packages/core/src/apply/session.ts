import type { RoleJson, SessionPolicyJson, TakeoverOutcomeJson } from "@perdure/protocol";
import { type Context, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import { sparse } from "../sparse.ts";
import { FIRST_RULES, type FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { closeMessage } from "./messages.ts";
import { withdraw } from "./requests.ts";
import { endRun } from "./ending.ts";
import { claimedTakeover, endTakeover, openTakeover } from "./floor.ts";
import { holdRuns } from "./holds.ts";
import { isUnfinished } from "./lifecycle.ts";

const policyOf = (policy: SessionPolicyJson | undefined): SessionPolicyJson => sparse({ ...policy });

/** Whoever has the floor has it no more. */
function releaseFloor(state: FollowedState, outcome: TakeoverOutcomeJson, context: Context): void {
  const takeover = claimedTakeover(state);
  if (takeover === undefined) return;
  touch(state, takeover).outcome = outcome;
  endTakeover(state, takeover, "TAKEOVER_PHASE_RELEASED", context);
  holdRuns(state, context.seq);
}

/** Remembers who takes part, under which role and name. */
export function noteParticipant(
  state: FollowedState,
  id: string,
  role: RoleJson | undefined,
  name: string,
  seq: number,
): void {
  const known = state.participants.get(id);
  if (known === undefined) {
    if (state.participants.size >= state.limits.participants) forgetAbsentParticipant(state, seq);
    const participant = { participant: id, name, removed: false, changed: seq };
    add(state, state.participants, id, role === undefined ? participant : { ...participant, role });
  } else if ((role !== undefined && known.role !== role) || (name !== "" && known.name !== name)) {
    touch(state, known);
    if (role !== undefined) known.role = role;
    if (name !== "") known.name = name;
    known.changed = seq;
  }
}

// There is always one: members, agents and removed participants have smaller caps, together.
function forgetAbsentParticipant(state: FollowedState, seq: number): void {
  const present = new Set<string>();
  for (const { participant } of state.members.values()) present.add(participant);
  for (const { participant } of state.agents.values()) present.add(participant);
  for (const [id, { removed }] of state.participants) {
    if (removed || present.has(id)) continue;
    drop(state, state.participants, id);
    bury(state, "TOMBSTONE_KIND_PARTICIPANT", id, seq);
    return;
  }
}

export const sessionAppliers = {
  sessionCreated(state: FollowedState, body: Body<"sessionCreated">, context: Context): void {
    state.epoch = context.epoch;
    state.rules = Math.max(FIRST_RULES, body.rules ?? 0);
    state.info = {
      title: body.title ?? "",
      tags: [...(body.tags ?? [])],
      policy: policyOf(body.policy),
      metadata: body.metadata ?? "",
      createdBy: writer(context),
      createdMs: context.timeMs,
      closed: false,
      closedReason: "",
      changed: context.seq,
    };
  },

  sessionUpdated(state: FollowedState, body: Body<"sessionUpdated">, context: Context): void {
    const info = touch(state, state.info);
    if (body.title !== undefined) info.title = body.title;
    if (body.tags !== undefined) info.tags = [...(body.tags.values ?? [])];
    if (body.policy !== undefined) info.policy = policyOf(body.policy);
    if (body.metadata !== undefined) info.metadata = body.metadata;
    info.changed = context.seq;
  },

  /** Ends the session and all that is open in it. */
  sessionClosed(state: FollowedState, body: Body<"sessionClosed">, context: Context): void {
    const info = touch(state, state.info);
    info.closed = true;
    info.closedReason = body.reason ?? "";
    info.changed = context.seq;
    for (const run of state.runs.values()) if (isUnfinished(run)) endRun(state, run, "cancelled", context);
    for (const message of [...state.heldMessages]) closeMessage(state, message, "FINISH_REASON_CANCELLED", context.seq);
    for (const request of state.requests.values()) withdraw(state, request, context.seq);
    const takeover = openTakeover(state);
    if (takeover?.phase === "TAKEOVER_PHASE_REQUESTED")
      endTakeover(state, takeover, "TAKEOVER_PHASE_WITHDRAWN", context);
    else releaseFloor(state, "TAKEOVER_OUTCOME_RESOLVED", context);
  },

  rulesUpgraded(state: FollowedState, body: Body<"rulesUpgraded">): void {
    state.rules = body.version ?? 0;
  },

  participantInvited(state: FollowedState, body: Body<"participantInvited">, context: Context): void {
    noteParticipant(state, body.participant ?? "", body.role, body.name ?? "", context.seq);
    const participant = state.participants.get(body.participant ?? "");
    if (participant?.removed !== true) return;
    touch(state, participant).removed = false;
    participant.changed = context.seq;
  },

  participantRemoved(state: FollowedState, body: Body<"participantRemoved">, context: Context): void {
    const id = body.participant ?? "";
    if (!state.participants.has(id)) noteParticipant(state, id, undefined, "", context.seq);
    const participant = state.participants.get(id);
    if (participant === undefined) return;
    touch(state, participant).removed = true;
    participant.changed = context.seq;
    if (claimedTakeover(state)?.holder === id) releaseFloor(state, "TAKEOVER_OUTCOME_ABANDONED", context);
  },
};
