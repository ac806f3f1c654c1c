import type { EventJson } from "@perdure/protocol";
import { FIRST_RULES, type FollowedState } from "./state.ts";

/** The version by which a record of these events is judged: the session's, or that under which the record begins it. */
export function rulesVersionFor(state: FollowedState, events: readonly EventJson[]): number {
  if (state.epoch !== undefined) return state.rules;
  const created = events.find(({ sessionCreated }) => sessionCreated !== undefined)?.sessionCreated;
  return Math.max(FIRST_RULES, created?.rules ?? 0);
}
