import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { FollowedState, Takeover } from "../state.ts";
import { add, touch } from "../undo.ts";
import { endRun } from "./ending.ts";
import { endTakeover, giveFloor, openTakeover, settleTakeovers } from "./floor.ts";
import { holdRuns } from "./holds.ts";
import { isUnfinished } from "./lifecycle.ts";

function begin(state: FollowedState, asked: Partial<Takeover>, context: Context): Takeover {
  const takeover: Takeover = {
    id: newItemId(context),
    opened: context.seq,
    phase: "TAKEOVER_PHASE_REQUESTED",
    reason: "",
    summary: "",
    team: "",
    requestedBy: "",
    holder: "",
    note: "",
    dueMs: 0,
    goneMs: 0,
    openedMs: context.timeMs,
    claimedMs: 0,
    endedMs: 0,
    changed: context.seq,
    ...asked,
    weight: 0,
    settled: false,
  };
  if (!state.takeovers.has(takeover.id)) add(state, state.takeovers, takeover.id, takeover);
  return takeover;
}

export const takeoverAppliers = {
  takeoverRequested(state: FollowedState, body: Body<"takeoverRequested">, context: Context): void {
    const { reason = "", summary = "", team = "", expiresInMs = 0, urgency = "URGENCY_NORMAL" } = body;
    const dueMs = expiresInMs === 0 ? 0 : context.timeMs + expiresInMs;
    begin(state, { reason, summary, team, urgency, requestedBy: writer(context), dueMs }, context);
  },

  /** An operator has the floor: what is at work waits, and every run that has not ended remembers which takeover it was. */
  takeoverClaimed(state: FollowedState, _body: Body<"takeoverClaimed">, context: Context): void {
    const takeover = openTakeover(state) ?? begin(state, {}, context);
    touch(state, takeover).phase = "TAKEOVER_PHASE_CLAIMED";
    takeover.claimedMs = context.timeMs;
    giveFloor(state, takeover, writer(context), context);
    for (const run of state.runs.values()) {
      if (!isUnfinished(run)) continue;
      touch(state, run).takeoverId = takeover.id;
      run.changed = context.seq;
    }
    settleTakeovers(state);
    holdRuns(state, context.seq);
  },

  takeoverTransferred(state: FollowedState, body: Body<"takeoverTransferred">, context: Context): void {
    const takeover = state.takeovers.get(body.takeoverId ?? "");
    if (takeover === undefined) return;
    touch(state, takeover).note = body.note ?? "";
    giveFloor(state, takeover, body.to ?? "", context);
  },

  /** The floor is nobody's any more: the runs go on, or end with the matter. */
  takeoverReleased(state: FollowedState, body: Body<"takeoverReleased">, context: Context): void {
    const takeover = state.takeovers.get(body.takeoverId ?? "");
    if (takeover === undefined) return;
    touch(state, takeover).note = body.note ?? "";
    if (body.outcome !== undefined) takeover.outcome = body.outcome;
    endTakeover(state, takeover, "TAKEOVER_PHASE_RELEASED", context);
    if (body.outcome === "TAKEOVER_OUTCOME_RESOLVED") {
      for (const run of state.runs.values()) if (isUnfinished(run)) endRun(state, run, "cancelled", context);
    }
    holdRuns(state, context.seq);
  },

  takeoverExpired(state: FollowedState, body: Body<"takeoverExpired">, context: Context): void {
    const takeover = state.takeovers.get(body.takeoverId ?? "");
    if (takeover !== undefined) endTakeover(state, takeover, "TAKEOVER_PHASE_EXPIRED", context);
  },

  takeoverWithdrawn(state: FollowedState, body: Body<"takeoverWithdrawn">, context: Context): void {
    const takeover = state.takeovers.get(body.takeoverId ?? "");
    if (takeover !== undefined) endTakeover(state, takeover, "TAKEOVER_PHASE_WITHDRAWN", context);
  },
};
