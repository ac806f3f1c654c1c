import type { FinishReasonJson, PartSpecJson } from "@perdure/protocol";
import { type Context, newItemId } from "../context.ts";
import { patchJson } from "../json-patch.ts";
import type { Body } from "../kinds.ts";
import { sparse } from "../sparse.ts";
import type { Part, FollowedState } from "../state.ts";
import { add, touch } from "../undo.ts";
import { reweigh, textBytes, utf8Bytes, weighPart } from "../weight.ts";

/** What a part holds beside its text. */
function specOf(part: PartSpecJson | undefined): PartSpecJson {
  const { text: _text, sizeBytes = "0", ...rest } = part ?? {};
  return sparse({ ...rest, sizeBytes: sizeBytes === "0" ? "" : sizeBytes });
}

function replaceText(state: FollowedState, part: Part, text: string, seq: number): void {
  part.text = text;
  part.pendingSurrogate = 0;
  part.changed = seq;
  reweighPart(state, part, weighPart(part));
}

/** Closes a part. Half a character that still waits for its other half is given up. */
export function closePart(state: FollowedState, part: Part, finish: FinishReasonJson | undefined, seq: number): void {
  touch(state, part).closed = true;
  part.pendingSurrogate = 0;
  if (finish !== undefined && finish !== "FINISH_REASON_UNSPECIFIED") part.finish = finish;
  part.changed = seq;
}

function reweighPart(state: FollowedState, part: Part, weight: number): void {
  const grown = weight - part.weight;
  part.weight = weight;
  reweigh(state, part.message, part.message.weight + grown);
}

export const partAppliers = {
  partOpened(state: FollowedState, body: Body<"partOpened">, context: Context): void {
    const message = state.messages.get(body.messageId ?? "");
    const id = newItemId(context);
    if (message === undefined || state.parts.has(id)) return;
    const part: Part = {
      id,
      opened: context.seq,
      spec: specOf(body.part),
      text: body.part?.text ?? "",
      annotations: [],
      closed: body.complete ?? false,
      audience: context.audience,
      pendingSurrogate: 0,
      changed: context.seq,
      weight: 0,
      message,
    };
    add(state, state.parts, id, part);
    touch(state, message).parts = [...message.parts, part];
    reweighPart(state, part, weighPart(part));
  },

  /** Appends text. Where the reader has more than the writer expected, as after a patch, what overlaps is replaced. */
  partAppended(state: FollowedState, body: Body<"partAppended">, context: Context): void {
    const part = state.parts.get(body.partId ?? "");
    const { at = 0, text = "" } = body;
    if (part === undefined || at > part.text.length) return;
    touch(state, part).changed = context.seq;
    if (at === part.text.length) part.text += text;
    else part.text = part.text.slice(0, at) + text;
    reweighPart(state, part, part.weight + utf8Bytes(text));
  },

  partSet(state: FollowedState, body: Body<"partSet">, context: Context): void {
    const part = state.parts.get(body.partId ?? "");
    if (part === undefined) return;
    touch(state, part).spec = specOf(body.part);
    replaceText(state, part, body.part?.text ?? "", context.seq);
  },

  partPatched(state: FollowedState, body: Body<"partPatched">, context: Context): void {
    const part = state.parts.get(body.partId ?? "");
    const text = part && patchJson(part.text, body.patch ?? "");
    if (part === undefined || text === undefined) return;
    replaceText(state, touch(state, part), text, context.seq);
  },

  partAnnotated(state: FollowedState, body: Body<"partAnnotated">, context: Context): void {
    const part = state.parts.get(body.partId ?? "");
    if (part === undefined) return;
    const annotation = sparse({ ...body.annotation });
    const grown = textBytes(annotation);
    touch(state, part).annotations = [...part.annotations, annotation];
    part.changed = context.seq;
    reweighPart(state, part, part.weight + grown);
  },

  partClosed(state: FollowedState, body: Body<"partClosed">, context: Context): void {
    const part = state.parts.get(body.partId ?? "");
    if (part !== undefined) closePart(state, part, body.finish, context.seq);
  },
};
