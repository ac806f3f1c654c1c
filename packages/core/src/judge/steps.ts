import type { Code } from "../codes.ts";
import type { Context } from "../context.ts";
import type { SessionState, Step } from "../state.ts";
import { textBytes } from "../weight.ts";
import { attemptHolds, type Judge, missing } from "./reasons.ts";

const judgeSize = (state: SessionState, step: Pick<Step, "run">, body: object): Code | undefined =>
  step.run.weight + textBytes(body) > state.limits.runBytes ? "run_full" : undefined;

export const stepStarted: Judge<"stepStarted"> = (state, body, context) => {
  const { runId = "", parentStepId = "", key } = body;
  const refusal = attemptHolds(state, runId, context);
  const run = state.runs.get(runId);
  if (refusal !== undefined || run === undefined) return refusal ?? "not_found";
  if (run.steps.some((step) => step.key === key && step.phase === "STEP_PHASE_DONE")) return "step_ended";
  if (run.steps.length >= state.limits.stepsPerRun) return "too_many_steps";
  return judgeParent(state, parentStepId, runId) ?? judgeSize(state, { run }, body);
};

function judgeParent(state: SessionState, parentStepId: string, runId: string): Code | undefined {
  if (parentStepId === "") return undefined;
  const parent = state.steps.get(parentStepId);
  if (parent?.run.id !== runId) return missing(state, "TOMBSTONE_KIND_STEP", parentStepId);
  return parent.phase === "STEP_PHASE_OPEN" ? undefined : "step_ended";
}

/** The step that the event is about, where the attempt holds its run. */
function found(state: SessionState, id: string | undefined, context: Context): Step | Code {
  const step = state.steps.get(id ?? "");
  if (step === undefined) return missing(state, "TOMBSTONE_KIND_STEP", id ?? "");
  return attemptHolds(state, step.run.id, context) ?? step;
}

export const stepClosed: Judge<"stepClosed"> = (state, body, context) => {
  const step = found(state, body.stepId, context);
  if (typeof step === "string") return step;
  return step.phase === "STEP_PHASE_OPEN" ? judgeSize(state, step, body) : "step_ended";
};

export const stepSuperseded: Judge<"stepSuperseded"> = (state, body, context) => {
  const step = found(state, body.stepId, context);
  if (typeof step === "string") return step;
  return step.phase === "STEP_PHASE_SUPERSEDED" || step.phase === "STEP_PHASE_DONE" ? "step_ended" : undefined;
};
