import type { ReceiptLevelJson } from "@perdure/protocol";
import { receiptLevels } from "../apply/receipts.ts";
import { isUnfinished } from "../apply/lifecycle.ts";
import type { Code } from "../codes.ts";
import type { Context } from "../context.ts";
import type { Run, SessionState } from "../state.ts";
import { refersTo } from "./messages.ts";
import { attemptHolds, audienceWithin, countOf, type Judge, missing, sameAudience } from "./reasons.ts";

/** The run that a signal is for, where it still can be heard. */
function addressed(state: SessionState, runId: string | undefined, context: Context): Run | Code {
  const run = state.runs.get(runId ?? "");
  if (run === undefined) return missing(state, "TOMBSTONE_KIND_RUN", runId ?? "");
  const refusal = audienceWithin(context, run.audience);
  if (refusal !== undefined) return refusal;
  if (!isUnfinished(run)) return "run_ended";
  const full = countOf(state.controls.values(), ({ settled }) => !settled) >= state.limits.unsettledControls;
  return full ? "too_many_controls" : run;
}

// It may end the run at once, which all who see the run must see.
export const controlCancel: Judge<"controlCancel"> = (state, body, context) => {
  const run = addressed(state, body.runId, context);
  return typeof run === "string" ? run : sameAudience(context, run.audience);
};

interface Signal {
  readonly runId?: string;
  readonly messageId?: string;
}

/** Judges steer, redirect, pause and resume. */
export function judgeSignal(state: SessionState, body: Signal, context: Context): Code | undefined {
  const run = addressed(state, body.runId, context);
  return typeof run === "string" ? run : refersTo(state, body.messageId ?? "");
}

const stages: Readonly<Record<ReceiptLevelJson, number>> = {
  RECEIPT_LEVEL_UNSPECIFIED: 0,
  RECEIPT_LEVEL_SENT: 1,
  RECEIPT_LEVEL_RECEIVED: 2,
  RECEIPT_LEVEL_APPLIED: 3,
  RECEIPT_LEVEL_REFUSED: 3,
};

export const controlReceipt: Judge<"controlReceipt"> = (state, body, context) => {
  const control = state.controls.get(body.controlId ?? "");
  if (control === undefined) return missing(state, "TOMBSTONE_KIND_CONTROL", body.controlId ?? "");
  const run = state.runs.get(control.runId);
  if (run === undefined || !isUnfinished(run)) return "run_ended";
  // The run's audience may be wider than the signal's, which the receipt must have.
  const refusal = attemptHolds(state, run.id, { ...context, audience: run.audience });
  if (refusal !== undefined) return refusal;
  const next = stages[receiptLevels[body.state ?? "RECEIPT_STATE_UNSPECIFIED"]];
  return next > stages[control.receipt] ? sameAudience(context, control.audience) : "receipt_out_of_order";
};
