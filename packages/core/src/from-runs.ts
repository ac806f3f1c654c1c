import type { RunStateJson, StepStateJson } from "@perdure/protocol";
import { isUnderWay, isUnfinished } from "./apply/lifecycle.ts";
import { merged } from "./from-messages.ts";
import { fromInt64 } from "./sparse.ts";
import type { Run, FollowedState, Step } from "./state.ts";
import { reweigh, settle, unweigh, weighRun, weighStep } from "./weight.ts";

/** A run's steps that the JSON does not name stay as they are, and so does what it was requested with. */
export function putRun(state: FollowedState, json: RunStateJson): void {
  const { id = "", steps = [] } = json;
  const before = state.runs.get(id);
  if (before !== undefined) forgetRun(state, before);
  const run: Run = {
    requested: 0,
    phase: "RUN_PHASE_UNSPECIFIED",
    agent: "",
    inputMessageId: "",
    input: before?.input ?? "",
    tools: before?.tools ?? "",
    context: before?.context ?? "",
    parentRunId: "",
    parentCallId: "",
    requestedBy: "",
    attempt: 0,
    attempts: 0,
    instance: "",
    agentParticipant: "",
    waitsForRequestId: "",
    takeoverId: "",
    result: "",
    code: "",
    message: "",
    failedStepId: "",
    cause: "",
    audience: "AUDIENCE_ALL",
    changed: 0,
    ...json,
    id,
    requestedMs: fromInt64(json.requestedMs),
    acceptedMs: fromInt64(json.acceptedMs),
    endedMs: fromInt64(json.endedMs),
    steps: [],
    weight: 0,
    settled: false,
  };
  run.steps = merged(
    before?.steps ?? [],
    steps.map((step) => stepOf(step, run)),
  );
  state.runs.set(id, run);
  for (const step of run.steps) {
    step.run = run;
    state.steps.set(step.id, step);
  }
  if (isUnderWay(run)) state.attempts.set(run.attempt, run);
  reweigh(state, run, weighRun(run));
  if (!isUnfinished(run)) settle(state, run, true);
}

function forgetRun(state: FollowedState, run: Run): void {
  unweigh(state, run);
  state.attempts.delete(run.attempt);
}

function stepOf(json: StepStateJson, run: Run): Step {
  const step: Step = {
    id: "",
    key: "",
    label: "",
    parentStepId: "",
    phase: "STEP_PHASE_UNSPECIFIED",
    result: "",
    error: "",
    attempt: 0,
    changed: 0,
    ...json,
    startedMs: fromInt64(json.startedMs),
    endedMs: fromInt64(json.endedMs),
    weight: 0,
    run,
  };
  step.weight = weighStep(step);
  return step;
}
