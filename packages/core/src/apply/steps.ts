import { type Context, newItemId } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Run, FollowedState, Step } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { reweigh, weighStep } from "../weight.ts";
import { closeMessage, removeMessage } from "./messages.ts";

/** Ends a step and its messages. Once it is done they stay; after a failure it may be done again. Forgets what it replaced. */
export function endStep(state: FollowedState, step: Step, failed: boolean, context: Context): void {
  touch(state, step).phase = failed ? "STEP_PHASE_FAILED" : "STEP_PHASE_DONE";
  step.endedMs = context.timeMs;
  step.changed = context.seq;
  reweighStep(state, step);
  for (const message of [...state.heldMessages]) {
    if (message.stepId === step.id) {
      closeMessage(state, message, failed ? "FINISH_REASON_ERROR" : "FINISH_REASON_STOP", context.seq);
    }
  }
  forgetReplaced(state, step, context.seq);
}

function forgetReplaced(state: FollowedState, successor: Step, seq: number): void {
  const { run } = successor;
  const replaced = run.steps.filter(({ key, phase }) => key === successor.key && phase === "STEP_PHASE_SUPERSEDED");
  if (replaced.length === 0) return;
  touch(state, run).steps = run.steps.filter((step) => !replaced.includes(step));
  for (const step of replaced) {
    drop(state, state.steps, step.id);
    bury(state, "TOMBSTONE_KIND_STEP", step.id, seq);
    reweigh(state, run, run.weight - step.weight);
  }
}

/** Voids a step that is not done: its messages are taken away, its open sub-steps voided too. Those that closed stay. */
export function supersedeStep(state: FollowedState, step: Step, context: Context): void {
  if (step.phase === "STEP_PHASE_SUPERSEDED" || step.phase === "STEP_PHASE_DONE") return;
  touch(state, step).phase = "STEP_PHASE_SUPERSEDED";
  step.result = "";
  step.error = "";
  step.endedMs = context.timeMs;
  step.changed = context.seq;
  reweighStep(state, step);
  for (const message of [...state.messages.values()]) {
    if (message.stepId === step.id) removeMessage(state, message, context.seq);
  }
  for (const inner of step.run.steps) {
    if (inner.parentStepId === step.id && inner.phase === "STEP_PHASE_OPEN") supersedeStep(state, inner, context);
  }
}

/** Voids what earlier attempts left unfinished: open steps, and messages left open. What they closed stays. */
export function supersedeAttempt(state: FollowedState, run: Run, context: Context): void {
  for (const step of run.steps) if (step.phase === "STEP_PHASE_OPEN") supersedeStep(state, step, context);
  for (const message of [...state.heldMessages]) {
    if (message.runId === run.id && !message.closed) removeMessage(state, message, context.seq);
  }
}

function reweighStep(state: FollowedState, step: Step): void {
  const grown = weighStep(step) - step.weight;
  step.weight += grown;
  reweigh(state, step.run, step.run.weight + grown);
}

export const stepAppliers = {
  stepStarted(state: FollowedState, body: Body<"stepStarted">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    const id = newItemId(context);
    if (run === undefined || state.steps.has(id)) return;
    const key = body.key ?? "";
    for (const step of run.steps) if (step.key === key) supersedeStep(state, step, context);
    const step: Step = {
      id,
      key,
      label: body.label ?? "",
      parentStepId: body.parentStepId ?? "",
      phase: "STEP_PHASE_OPEN",
      result: "",
      error: "",
      attempt: context.attempt,
      startedMs: context.timeMs,
      endedMs: 0,
      changed: context.seq,
      weight: 0,
      run,
    };
    add(state, state.steps, id, step);
    touch(state, run).steps = [...run.steps, step];
    reweighStep(state, step);
  },

  stepClosed(state: FollowedState, body: Body<"stepClosed">, context: Context): void {
    const step = state.steps.get(body.stepId ?? "");
    if (step === undefined) return;
    touch(state, step).result = body.result ?? "";
    step.error = body.error ?? "";
    endStep(state, step, step.error !== "", context);
  },

  stepSuperseded(state: FollowedState, body: Body<"stepSuperseded">, context: Context): void {
    const step = state.steps.get(body.stepId ?? "");
    if (step !== undefined) supersedeStep(state, step, context);
  },
};
