import { type Accepted, applyAccepted, fromHead, mergePatch, newSession, type SessionState } from "@perdure/core";
import type { AppendTuple, AttachedFrame, HiddenTuple, RecordFrame, ServerFrame } from "@perdure/protocol";

type Answer = Pick<AttachedFrame, "how" | "epoch" | "seq" | "head" | "records">;
type AcceptedFrame = RecordFrame | AppendTuple | HiddenTuple;

/** Follows one session by its frames alone, as the protocol describes it. Throws at a gap, and at anything told twice. */
export class TestReader {
  state: SessionState = newSession();
  handle: number | undefined;
  /** Kinds of frames other than accepted records, in order. */
  readonly heard: string[] = [];
  readonly acks: number[] = [];
  #awaited: number | undefined;

  /** An attach was sent: until its answer, what comes is part of that. */
  attaching(id: number): void {
    this.#awaited = id;
  }

  detached(): void {
    this.handle = undefined;
  }

  take(frame: ServerFrame): void {
    if (!("t" in frame)) return this.#takeAccepted(frame, frame[1]);
    switch (frame.t) {
      case "e":
        return this.#takeAccepted(frame, frame.h);
      case "attached":
        if (frame.id !== this.#awaited) return;
        this.#awaited = undefined;
        this.handle = frame.h;
        this.heard.push(frame.how);
        return this.#answer(frame);
      case "update":
        if (!this.#follows(frame.h)) return;
        this.heard.push(frame.how);
        return this.#answer(frame);
      case "ack":
        this.acks.push(frame.n);
        return;
      case "lagging":
      case "caught_up":
        if (this.#follows(frame.h)) this.heard.push(frame.t);
        return;
      default:
        this.heard.push("code" in frame ? frame.code : frame.t);
    }
  }

  #follows(handle: number): boolean {
    return this.#awaited === undefined && handle === this.handle;
  }

  #answer({ how, head, records = [], seq, epoch }: Answer): void {
    if (how === "snapshot") this.state = fromHead(head ?? {});
    if (how === "patched") mergePatch(this.state, head ?? {});
    for (const record of records) this.#apply(record);
    if (this.state.seq !== seq) throw new Error(`an answer (${how}) leads to ${this.state.seq}, and says ${seq}`);
    if (String(this.state.epoch) !== epoch) throw new Error(`an answer (${how}) is of another life`);
  }

  #takeAccepted(frame: AcceptedFrame, handle: number): void {
    if (this.#follows(handle)) this.#apply(frame);
  }

  #apply(frame: AcceptedFrame): void {
    const accepted = acceptedOf(frame, this.state);
    if (accepted.seq !== this.state.seq + 1) throw new Error(`seq ${accepted.seq} follows ${this.state.seq}`);
    applyAccepted(this.state, accepted);
  }
}

function acceptedOf(frame: AcceptedFrame, state: SessionState): Accepted {
  const nothing = { timeMs: 0, producer: "", number: 0, actor: {}, attempt: 0, audience: "AUDIENCE_ALL" } as const;
  if ("t" in frame) {
    const { s: seq, ev: events, p: producer, n: number, by: actor, at: timeMs, run: attempt = 0, epoch } = frame;
    const life = epoch === undefined ? {} : { epoch: Number(epoch) };
    return { ...nothing, ...life, seq, count: events.length, producer, number, actor, timeMs, attempt, events };
  }
  if (frame[0] === "s") return { ...nothing, seq: frame[2], count: frame[3], events: [] };
  const [, , seq, opened, at, text] = frame;
  const part = [...state.parts.values()].find((candidate) => candidate.opened === opened);
  return { ...nothing, seq, count: 1, events: [{ partAppended: { partId: part?.id ?? "", at, text } }] };
}
