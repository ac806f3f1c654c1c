import { type Level, patchSince, project, type SessionState } from "@perdure/core";
import type { AttachedFrame, Cursor, UpdateFrame } from "@perdure/protocol";
import type { HeldSession } from "@perdure/replica";
import { type WireRecord, wireRecord } from "./encode.ts";

/** How a client is brought up to date, without what names it and its request. */
export type AttachAnswer = Omit<AttachedFrame, "t" | "id" | "h" | "member">;

/**
 * What a client with `cursor` lacks, at the session's present seq (SPEC: resume without gap or overlap). The caller
 * subscribes it in the same tick. A cursor that is of no use is answered with a snapshot that says why.
 */
export function attachAnswer(
  held: HeldSession,
  handle: number,
  cursor: Cursor | undefined,
  level: Level,
): AttachAnswer {
  const { state } = held;
  const { epoch, seq } = state;
  if (epoch === undefined) return { how: "new", seq, ...(cursor && { code: "session_replaced" }) };
  const at = { epoch: String(epoch), seq };
  if (cursor === undefined) return { ...at, how: "snapshot", head: project(state, level) };
  const code = cursor.epoch !== at.epoch ? "session_replaced" : cursor.seq > seq ? "cursor_future" : undefined;
  if (code !== undefined) return { ...at, how: "snapshot", code, head: project(state, level) };
  const records = recordsSince(held, handle, cursor.seq, level);
  if (records !== undefined) return { ...at, how: "resumed", records };
  const head = patchSince(state, cursor.seq, level);
  if (head !== undefined) return { ...at, how: "patched", head };
  return { ...at, how: "snapshot", head: project(state, level) };
}

/** What a client lacks, without what names it. */
export type Update = Omit<UpdateFrame, "t" | "h">;

/** Below this many characters nobody looks for a shorter way to say it. */
const SHORT = 4_096;

/** What a client that is at `seq` of this life lacks, in the shorter of the ways to say it; undefined: nothing. */
export function updateSince(held: HeldSession, handle: number, seq: number, level: Level): Update | undefined {
  const { state } = held;
  if (state.epoch === undefined || state.seq === seq) return undefined;
  const at = { epoch: String(state.epoch), seq: state.seq };
  const records = recordsSince(held, handle, seq, level);
  const recordsLength = records === undefined ? Infinity : JSON.stringify(records).length;
  if (records !== undefined && recordsLength <= SHORT) return { ...at, how: "resumed", records };
  const head = patchSince(state, seq, level);
  const patchLength = head === undefined ? Infinity : JSON.stringify(head).length;
  if (head !== undefined && patchLength < recordsLength) return { ...at, how: "patched", head };
  if (records !== undefined) return { ...at, how: "resumed", records };
  return { ...at, how: "snapshot", head: project(state, level) };
}

/** The records behind `seq` as `level` sees them; undefined where the node no longer has them all. */
export function recordsSince(
  held: HeldSession,
  handle: number,
  seq: number,
  level: Level,
): Exclude<AttachedFrame["records"], undefined> | undefined {
  const accepted = held.acceptedSince(seq);
  return accepted?.map((record) => wireRecord(handle, record, level, held.state)).filter(isKept);
}

/** What passes by is not kept. */
const isKept = (record: WireRecord | undefined): record is Exclude<WireRecord, { readonly t: "x" }> =>
  record !== undefined && !("t" in record && record.t === "x");

/** Whether the session has come as far as the cursor; a cursor of another life is not waited for. */
export const hasReached = (state: SessionState, cursor: Cursor): boolean =>
  state.epoch === undefined || String(state.epoch) !== cursor.epoch || state.seq >= cursor.seq;
