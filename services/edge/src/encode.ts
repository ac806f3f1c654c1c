import { type Accepted, type Level, projectAccepted, type SessionState } from "@perdure/core";
import type { AppendTuple, HiddenTuple, RecordFrame, TransientFrame } from "@perdure/protocol";

/** How a record travels to clients of one level; undefined where there is nothing to tell. */
export type WireRecord = RecordFrame | AppendTuple | HiddenTuple | TransientFrame;

/**
 * The frame for an accepted record as `level` sees it. `state` is the session at or after the record. An append alone in
 * its record travels as a tuple, which is most of all traffic.
 */
export function wireRecord(
  handle: number,
  accepted: Accepted,
  level: Level,
  state: SessionState,
): WireRecord | undefined {
  const { seq, count, actor: by, events: ev } = projectAccepted(accepted, level);
  if (seq === 0) return ev.length > 0 ? { t: "x", h: handle, by, ev } : undefined;
  if (ev.length === 0) return ["s", handle, seq, count];
  return appendTuple(handle, seq, ev, state) ?? recordFrame(handle, { ...accepted, events: ev });
}

function appendTuple(
  handle: number,
  seq: number,
  events: Accepted["events"],
  state: SessionState,
): AppendTuple | undefined {
  const append = events.length === 1 ? events[0]?.partAppended : undefined;
  const part = append?.partId === undefined ? undefined : state.parts.get(append.partId);
  if (append === undefined || part === undefined) return undefined;
  return ["a", handle, seq, part.opened, append.at ?? 0, append.text ?? ""];
}

function recordFrame(handle: number, accepted: Accepted): RecordFrame {
  const { seq, timeMs, producer, number, actor, epoch, attempt, audience, events } = accepted;
  return {
    t: "e",
    h: handle,
    s: seq,
    at: timeMs,
    p: producer,
    n: number,
    by: actor,
    ...(epoch !== undefined && { epoch: String(epoch) }),
    ...(attempt > 0 && { run: attempt }),
    ...(audience !== "AUDIENCE_ALL" && { au: audience }),
    ev: events,
  };
}
