import type { FinishReasonJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { Run, FollowedState } from "../state.ts";
import { drop, touch } from "../undo.ts";
import { reweigh, settle, weighRun } from "../weight.ts";
import { settleTakeovers } from "./floor.ts";
import { isPhase, type RunEvent, runTransitions } from "./lifecycle.ts";
import { closeMessage } from "./messages.ts";
import { settleControl } from "./receipts.ts";
import { withdraw } from "./requests.ts";
import { endStep } from "./steps.ts";

/** Takes a run to the phase that the event leads to. */
export function move(state: FollowedState, run: Run, event: RunEvent, seq: number): void {
  const next = runTransitions[run.phase][event];
  touch(state, run).changed = seq;
  if (isPhase(next)) run.phase = next;
  run.waitsForRequestId = "";
  delete run.suspended;
}

const finishOf: Readonly<Record<"completed" | "failed" | "cancelled", FinishReasonJson>> = {
  completed: "FINISH_REASON_STOP",
  failed: "FINISH_REASON_ERROR",
  cancelled: "FINISH_REASON_CANCELLED",
};

/** Ends a run and everything that is open in it: steps, messages, requests, signals. Fences its attempt. */
export function endRun(state: FollowedState, run: Run, event: keyof typeof finishOf, context: Context): void {
  move(state, run, event, context.seq);
  run.endedMs = context.timeMs;
  drop(state, state.attempts, run.attempt);
  // Before their steps, which would say that they failed.
  for (const message of [...state.heldMessages]) {
    if (message.runId === run.id) closeMessage(state, message, finishOf[event], context.seq);
  }
  for (const step of run.steps)
    if (step.phase === "STEP_PHASE_OPEN") endStep(state, step, event !== "completed", context);
  for (const request of state.requests.values()) {
    if (request.request.runId === run.id) withdraw(state, request, context.seq);
  }
  for (const control of state.controls.values()) {
    if (control.runId === run.id) settleControl(state, control, event, context.seq);
  }
  reweigh(state, run, weighRun(run));
  settle(state, run, true);
  settleTakeovers(state);
}
