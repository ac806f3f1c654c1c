import { pooled } from "../apply/pool.ts";
import { offerEndsMs, takesOffers } from "../pools.ts";
import { writer } from "../context.ts";
import { isNode, isStale, type Judge } from "./reasons.ts";

export const poolQueued: Judge<"poolQueued"> = (state, body) => {
  if (pooled(state, body.run) !== undefined) return "stale_cause";
  return state.pool.size >= state.limits.poolQueue ? "pool_full" : undefined;
};

export const poolOffered: Judge<"poolOffered"> = (state, body, context) => {
  const run = pooled(state, body.run);
  if (run?.phase !== "POOL_PHASE_QUEUED" || isStale(state, context, run.changed)) return "stale_cause";
  return takesOffers(state.agents.get(body.instance ?? "")) ? undefined : "stale_cause";
};

// What its session says of a run is true, whatever the pool offered meanwhile.
export const poolTaken: Judge<"poolTaken"> = (state, body) => {
  const run = pooled(state, body.run);
  if (run === undefined) return "stale_cause";
  return run.phase === "POOL_PHASE_TAKEN" && run.instance === body.instance ? "stale_cause" : undefined;
};

// Named: the place of that instance, so that a late repetition does not free another's. Nobody: the run has ended.
export const poolFreed: Judge<"poolFreed"> = (state, body) => {
  const run = pooled(state, body.run);
  const { instance = "" } = body;
  return run === undefined || (instance !== "" && run.instance !== instance) ? "stale_cause" : undefined;
};

export const poolReturned: Judge<"poolReturned"> = (state, body, context) => {
  const run = pooled(state, body.run);
  if (run?.phase !== "POOL_PHASE_OFFERED" || run.instance !== body.instance) return "stale_cause";
  if (!isNode(context)) {
    const agent = state.agents.get(run.instance);
    const own = run.instance === context.actor.instance && agent?.participant === writer(context);
    return own ? undefined : "forged_actor";
  }
  if (isStale(state, context, run.changed)) return "stale_cause";
  return context.timeMs < offerEndsMs(state, run) ? "not_due" : undefined;
};
