import type { Accepted } from "../api.ts";
import { contextOf } from "../context.ts";
import { rulesVersionFor } from "../rules-version.ts";
import type { FollowedState } from "../state.ts";
import { APPLIERS, applyEvent } from "./table.ts";

/**
 * What readers do with an accepted record: no judging, kinds and items that are not known are skipped, and the seq
 * goes on also where the events are hidden. A record that the state has already changes nothing. Of rules that are later
 * than this code knows the latest known serve: what they add is not shown.
 */
export function applyAccepted(state: FollowedState, accepted: Accepted): void {
  if (accepted.seq === 0 || accepted.seq <= state.seq) return;
  const version = rulesVersionFor(state, accepted.events);
  const context = contextOf(accepted, { appliers: APPLIERS[version - 1] ?? APPLIERS.at(-1) ?? {} });
  state.timeMs = Math.max(state.timeMs, accepted.timeMs);
  accepted.events.forEach((event, index) => {
    context.index = index;
    context.seq = accepted.seq + index;
    applyEvent(state, event, context);
  });
  state.seq = accepted.seq + accepted.count - 1;
}
