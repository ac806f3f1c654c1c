import type { Run, FollowedState } from "../state.ts";
import { move } from "./ending.ts";
import { claimedTakeover } from "./floor.ts";

/** Why a session holds its runs. */
export type Hold = "SUSPEND_REASON_TAKEOVER" | "SUSPEND_REASON_BUDGET";

/** What holds the session's runs now: an operator who has the floor, else a budget that is used up. */
export function holdOf(state: FollowedState): Hold | undefined {
  if (claimedTakeover(state) !== undefined) return "SUSPEND_REASON_TAKEOVER";
  for (const { phase } of state.budgets.values()) {
    if (phase === "BUDGET_PHASE_EXHAUSTED") return "SUSPEND_REASON_BUDGET";
  }
  return undefined;
}

/** The session holds the run; it does not wait by itself. */
export const isHeld = ({ suspended }: Run): boolean =>
  suspended === "SUSPEND_REASON_TAKEOVER" || suspended === "SUSPEND_REASON_BUDGET";

/** Suspends the runs that are at work, or lets those go on that nothing holds any more. */
export function holdRuns(state: FollowedState, seq: number): void {
  for (const run of state.runs.values()) holdRun(state, run, seq);
}

/** As `holdRuns`, for one: where it waits by itself, it goes on waiting. */
export function holdRun(state: FollowedState, run: Run, seq: number): void {
  const hold = holdOf(state);
  if ((run.phase !== "RUN_PHASE_ACTIVE" && !isHeld(run)) || run.suspended === hold) return;
  move(state, run, hold === undefined ? "resumed" : "suspended", seq);
  if (hold !== undefined) run.suspended = hold;
}
