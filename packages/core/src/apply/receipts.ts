import type { ReceiptLevelJson, ReceiptStateJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Control, FollowedState } from "../state.ts";
import { touch } from "../undo.ts";
import { settle } from "../weight.ts";

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

/** The run is over: a cancel has been obeyed where it was cancelled; all else came too late. */
export function settleControl(
  state: FollowedState,
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

export const receiptAppliers = {
  controlReceipt(state: FollowedState, body: Body<"controlReceipt">, context: Context): void {
    const control = state.controls.get(body.controlId ?? "");
    if (control === undefined) return;
    touch(state, control).receipt = receiptLevels[body.state ?? "RECEIPT_STATE_UNSPECIFIED"];
    control.code = body.code ?? "";
    control.changed = context.seq;
    // A cancel is waited for until the run has ended, whatever the agent said.
    if (isFinal(control) && control.kind !== "CONTROL_KIND_CANCEL") settle(state, control, true);
  },
};
