import type { TombstoneKindJson } from "@perdure/protocol";
import type { FollowedState } from "./state.ts";
import { add, drop } from "./undo.ts";

/** Key of a tombstone in the state. */
export const tombstoneKey = (kind: TombstoneKindJson, id: string): string => `${kind} ${id}`;

/** Whether an item was taken away, as far as that is remembered. */
export const isBuried = (state: FollowedState, kind: TombstoneKindJson, id: string): boolean =>
  state.tombstones.has(tombstoneKey(kind, id));

/**
 * Remembers that an item was taken away, so that readers with an older cursor can take it away too. Past the cap the
 * oldest tombstone goes, and readers with a cursor before it get the whole state.
 */
export function bury(state: FollowedState, kind: TombstoneKindJson, id: string, seq: number): void {
  const key = tombstoneKey(kind, id);
  drop(state, state.tombstones, key);
  add(state, state.tombstones, key, { id, kind, changed: seq });
  for (const [oldest, { changed }] of state.tombstones) {
    if (state.tombstones.size <= state.limits.tombstones) return;
    drop(state, state.tombstones, oldest);
    state.shedSeq = Math.max(state.shedSeq, changed);
  }
}
