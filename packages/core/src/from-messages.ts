import type { MessageStateJson, PartStateJson } from "@perdure/protocol";
import { isVoidable } from "./apply/messages.ts";
import { fromInt64 } from "./sparse.ts";
import type { Message, Part, FollowedState } from "./state.ts";
import { reweigh, settle, unweigh, weighMessage, weighPart } from "./weight.ts";

/** A message's parts that the JSON does not name stay as they are. */
export function putMessage(state: FollowedState, json: MessageStateJson): void {
  const { id = "", parts = [] } = json;
  const before = state.messages.get(id);
  if (before !== undefined) unweigh(state, before);
  const message: Message = {
    opened: 0,
    parentId: "",
    role: "MESSAGE_ROLE_UNSPECIFIED",
    author: "",
    audience: "AUDIENCE_ALL",
    runId: "",
    stepId: "",
    attempt: 0,
    to: [],
    editOf: "",
    regenerates: "",
    continues: "",
    metadata: "",
    closed: false,
    changed: 0,
    ...json,
    id,
    timeMs: fromInt64(json.timeMs),
    parts: [],
    weight: 0,
    settled: false,
  };
  state.messages.set(id, message);
  message.parts = merged(
    before?.parts ?? [],
    parts.map((part) => partOf(part, message)),
  );
  for (const part of message.parts) {
    part.message = message;
    state.parts.set(part.id, part);
  }
  hold(state, message, before);
  reweigh(state, message, weighMessage(message));
  if (message.closed && !isVoidable(state, message)) release(state, message);
}

function hold(state: FollowedState, message: Message, before: Message | undefined): void {
  if (before !== undefined) state.heldMessages.delete(before);
  state.heldMessages.add(message);
}

function release(state: FollowedState, message: Message): void {
  settle(state, message, true);
  state.heldMessages.delete(message);
}

/** The newer items in the place of those with the same id, or at the end. */
export function merged<T extends { readonly id: string }>(before: readonly T[], newer: readonly T[]): readonly T[] {
  const byId = new Map(before.map((item) => [item.id, item]));
  for (const item of newer) byId.set(item.id, item);
  return [...byId.values()];
}

function partOf(json: PartStateJson, message: Message): Part {
  const { text = "", ...spec } = json.part ?? {};
  const part: Part = {
    id: "",
    opened: 0,
    annotations: [],
    closed: false,
    audience: "AUDIENCE_ALL",
    pendingSurrogate: 0,
    changed: 0,
    ...withoutPart(json),
    spec,
    text,
    weight: 0,
    message,
  };
  part.weight = weighPart(part);
  return part;
}

const withoutPart = ({ part: _part, ...json }: PartStateJson): Omit<PartStateJson, "part"> => json;
