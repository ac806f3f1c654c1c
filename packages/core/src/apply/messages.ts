import type { FinishReasonJson } from "@perdure/protocol";
import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Message, FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, include, touch } from "../undo.ts";
import { reweigh, settle, unweigh, utf8Bytes, weighMessage } from "../weight.ts";
import { isUnfinished } from "./lifecycle.ts";
import { closePart } from "./parts.ts";

/** Closes a message with its open parts, where it is open, and settles it unless its step may be done again. */
export function closeMessage(
  state: FollowedState,
  message: Message,
  finish: FinishReasonJson | undefined,
  seq: number,
): void {
  if (!message.closed) {
    for (const part of message.parts) if (!part.closed) closePart(state, part, finish, seq);
    touch(state, message).closed = true;
    if (finish !== undefined && finish !== "FINISH_REASON_UNSPECIFIED") message.finish = finish;
    message.changed = seq;
  }
  settleMessage(state, message);
}

/** Whether the message may still be taken away, because the step it is written in may be done again. */
export function isVoidable(state: FollowedState, message: Message): boolean {
  const step = state.steps.get(message.stepId);
  return step !== undefined && step.phase !== "STEP_PHASE_DONE" && isUnfinished(step.run);
}

/** Lets a message leave for a page once nothing can happen to it by itself. */
function settleMessage(state: FollowedState, message: Message): void {
  if (!message.closed || isVoidable(state, message)) return;
  settle(state, message, true);
  drop(state, state.heldMessages, message);
}

/** Takes a message away with its parts. */
export function removeMessage(state: FollowedState, message: Message, seq: number): void {
  forgetMessage(state, message);
  bury(state, "TOMBSTONE_KIND_MESSAGE", message.id, seq);
}

/** Takes a message out of the state without a trace. */
export function forgetMessage(state: FollowedState, message: Message): void {
  unweigh(state, message);
  for (const part of message.parts) drop(state, state.parts, part.id);
  drop(state, state.messages, message.id);
  if (state.heldMessages.has(message)) drop(state, state.heldMessages, message);
}

export const messageAppliers = {
  messageOpened(state: FollowedState, body: Body<"messageOpened">, context: Context): void {
    const message: Message = {
      id: newItemId(context),
      opened: context.seq,
      parentId: body.parentId ?? "",
      role: body.role ?? "MESSAGE_ROLE_UNSPECIFIED",
      author: writer(context),
      audience: context.audience,
      runId: body.runId ?? "",
      stepId: body.stepId ?? "",
      attempt: body.runId === undefined || body.runId === "" ? 0 : context.attempt,
      to: [...(body.to ?? [])],
      editOf: body.editOf ?? "",
      regenerates: body.regenerates ?? "",
      continues: body.continues ?? "",
      metadata: body.metadata ?? "",
      closed: false,
      parts: [],
      timeMs: context.timeMs,
      changed: context.seq,
      weight: 0,
      settled: false,
    };
    if (state.messages.has(message.id)) return;
    add(state, state.messages, message.id, message);
    include(state, state.heldMessages, message);
    reweigh(state, message, weighMessage(message));
  },

  messageUpdated(state: FollowedState, body: Body<"messageUpdated">, context: Context): void {
    const message = state.messages.get(body.messageId ?? "");
    if (message === undefined) return;
    touch(state, message).changed = context.seq;
    if (body.metadata === undefined) return;
    const grown = utf8Bytes(body.metadata) - utf8Bytes(message.metadata);
    message.metadata = body.metadata;
    reweigh(state, message, message.weight + grown);
  },

  messageRemoved(state: FollowedState, body: Body<"messageRemoved">, context: Context): void {
    const message = state.messages.get(body.messageId ?? "");
    if (message !== undefined) removeMessage(state, message, context.seq);
  },

  messageClosed(state: FollowedState, body: Body<"messageClosed">, context: Context): void {
    const message = state.messages.get(body.messageId ?? "");
    if (message !== undefined) closeMessage(state, message, body.finish, context.seq);
  },
};
