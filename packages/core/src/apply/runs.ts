import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Run, FollowedState } from "../state.ts";
import { add, drop, touch } from "../undo.ts";
import { reweigh, weighRun } from "../weight.ts";
import { endRun, move } from "./ending.ts";
import { claimedTakeover } from "./floor.ts";
import { holdRun } from "./holds.ts";
import { supersedeAttempt } from "./steps.ts";

/** The agent that a request asks: the one it names, else the session's default. Empty: none. */
export const agentOf = (state: FollowedState, body: Body<"runRequested">): string =>
  body.agent === undefined || body.agent === "" ? (state.info.policy.defaultAgent ?? "") : body.agent;

function isCancelPending(state: FollowedState, { id }: Run): boolean {
  for (const { kind, runId, settled } of state.controls.values()) {
    if (kind === "CONTROL_KIND_CANCEL" && runId === id && !settled) return true;
  }
  return false;
}

export const runAppliers = {
  runRequested(state: FollowedState, body: Body<"runRequested">, context: Context): void {
    const run: Run = {
      id: newItemId(context),
      requested: context.seq,
      phase: "RUN_PHASE_REQUESTED",
      agent: agentOf(state, body),
      inputMessageId: body.inputMessageId ?? "",
      input: body.input ?? "",
      tools: body.tools ?? "",
      context: body.context ?? "",
      parentRunId: body.parentRunId ?? "",
      parentCallId: body.parentCallId ?? "",
      requestedBy: writer(context),
      attempt: 0,
      attempts: 0,
      instance: "",
      agentParticipant: "",
      waitsForRequestId: "",
      takeoverId: claimedTakeover(state)?.id ?? "",
      steps: [],
      result: "",
      code: "",
      message: "",
      failedStepId: "",
      cause: "",
      requestedMs: context.timeMs,
      acceptedMs: 0,
      endedMs: 0,
      audience: context.audience,
      changed: context.seq,
      weight: 0,
      settled: false,
    };
    if (state.runs.has(run.id)) return;
    add(state, state.runs, run.id, run);
    reweigh(state, run, weighRun(run));
  },

  runAccepted(state: FollowedState, body: Body<"runAccepted">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    supersedeAttempt(state, run, context);
    move(state, run, "accepted", context.seq);
    drop(state, state.attempts, run.attempt);
    add(state, state.attempts, context.seq, run);
    run.attempt = context.seq;
    run.attempts += 1;
    run.instance = body.instance ?? "";
    run.agentParticipant = writer(context);
    run.acceptedMs = context.timeMs;
    delete run.progress;
  },

  runSuspended(state: FollowedState, body: Body<"runSuspended">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    move(state, run, "suspended", context.seq);
    if (body.reason !== undefined) run.suspended = body.reason;
    run.waitsForRequestId = body.requestId ?? "";
  },

  runResumed(state: FollowedState, body: Body<"runResumed">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    move(state, run, "resumed", context.seq);
    holdRun(state, run, context.seq);
  },

  runCompleted(state: FollowedState, body: Body<"runCompleted">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    touch(state, run).result = body.result ?? "";
    endRun(state, run, "completed", context);
  },

  runFailed(state: FollowedState, body: Body<"runFailed">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    touch(state, run).code = body.code ?? "";
    run.message = body.message ?? "";
    run.failedStepId = body.stepId ?? "";
    run.cause = body.cause ?? "";
    endRun(state, run, "failed", context);
  },

  runCancelled(state: FollowedState, body: Body<"runCancelled">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run !== undefined) endRun(state, run, "cancelled", context);
  },

  runOrphaned(state: FollowedState, body: Body<"runOrphaned">, context: Context): void {
    const run = state.runs.get(body.runId ?? "");
    if (run === undefined) return;
    drop(state, state.attempts, run.attempt);
    // Whoever was asked to stop has gone: so it stops.
    if (isCancelPending(state, run)) endRun(state, run, "cancelled", context);
    else move(state, run, "orphaned", context.seq);
  },
};
