import type { TakeoverPhaseJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { FollowedState, Takeover } from "../state.ts";
import { touch } from "../undo.ts";
import { reweigh, settle, weighTakeover } from "../weight.ts";
import { isUnfinished } from "./lifecycle.ts";

/** A human is asked for, or has the floor. */
export const isUnderWayTakeover = ({ phase }: Takeover): boolean =>
  phase === "TAKEOVER_PHASE_REQUESTED" || phase === "TAKEOVER_PHASE_CLAIMED";

/** The takeover that is under way: there is one at a time. */
export function openTakeover(state: FollowedState): Takeover | undefined {
  for (const takeover of state.takeovers.values()) if (isUnderWayTakeover(takeover)) return takeover;
  return undefined;
}

/** The takeover by which an operator has the floor now. */
export function claimedTakeover(state: FollowedState): Takeover | undefined {
  const takeover = openTakeover(state);
  return takeover?.phase === "TAKEOVER_PHASE_CLAIMED" ? takeover : undefined;
}

/** The floor is somebody's from now on. */
export function giveFloor(state: FollowedState, takeover: Takeover, holder: string, context: Context): void {
  touch(state, takeover).holder = holder;
  takeover.goneMs = isConnected(state, holder) ? 0 : context.timeMs;
  takeover.changed = context.seq;
}

/** Takes note of whoever has the floor coming, or going with the last connection. */
export function watchHolder(state: FollowedState, context: Context): void {
  const takeover = claimedTakeover(state);
  if (takeover === undefined || isConnected(state, takeover.holder) === (takeover.goneMs === 0)) return;
  giveFloor(state, takeover, takeover.holder, context);
}

function isConnected(state: FollowedState, participant: string): boolean {
  for (const member of state.members.values()) if (member.participant === participant) return true;
  return false;
}

export function endTakeover(
  state: FollowedState,
  takeover: Takeover,
  phase: TakeoverPhaseJson,
  context: Context,
): void {
  touch(state, takeover).phase = phase;
  takeover.endedMs = context.timeMs;
  takeover.changed = context.seq;
  settleTakeovers(state);
}

/**
 * Lets takeovers leave for pages that are over and that no run came from: a run's agent may still want to read the
 * note. Only then are they weighed, so that a session which is full can be taken over all the same.
 */
export function settleTakeovers(state: FollowedState): void {
  for (const takeover of state.takeovers.values()) {
    if (takeover.settled || isUnderWayTakeover(takeover) || isNeeded(state, takeover)) continue;
    settle(state, takeover, true);
    reweigh(state, takeover, weighTakeover(takeover));
  }
}

function isNeeded(state: FollowedState, { id }: Takeover): boolean {
  for (const run of state.runs.values()) if (run.takeoverId === id && isUnfinished(run)) return true;
  return false;
}
