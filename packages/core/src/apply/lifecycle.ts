import type { RunPhaseJson } from "@perdure/protocol";
import type { Code } from "../codes.ts";
import type { Run } from "../state.ts";

/** What can happen to a run. */
export type RunEvent = "accepted" | "suspended" | "resumed" | "completed" | "failed" | "cancelled" | "orphaned";

const ended = {
  accepted: "run_ended",
  suspended: "run_ended",
  resumed: "run_ended",
  completed: "run_ended",
  failed: "run_ended",
  cancelled: "run_ended",
  orphaned: "stale_cause",
} as const;

const waiting = {
  accepted: "RUN_PHASE_ACTIVE",
  suspended: "run_not_active",
  resumed: "run_not_active",
  completed: "run_not_active",
  failed: "run_not_active",
  // By a cancel that reaches it before any agent.
  cancelled: "RUN_PHASE_CANCELLED",
  orphaned: "stale_cause",
} as const;

const working = {
  // Only where the instance that had it is gone; else `already_decided`.
  accepted: "RUN_PHASE_ACTIVE",
  suspended: "RUN_PHASE_SUSPENDED",
  completed: "RUN_PHASE_COMPLETED",
  failed: "RUN_PHASE_FAILED",
  cancelled: "RUN_PHASE_CANCELLED",
  orphaned: "RUN_PHASE_ORPHANED",
} as const;

/** The life cycle of a run: where an event leads from a phase, or why it is refused there. */
export const runTransitions: Readonly<Record<RunPhaseJson, Readonly<Record<RunEvent, RunPhaseJson | Code>>>> = {
  RUN_PHASE_UNSPECIFIED: ended,
  RUN_PHASE_REQUESTED: waiting,
  RUN_PHASE_ACTIVE: { ...working, resumed: "run_not_suspended" },
  RUN_PHASE_SUSPENDED: { ...working, resumed: "RUN_PHASE_ACTIVE" },
  RUN_PHASE_COMPLETED: ended,
  RUN_PHASE_FAILED: ended,
  RUN_PHASE_CANCELLED: ended,
  RUN_PHASE_ORPHANED: waiting,
};

/** Whether a cell of the table is a phase to go to. */
export const isPhase = (cell: RunPhaseJson | Code): cell is RunPhaseJson => Object.hasOwn(runTransitions, cell);

/** An agent works on it, or will be asked to. */
export const isUnfinished = ({ phase }: Run): boolean =>
  phase !== "RUN_PHASE_COMPLETED" && phase !== "RUN_PHASE_FAILED" && phase !== "RUN_PHASE_CANCELLED";

/** An attempt of it is under way. */
export const isUnderWay = ({ phase }: Run): boolean => phase === "RUN_PHASE_ACTIVE" || phase === "RUN_PHASE_SUSPENDED";
