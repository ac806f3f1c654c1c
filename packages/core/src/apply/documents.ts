import type { AudienceJson } from "@perdure/protocol";
import { type Context, newItemId, writer } from "../context.ts";
import { patchJson } from "../json-patch.ts";
import type { Body } from "../kinds.ts";
import type { Document, FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { weighDocument } from "../weight.ts";

/** The document of a name for an audience. */
export function documentOf(
  state: FollowedState,
  name: string | undefined,
  audience: AudienceJson,
): Document | undefined {
  for (const document of state.documents.values()) {
    if (document.name === name && document.audience === audience) return document;
  }
  return undefined;
}

function begin(state: FollowedState, name: string, context: Context): Document {
  const document: Document = {
    id: newItemId(context),
    name,
    content: "",
    audience: context.audience,
    changedBy: "",
    timeMs: 0,
    changed: 0,
    weight: 0,
  };
  add(state, state.documents, document.id, document);
  return document;
}

function change(state: FollowedState, document: Document, content: string, context: Context): void {
  touch(state, document).content = content;
  document.changedBy = writer(context);
  document.timeMs = context.timeMs;
  document.changed = context.seq;
  const weight = weighDocument(document);
  state.documentWeight += weight - document.weight;
  document.weight = weight;
}

/** Takes a document out of the state without a trace. */
export function forgetDocument(state: FollowedState, document: Document): void {
  state.documentWeight -= document.weight;
  drop(state, state.documents, document.id);
}

export const documentAppliers = {
  documentReplaced(state: FollowedState, body: Body<"documentReplaced">, context: Context): void {
    const document = documentOf(state, body.name, context.audience) ?? begin(state, body.name ?? "", context);
    change(state, document, body.content ?? "", context);
  },

  documentPatched(state: FollowedState, body: Body<"documentPatched">, context: Context): void {
    const document = documentOf(state, body.name, context.audience);
    const content = document && patchJson(document.content, body.patch ?? "");
    if (document !== undefined && content !== undefined) change(state, document, content, context);
  },

  documentRemoved(state: FollowedState, body: Body<"documentRemoved">, context: Context): void {
    const document = documentOf(state, body.name, context.audience);
    if (document === undefined) return;
    forgetDocument(state, document);
    bury(state, "TOMBSTONE_KIND_DOCUMENT", document.id, context.seq);
  },
};
