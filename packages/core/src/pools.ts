import type { EventJson, PageJson, RunRefJson } from "@perdure/protocol";
import type { Due, PoolSignal } from "./api.ts";
import { holdOf } from "./apply/holds.ts";
import { isAlive } from "./apply/agents.ts";
import { audienceAll, type Agent, type PoolRun, type Run, type SessionState } from "./state.ts";

/*
 * A pool is a session: instances of an agent join it with their capacity, runs of other sessions queue in it. All its
 * events name the run by {session, epoch, run seq}, and are refused as `stale_cause` where they say nothing new.
 */

/**
 * What the pools of this session's runs should know: for each run the latest. Sending one twice does no harm.
 * `sessionId`: the session's id within its tenant, which the state does not know.
 */
export function poolSignals(state: SessionState, sessionId: string): readonly PoolSignal[] {
  if (state.epoch === undefined) return [];
  const epoch = String(state.epoch);
  const held = holdOf(state) !== undefined;
  return [...state.runs.values()].flatMap((run) => {
    const ref = { session: sessionId, epoch, runSeq: run.requested, runId: run.id };
    return signalsOf(run, ref, held).map((event) => ({ agent: run.agent, event }));
  });
}

/**
 * The same of runs that have left the state in these pages. A run that weighs much leaves it with the record that ends
 * it, so that `poolSignals` never says that it is over.
 */
export function pageSignals(pages: readonly PageJson[], sessionId: string): readonly PoolSignal[] {
  return pages.flatMap(({ epoch = "0", runs = [] }) =>
    runs.map(({ id: runId = "", requested: runSeq = 0, agent = "" }) => {
      const run = { session: sessionId, epoch, runSeq, runId };
      return { agent, event: { poolFreed: { run } } };
    }),
  );
}

/** `held`: the session lets nobody begin a run now, so none waits in a pool. */
function signalsOf({ phase, instance }: Run, run: RunRefJson, held: boolean): readonly EventJson[] {
  switch (phase) {
    case "RUN_PHASE_REQUESTED":
      return held ? [{ poolFreed: { run } }] : [{ poolQueued: { run } }];
    case "RUN_PHASE_ACTIVE":
    case "RUN_PHASE_SUSPENDED":
      return [{ poolTaken: { run, instance } }];
    case "RUN_PHASE_ORPHANED":
      return held ? [{ poolFreed: { run } }] : [{ poolFreed: { run, instance } }, { poolQueued: { run } }];
    case "RUN_PHASE_COMPLETED":
    case "RUN_PHASE_FAILED":
    case "RUN_PHASE_CANCELLED":
      // Whoever had it: a run that has ended never waits again.
      return [{ poolFreed: { run } }];
    default:
      return [];
  }
}

const refOf = ({ run }: PoolRun): RunRefJson => ({
  session: run.session,
  epoch: String(run.epoch),
  runSeq: run.runSeq,
  runId: run.runId,
});

/** Dues of a kind that are listed at once: a long queue is worked off bit by bit, each time from the present state. */
const duesAtOnce = 64;

/** What this pool's keeper owes next: offers to instances with a free place, and offers to take back, the earliest. */
export function poolDues(state: SessionState): readonly Due[] {
  return state.info.closed ? [] : [...offers(state), ...takeBacks(state)];
}

function offers(state: SessionState): readonly Due[] {
  const owed: Due[] = [];
  const free = freePlaces(state);
  let instance = mostFree(free);
  for (const run of state.pool.values()) {
    if (instance === undefined || owed.length === duesAtOnce) break;
    if (run.phase !== "POOL_PHASE_QUEUED") continue;
    owed.push(poolDue(0, run, { poolOffered: { run: refOf(run), instance } }));
    free.set(instance, (free.get(instance) ?? 0) - 1);
    instance = mostFree(free);
  }
  return owed;
}

function takeBacks(state: SessionState): readonly Due[] {
  const offered: { run: PoolRun; atMs: number }[] = [];
  for (const run of state.pool.values()) {
    if (run.phase === "POOL_PHASE_OFFERED") offered.push({ run, atMs: offerEndsMs(state, run) });
  }
  const earliest = offered.toSorted((one, other) => one.atMs - other.atMs).slice(0, duesAtOnce);
  return earliest.map(({ run, atMs }) =>
    poolDue(atMs, run, { poolReturned: { run: refOf(run), instance: run.instance } }),
  );
}

const poolDue = (atMs: number, run: PoolRun, event: EventJson): Due => ({
  atMs,
  causeSeq: run.changed,
  audience: audienceAll,
  events: [event],
});

/** When an offer that is not taken is made to somebody else: after its time, or at once where the instance is gone. */
export const offerEndsMs = (state: SessionState, run: PoolRun): number =>
  isAlive(state.agents.get(run.instance)) ? run.offeredMs + state.limits.offerTimeoutMs : 0;

/** Places that are free, by instance, in the order in which the instances came. */
function freePlaces(state: SessionState): Map<string, number> {
  const free = new Map<string, number>();
  for (const agent of state.agents.values()) if (takesOffers(agent)) free.set(agent.instance, agent.capacity);
  for (const { instance } of state.pool.values()) {
    const places = free.get(instance);
    if (places !== undefined) free.set(instance, places - 1);
  }
  return free;
}

/** A busy or lost instance keeps what it has and gets nothing more. */
export const takesOffers = (agent: Agent | undefined): boolean => agent?.presence === "AGENT_PRESENCE_HERE";

function mostFree(free: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [instance, places] of free) if (places > most) [best, most] = [instance, places];
  return best;
}
