import { documentOf } from "../apply/documents.ts";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import { isPatchable, patchJson } from "../json-patch.ts";
import type { Document, SessionState } from "../state.ts";
import { utf8Bytes, weighDocument } from "../weight.ts";
import { type Judge, shareOf } from "./reasons.ts";

/** Whether a writer that has seen so much knows the document as it is. Where there is none, it must have known of none. */
function judgeBase(state: SessionState, document: Document | undefined, baseSeq: number): Code | undefined {
  const known = document === undefined ? baseSeq === 0 : baseSeq >= document.changed && baseSeq <= state.seq;
  return known ? undefined : "document_conflict";
}

/** What the document will weigh; what shrinks is taken always. */
function judgeSize(
  state: SessionState,
  before: Document | undefined,
  after: Pick<Document, "name" | "content">,
  context: Context,
): Code | undefined {
  const { documentBytes, documentsBytes } = state.limits;
  if (utf8Bytes(after.content) > documentBytes) return "too_large";
  const grown = weighDocument({ ...after, changedBy: writer(context) }) - (before?.weight ?? 0);
  return grown > 0 && state.documentWeight + grown > shareOf(documentsBytes, context) ? "documents_full" : undefined;
}

export const documentReplaced: Judge<"documentReplaced"> = (state, body, context) => {
  const { name = "", content = "", baseSeq } = body;
  const document = documentOf(state, name, context.audience);
  const conflict = baseSeq === undefined ? undefined : judgeBase(state, document, baseSeq);
  if (conflict !== undefined) return conflict;
  const full = document === undefined && state.documents.size >= shareOf(state.limits.documents, context);
  if (full) return "too_many_documents";
  return judgeSize(state, document, { name, content }, context) ?? (isPatchable(content) ? undefined : "invalid_event");
};

export const documentPatched: Judge<"documentPatched"> = (state, body, context) => {
  const { name = "", patch = "", baseSeq = 0 } = body;
  const document = documentOf(state, name, context.audience);
  if (document === undefined) return "not_found";
  const conflict = judgeBase(state, document, baseSeq);
  if (conflict !== undefined) return conflict;
  const content = patchJson(document.content, patch);
  return content === undefined ? "invalid_patch" : judgeSize(state, document, { name, content }, context);
};

export const documentRemoved: Judge<"documentRemoved"> = (state, body, context) => {
  const document = documentOf(state, body.name, context.audience);
  if (document === undefined) return "not_found";
  return body.baseSeq === undefined ? undefined : judgeBase(state, document, body.baseSeq);
};
