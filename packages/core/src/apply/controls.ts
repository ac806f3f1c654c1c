import type { ControlKindJson, ReceiptLevelJson, ReceiptStateJson } from "@perdure/protocol";
import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Control, SessionState } from "../state.ts";
import { add, touch } from "../undo.ts";
import { reweigh, settle, weighControl } from "../weight.ts";
import { endRun, isUnderWay } from "./runs.ts";

interface Signal {
  readonly runId?: string;
  readonly text?: string;
  readonly messageId?: string;
  readonly agent?: string;
}

/** A cancel ends a run that nobody has at once; for the others the agent must act. */
export function controlCancel(state: SessionState, body: Body<"controlCancel">, context: Context): void {
  const { runId = "", reason = "" } = body;
  addControl(state, "CONTROL_KIND_CANCEL", { runId, text: reason }, context);
  const run = state.runs.get(runId);
  if (run !== undefined && !isUnderWay(run)) endRun(state, run, "cancelled", context);
}

export const controlSteer = (state: SessionState, body: Body<"controlSteer">, context: Context): void =>
  addControl(state, "CONTROL_KIND_STEER", body, context);

export const controlRedirect = (state: SessionState, body: Body<"controlRedirect">, context: Context): void =>
  addControl(state, "CONTROL_KIND_REDIRECT", body, context);

export const controlPause = (state: SessionState, body: Body<"controlPause">, context: Context): void =>
  addControl(state, "CONTROL_KIND_PAUSE", body, context);

export const controlResume = (state: SessionState, body: Body<"controlResume">, context: Context): void =>
  addControl(state, "CONTROL_KIND_RESUME", body, context);

function addControl(state: SessionState, kind: ControlKindJson, signal: Signal, context: Context): void {
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

/** Which receipt an agent's answer amounts to. */
export const receiptLevels: Readonly<Record<ReceiptStateJson, ReceiptLevelJson>> = {
  RECEIPT_STATE_UNSPECIFIED: "RECEIPT_LEVEL_UNSPECIFIED",
  RECEIPT_STATE_RECEIVED: "RECEIPT_LEVEL_RECEIVED",
  RECEIPT_STATE_APPLIED: "RECEIPT_LEVEL_APPLIED",
  RECEIPT_STATE_REFUSED: "RECEIPT_LEVEL_REFUSED",
};

/** The agent has said what becomes of the signal. */
export const isFinal = ({ receipt }: Control): boolean =>
  receipt === "RECEIPT_LEVEL_APPLIED" || receipt === "RECEIPT_LEVEL_REFUSED";

export function controlReceipt(state: SessionState, body: Body<"controlReceipt">, context: Context): void {
  const control = state.controls.get(body.controlId ?? "");
  if (control === undefined) return;
  touch(state, control).receipt = receiptLevels[body.state ?? "RECEIPT_STATE_UNSPECIFIED"];
  control.code = body.code ?? "";
  control.changed = context.seq;
  // A cancel is waited for until the run has ended, whatever the agent said.
  if (isFinal(control) && control.kind !== "CONTROL_KIND_CANCEL") settle(state, control, true);
}

/** The run is over: a cancel has been obeyed where it was cancelled; all else came too late. */
export function settleControl(
  state: SessionState,
  control: Control,
  event: "completed" | "failed" | "cancelled",
  seq: number,
): void {
  if (!isFinal(control)) {
    const obeyed = control.kind === "CONTROL_KIND_CANCEL" && event === "cancelled";
    touch(state, control).receipt = obeyed ? "RECEIPT_LEVEL_APPLIED" : "RECEIPT_LEVEL_REFUSED";
    control.code = obeyed ? "" : "missed";
    control.changed = seq;
  }
  settle(state, control, true);
}
