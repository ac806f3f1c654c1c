import { applyAccepted, type Accepted, followedState, mergePatch, type FollowedState, toHead } from "@perdure/core";
import type { HeadJson } from "@perdure/protocol";
import type { AppendTuple, AttachedFrame, Cursor, HiddenTuple, RecordFrame } from "@perdure/protocol/frames";

/** Frames that carry what was accepted. */
export type AcceptedFrame = RecordFrame | AppendTuple | HiddenTuple;

/** What brings a client up to date. */
export type Answer = Pick<AttachedFrame, "how" | "epoch" | "seq" | "head" | "records">;

/** `gap`: records are missing before this one, which was not taken. `old`: the state has it already. */
export type Taken = "applied" | "gap" | "old";

/** The session as the server has told it: its confirmed state, kept by the core's own rules. */
export class Mirror {
  #state: FollowedState = followedState();
  /** Part by the seq of its `part.opened`, which names it on the wire. */
  #partIds = new Map<number, string>();

  get state(): FollowedState {
    return this.#state;
  }

  /** Where this client is; undefined: it knows nothing of the session. */
  get cursor(): Cursor | undefined {
    const { epoch, seq } = this.#state;
    return epoch === undefined ? undefined : { epoch: String(epoch), seq };
  }

  /** What to keep over a page load; undefined where there is nothing. */
  save(): HeadJson | undefined {
    return this.#state.epoch === undefined ? undefined : toHead(this.#state);
  }

  restore(head: HeadJson): void {
    this.#replace(followedState(head));
  }

  /** Knows nothing any more. */
  clear(): void {
    this.#replace(followedState());
  }

  /** Brings the state to where the answer says. False: it does not fit what is here, so a snapshot has to be asked for. */
  attached(frame: Answer): boolean {
    switch (frame.how) {
      case "new":
        if (this.#state.epoch !== undefined) this.clear();
        return true;
      case "snapshot":
        this.#replace(followedState(frame.head ?? {}));
        return true;
      case "patched":
        mergePatch(this.#state, frame.head ?? {});
        this.#partIds.clear();
        break;
      case "resumed":
        for (const record of frame.records ?? []) this.take(record);
        break;
    }
    return this.#state.seq === frame.seq && String(this.#state.epoch) === frame.epoch;
  }

  take(frame: AcceptedFrame): Taken {
    const accepted = this.#accepted(frame);
    if (accepted.seq <= this.#state.seq) return "old";
    if (accepted.seq !== this.#state.seq + 1) return "gap";
    applyAccepted(this.#state, accepted);
    return "applied";
  }

  #replace(state: FollowedState): void {
    this.#state = state;
    this.#partIds.clear();
  }

  #accepted(frame: AcceptedFrame): Accepted {
    if ("t" in frame) return fromRecord(frame);
    if (frame[0] === "s") return fromHidden(frame);
    const [, , seq, opened, at, text] = frame;
    const partAppended = { partId: this.#partId(opened), at, text };
    return { ...NOTHING, seq, count: 1, timeMs: this.#state.timeMs, events: [{ partAppended }] };
  }

  #partId(opened: number): string {
    const known = this.#partIds.get(opened);
    if (known !== undefined) return known;
    for (const part of this.#state.parts.values()) this.#partIds.set(part.opened, part.id);
    return this.#partIds.get(opened) ?? "";
  }
}

const NOTHING: Omit<Accepted, "seq" | "count"> = {
  timeMs: 0,
  producer: "",
  number: 0,
  actor: {},
  attempt: 0,
  audience: "AUDIENCE_ALL",
  events: [],
};

const fromHidden = ([, , seq, count]: HiddenTuple): Accepted => ({ ...NOTHING, seq, count });

function fromRecord({ s, at, p, n, by, epoch, run = 0, au = "AUDIENCE_ALL", ev }: RecordFrame): Accepted {
  return {
    seq: s,
    count: ev.length,
    timeMs: at,
    producer: p,
    number: n,
    actor: by,
    attempt: run,
    audience: au,
    events: ev,
    ...(epoch !== undefined && { epoch: Number(epoch) }),
  };
}
