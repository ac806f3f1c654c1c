import type { MessageRoleJson, RoleJson } from "@perdure/protocol";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import type { Message, SessionState } from "../state.ts";
import { audienceWithin, countOf, heldRun, type Judge, missing, sameAudience, shareOf } from "./reasons.ts";

/** In whose voice a role may speak. */
const voices: Readonly<Partial<Record<RoleJson, readonly MessageRoleJson[]>>> = {
  ROLE_USER: ["MESSAGE_ROLE_USER"],
  ROLE_OPERATOR: ["MESSAGE_ROLE_OPERATOR"],
  ROLE_AGENT: ["MESSAGE_ROLE_ASSISTANT", "MESSAGE_ROLE_TOOL", "MESSAGE_ROLE_SYSTEM"],
  ROLE_SERVICE: [
    "MESSAGE_ROLE_USER",
    "MESSAGE_ROLE_ASSISTANT",
    "MESSAGE_ROLE_OPERATOR",
    "MESSAGE_ROLE_SYSTEM",
    "MESSAGE_ROLE_TOOL",
  ],
};

export const messageOpened: Judge<"messageOpened"> = (state, body, context) => {
  const { role = "MESSAGE_ROLE_UNSPECIFIED" } = body;
  if (voices[context.actor.role ?? "ROLE_UNSPECIFIED"]?.includes(role) !== true) return "forbidden";
  const full = countOf(state.heldMessages, ({ closed }) => !closed) >= shareOf(state.limits.openMessages, context);
  if (full) return "too_many_messages";
  return judgePlace(state, body, context) ?? judgeWork(state, body, context);
};

/** The place in the tree. A parent that has left the state is taken on trust. */
function judgePlace(state: SessionState, body: Body<"messageOpened">, context: Context): Code | undefined {
  const { parentId = "", editOf = "", regenerates = "", continues = "" } = body;
  const unknown = refersTo(state, parentId);
  if (unknown !== undefined) return unknown;
  if (continues !== "" && continues !== parentId) return "invalid_event";
  return judgeSibling(state, editOf, parentId, context) ?? judgeSibling(state, regenerates, parentId, undefined);
}

/** A message that an event refers to: known, or possibly archived. Empty: none. */
export function refersTo(state: SessionState, messageId: string): Code | undefined {
  if (messageId === "" || state.messages.has(messageId)) return undefined;
  const reason = missing(state, "TOMBSTONE_KIND_MESSAGE", messageId);
  return reason === "archived" ? undefined : reason;
}

/** A version beside another message: it has the same parent, and where it is an edit (`editor`), the same author. */
function judgeSibling(state: SessionState, id: string, parentId: string, editor?: Context): Code | undefined {
  const unknown = refersTo(state, id);
  const sibling = state.messages.get(id);
  if (unknown !== undefined || sibling === undefined) return unknown;
  if (sibling.parentId !== parentId) return "invalid_event";
  return editor === undefined || isAuthorOrStaff(sibling, editor) ? undefined : "forged_actor";
}

function isAuthorOrStaff(message: Message, context: Context): boolean {
  const { role } = context.actor;
  return message.author === writer(context) || role === "ROLE_OPERATOR" || role === "ROLE_SERVICE";
}

/** The run and step that the message is written in. */
function judgeWork(state: SessionState, body: Body<"messageOpened">, context: Context): Code | undefined {
  const { runId = "", stepId = "" } = body;
  if (runId === "") return stepId === "" ? undefined : "invalid_event";
  const run = heldRun(state, context);
  if (run === undefined || run.id !== runId) return "attempt_required";
  const refusal = audienceWithin(context, run.audience);
  if (refusal !== undefined || stepId === "") return refusal;
  const step = state.steps.get(stepId);
  if (step?.run !== run) return missing(state, "TOMBSTONE_KIND_STEP", stepId);
  return step.phase === "STEP_PHASE_OPEN" ? undefined : "step_ended";
}

/** Only its author changes a message; what an attempt writes, only that attempt. Services may write for others. */
export function judgeAuthor(message: Message, context: Context): Code | undefined {
  if (message.attempt !== 0) {
    if (context.attempt === message.attempt) return undefined;
    return context.actor.role === "ROLE_AGENT" ? "fenced" : "forged_actor";
  }
  return message.author === writer(context) || context.actor.role === "ROLE_SERVICE" ? undefined : "forged_actor";
}

/** What an attempt has closed belongs to its agent, whichever attempt there is now. */
function judgeOwner(message: Message, context: Context): Code | undefined {
  if (!message.closed || message.author !== writer(context)) return judgeAuthor(message, context);
  return undefined;
}

/** Finds a message that the event is about, in the event's audience. */
function found(state: SessionState, id: string | undefined, context: Context): Message | Code {
  const message = state.messages.get(id ?? "");
  if (message === undefined) return missing(state, "TOMBSTONE_KIND_MESSAGE", id ?? "");
  return sameAudience(context, message.audience) ?? message;
}

export const messageUpdated: Judge<"messageUpdated"> = (state, body, context) => {
  const message = found(state, body.messageId, context);
  return typeof message === "string" ? message : judgeOwner(message, context);
};

export const messageRemoved: Judge<"messageRemoved"> = (state, body, context) => {
  const message = found(state, body.messageId, context);
  if (typeof message === "string") return message;
  const isStaff = context.actor.role === "ROLE_OPERATOR" || context.actor.role === "ROLE_SERVICE";
  return isStaff ? undefined : judgeOwner(message, context);
};

export const messageClosed: Judge<"messageClosed"> = (state, body, context) => {
  const message = found(state, body.messageId, context);
  if (typeof message === "string") return message;
  if (message.closed) return "message_closed";
  return judgeAuthor(message, context);
};
