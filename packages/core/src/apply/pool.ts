import type { RunRefJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { Body } from "../kinds.ts";
import { fromInt64 } from "../sparse.ts";
import type { PoolRun, FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";

/** Names a run in its pool: `session:epoch:run seq`. */
export const poolKey = (run: RunRefJson | undefined): string =>
  `${run?.session ?? ""}:${fromInt64(run?.epoch)}:${run?.runSeq ?? 0}`;

export const pooled = (state: FollowedState, run: RunRefJson | undefined): PoolRun | undefined =>
  state.pool.get(poolKey(run));

function assign(state: FollowedState, run: PoolRun, phase: PoolRun["phase"], instance: string, seq: number): void {
  touch(state, run).phase = phase;
  run.instance = instance;
  run.offeredMs = 0;
  run.changed = seq;
}

export const poolAppliers = {
  poolQueued(state: FollowedState, body: Body<"poolQueued">, context: Context): void {
    const { run } = body;
    const key = poolKey(run);
    if (state.pool.has(key)) return;
    add(state, state.pool, key, {
      run: {
        session: run?.session ?? "",
        epoch: fromInt64(run?.epoch),
        runSeq: run?.runSeq ?? 0,
        runId: run?.runId ?? "",
      },
      phase: "POOL_PHASE_QUEUED",
      instance: "",
      offeredMs: 0,
      offers: 0,
      changed: context.seq,
    });
  },

  poolOffered(state: FollowedState, body: Body<"poolOffered">, context: Context): void {
    const run = pooled(state, body.run);
    if (run === undefined) return;
    assign(state, run, "POOL_PHASE_OFFERED", body.instance ?? "", context.seq);
    run.offeredMs = context.timeMs;
    run.offers += 1;
  },

  poolTaken(state: FollowedState, body: Body<"poolTaken">, context: Context): void {
    const run = pooled(state, body.run);
    if (run !== undefined) assign(state, run, "POOL_PHASE_TAKEN", body.instance ?? "", context.seq);
  },

  poolReturned(state: FollowedState, body: Body<"poolReturned">, context: Context): void {
    const run = pooled(state, body.run);
    if (run !== undefined) assign(state, run, "POOL_PHASE_QUEUED", "", context.seq);
  },

  poolFreed(state: FollowedState, body: Body<"poolFreed">, context: Context): void {
    const key = poolKey(body.run);
    if (!state.pool.has(key)) return;
    drop(state, state.pool, key);
    bury(state, "TOMBSTONE_KIND_POOL_RUN", key, context.seq);
  },
};
