import type { AudienceJson, TombstoneKindJson } from "@perdure/protocol";
import { covers, isWithin, levelOf } from "../audience.ts";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import type { Body, EventKind } from "../kinds.ts";
import type { Run, SessionState } from "../state.ts";
import { isBuried } from "../tombstones.ts";

/** Why an event is refused. */
export type Refusal = Code | { readonly code: "already_decided"; readonly winner: string };

/** Judges an event whose role, lengths and words are in order; undefined: it may be applied. */
export type Judge<K extends EventKind> = (state: SessionState, body: Body<K>, context: Context) => Refusal | undefined;

/** Why an item is not in the state, as far as that is known. */
export function missing(state: SessionState, kind: TombstoneKindJson, id: string): Code {
  if (isBuried(state, kind, id)) return "removed";
  return state.shedSeq > 0 ? "archived" : "not_found";
}

/** The event must have exactly the item's audience; who may not see the item is told that there is none. */
export function sameAudience(context: Context, audience: AudienceJson): Code | undefined {
  if (context.audience === audience) return undefined;
  return covers(levelOf(context.actor.role), audience) ? "audience_mismatch" : "not_found";
}

/** The event may be for fewer than the item it belongs to, not for more. */
export function audienceWithin(context: Context, outer: AudienceJson): Code | undefined {
  if (isWithin(context.audience, outer)) return undefined;
  return covers(levelOf(context.actor.role), outer) ? "audience_mismatch" : "not_found";
}

/** A derived event names a seq up to which its writer knew the item; it may not have changed since. */
export const isStale = (state: SessionState, context: Context, changed: number): boolean =>
  context.causeSeq < changed || context.causeSeq > state.seq;

export const isNode = (context: Context): boolean => context.actor.role === "ROLE_SYSTEM";

/** The run that the record's attempt holds. */
export const heldRun = (state: SessionState, context: Context): Run | undefined => state.attempts.get(context.attempt);

/** The event speaks of a run, which only the attempt that holds it may do. */
export function attemptHolds(state: SessionState, runId: string, context: Context): Code | undefined {
  const run = state.runs.get(runId);
  if (run === undefined) return missing(state, "TOMBSTONE_KIND_RUN", runId);
  if (heldRun(state, context) !== run) return run.settled ? "run_ended" : "attempt_required";
  return sameAudience(context, run.audience);
}

/** How much of a cap is the writer's: all for agents, half for everybody else, so that nobody can stop the agents' work. */
export const shareOf = (cap: number, context: Context): number =>
  context.actor.role === "ROLE_AGENT" ? cap : Math.ceil(cap / 2);

/** How many of the values are as the test says. */
export function countOf<T>(values: Iterable<T>, test: (value: T) => boolean): number {
  let count = 0;
  for (const value of values) if (test(value)) count += 1;
  return count;
}

/** The writer began the session. */
export const isCreator = (state: SessionState, context: Context): boolean => state.info.createdBy === writer(context);
