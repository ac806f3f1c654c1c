import type { HeadJson } from "@perdure/protocol";
import { settleTakeovers } from "./apply/floor.ts";
import * as items from "./from-items.ts";
import { putMessage } from "./from-messages.ts";
import { putRun } from "./from-runs.ts";
import { fromInt64 } from "./sparse.ts";
import { FOLLOWER_LIMITS } from "./follower-limits.ts";
import { emptyState, FIRST_RULES, type FollowedState } from "./state.ts";

/** The state of a session that somebody follows, as a head describes it; without one, of a name without a life yet. */
export const followedState = (head?: HeadJson): FollowedState => {
  const state = emptyState(FOLLOWER_LIMITS);
  if (head !== undefined) readHead(state, head);
  return state;
};

/** Reads a head, whole or as a client gets it, into an empty state, but for the ledger, which no client gets. */
export function readHead(state: FollowedState, head: HeadJson): void {
  const { covered, seq = 0, timeMs, rules = FIRST_RULES, shedSeq = 0, nextPage = 0 } = head;
  Object.assign(state, { covered: fromInt64(covered), seq, timeMs: fromInt64(timeMs), rules, shedSeq, nextPage });
  if (head.epoch !== undefined) state.epoch = fromInt64(head.epoch);
  if (head.info !== undefined) state.info = items.infoOf(head.info);
  readItems(state, head);
}

/** Puts the items of a head, or of a patch, into the state: new ones at the end, known ones in their place. */
export function readItems(state: FollowedState, head: HeadJson): void {
  for (const json of head.participants ?? []) items.putParticipant(state, json);
  for (const json of head.members ?? []) items.putMember(state, json);
  for (const json of head.observerCounts ?? []) items.putObserverCount(state, json);
  for (const json of head.agents ?? []) items.putAgent(state, json);
  // Runs first: whether a message is settled depends on its step.
  for (const json of head.runs ?? []) putRun(state, json);
  for (const json of head.messages ?? []) putMessage(state, json);
  for (const json of head.controls ?? []) items.putControl(state, json);
  for (const json of head.requests ?? []) items.putRequest(state, json);
  // After runs, which keep them.
  for (const json of head.takeovers ?? []) items.putTakeover(state, json);
  settleTakeovers(state);
  for (const json of head.budgets ?? []) items.putBudget(state, json);
  for (const json of head.documents ?? []) items.putDocument(state, json);
  for (const json of head.pool?.queue ?? []) items.putPoolRun(state, json);
  for (const json of head.usage?.totals ?? []) items.putUsage(state, json);
  for (const id of head.usage?.responseIds ?? []) state.responseIds.add(id);
  for (const json of head.tombstones ?? []) items.putTombstone(state, json);
  for (const { node = "", incarnation = 0 } of head.expiredNodes ?? []) state.expiredNodes.set(node, incarnation);
}
