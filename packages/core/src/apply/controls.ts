import type { ControlKindJson } from "@perdure/protocol";
import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Control, FollowedState } from "../state.ts";
import { add } from "../undo.ts";
import { reweigh, weighControl } from "../weight.ts";
import { endRun } from "./ending.ts";
import { isUnderWay } from "./lifecycle.ts";

interface Signal {
  readonly runId?: string;
  readonly text?: string;
  readonly messageId?: string;
  readonly agent?: string;
}

function addControl(state: FollowedState, kind: ControlKindJson, signal: Signal, context: Context): void {
  const control: Control = {
    id: newItemId(context),
    kind,
    runId: signal.runId ?? "",
    text: signal.text ?? "",
    messageId: signal.messageId ?? "",
    agent: signal.agent ?? "",
    by: writer(context),
    receipt: "RECEIPT_LEVEL_SENT",
    code: "",
    timeMs: context.timeMs,
    seq: context.seq,
    changed: context.seq,
    audience: context.audience,
    weight: 0,
    settled: false,
  };
  if (state.controls.has(control.id)) return;
  add(state, state.controls, control.id, control);
  reweigh(state, control, weighControl(control));
}

export const controlAppliers = {
  /** A cancel ends a run that nobody has at once; for the others the agent must act. */
  controlCancel(state: FollowedState, body: Body<"controlCancel">, context: Context): void {
    const { runId = "", reason = "" } = body;
    addControl(state, "CONTROL_KIND_CANCEL", { runId, text: reason }, context);
    const run = state.runs.get(runId);
    if (run !== undefined && !isUnderWay(run)) endRun(state, run, "cancelled", context);
  },

  controlSteer: (state: FollowedState, body: Body<"controlSteer">, context: Context): void =>
    addControl(state, "CONTROL_KIND_STEER", body, context),

  controlRedirect: (state: FollowedState, body: Body<"controlRedirect">, context: Context): void =>
    addControl(state, "CONTROL_KIND_REDIRECT", body, context),

  controlPause: (state: FollowedState, body: Body<"controlPause">, context: Context): void =>
    addControl(state, "CONTROL_KIND_PAUSE", body, context),

  controlResume: (state: FollowedState, body: Body<"controlResume">, context: Context): void =>
    addControl(state, "CONTROL_KIND_RESUME", body, context),
};
