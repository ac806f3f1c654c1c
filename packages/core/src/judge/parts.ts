import type { PartAppendedJson } from "@perdure/protocol";
import type { Code } from "../codes.ts";
import type { Context } from "../context.ts";
import { patchJson } from "../json-patch.ts";
import type { Message, Part, SessionState } from "../state.ts";
import { touch } from "../undo.ts";
import { textBytes, utf8Bytes } from "../weight.ts";
import { judgeAuthor } from "./messages.ts";
import { audienceWithin, type Judge, missing, sameAudience, shareOf } from "./reasons.ts";

const judgeSize = (state: SessionState, message: Message, grown: number): Code | undefined =>
  message.weight + grown > state.limits.messageBytes ? "message_full" : undefined;

export const partOpened: Judge<"partOpened"> = (state, body, context) => {
  const { messageId = "" } = body;
  const message = state.messages.get(messageId);
  if (message === undefined) return missing(state, "TOMBSTONE_KIND_MESSAGE", messageId);
  const refusal = audienceWithin(context, message.audience) ?? judgeAuthor(message, context);
  if (refusal !== undefined) return refusal;
  if (message.closed) return "message_closed";
  if (message.parts.length >= state.limits.partsPerMessage) return "too_many_parts";
  return judgeSize(state, message, textBytes(body.part));
};

/** A part that is gone is as its message: taken away, or in history. */
const absent = (state: SessionState): Code => (state.shedSeq > 0 ? "archived" : "not_found");

/** The part that the event is about, where its author may go on writing it in this audience. */
function open(state: SessionState, id: string | undefined, context: Context): Part | Code {
  const part = state.parts.get(id ?? "");
  if (part === undefined) return absent(state);
  const refusal = sameAudience(context, part.audience) ?? judgeAuthor(part.message, context);
  if (refusal !== undefined) return refusal;
  return part.closed ? "part_closed" : part;
}

/** Length of the part as its writer counts it, in UTF-16 units. */
const lengthOf = (part: Part): number => part.text.length + (part.pendingSurrogate === 0 ? 0 : 1);

export const partAppended: Judge<"partAppended"> = (state, body, context) => {
  const part = open(state, body.partId, context);
  if (typeof part === "string") return part;
  const { at = 0, text = "" } = body;
  const length = lengthOf(part);
  if (at > length) return "append_gap";
  if (at < length && !context.overlaps) return "append_conflict";
  const grown = utf8Bytes(text);
  if (state.heldWeight + grown > shareOf(state.limits.heldBytes, context)) return "session_full";
  return judgeSize(state, part.message, grown);
};

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * What of an append is new: text that a retry through another node brings again is cut off, and half a character at
 * the end waits for its other half. Judged before; the same object where nothing is cut.
 */
export function trimAppend(state: SessionState, body: PartAppendedJson): PartAppendedJson {
  const part = state.parts.get(body.partId ?? "");
  const { partId = "", at = 0, text = "" } = body;
  if (part === undefined) return body;
  const waiting = part.pendingSurrogate;
  const cut = lengthOf(part) - at;
  const ends = isHigh(text.charCodeAt(text.length - 1)) && cut < text.length;
  if (cut === 0 && waiting === 0 && !ends) return body;
  touch(state, part).pendingSurrogate = ends ? text.charCodeAt(text.length - 1) : cut < text.length ? 0 : waiting;
  const fresh = text.slice(cut, ends ? -1 : undefined);
  return { partId, at: part.text.length, text: joinSurrogates(waiting, fresh, text.length > cut) };
}

/** Puts the half that waited before the rest; a half whose partner did not come is replaced, as UTF-8 would. */
function joinSurrogates(waiting: number, fresh: string, more: boolean): string {
  if (waiting === 0 || !more) return fresh;
  return (isLow(fresh.charCodeAt(0)) ? String.fromCharCode(waiting) : "\ufffd") + fresh;
}

export const partSet: Judge<"partSet"> = (state, body, context) => {
  const part = open(state, body.partId, context);
  return typeof part === "string" ? part : judgeSize(state, part.message, textBytes(body.part) - part.weight);
};

export const partPatched: Judge<"partPatched"> = (state, body, context) => {
  const part = open(state, body.partId, context);
  if (typeof part === "string") return part;
  const { patchedPartBytes } = state.limits;
  if (part.text.length > patchedPartBytes) return "too_large";
  const text = patchJson(part.text, body.patch ?? "");
  if (text === undefined) return "invalid_patch";
  const bytes = utf8Bytes(text);
  return bytes > patchedPartBytes ? "too_large" : judgeSize(state, part.message, bytes);
};

export const partAnnotated: Judge<"partAnnotated"> = (state, body, context) => {
  const part = state.parts.get(body.partId ?? "");
  if (part === undefined) return absent(state);
  const refusal = sameAudience(context, part.audience);
  if (refusal !== undefined) return refusal;
  const { start = 0, end = 0 } = body.annotation ?? {};
  if (start > end) return "invalid_event";
  if (part.annotations.length >= state.limits.annotationsPerPart) return "too_many_annotations";
  return judgeSize(state, part.message, textBytes(body.annotation));
};

export const partClosed: Judge<"partClosed"> = (state, body, context) => {
  const part = open(state, body.partId, context);
  return typeof part === "string" ? part : undefined;
};
