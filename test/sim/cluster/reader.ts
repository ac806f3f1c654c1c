import { project, type FollowedState } from "@perdure/core";
import type { AttachedFrame, Cursor, UpdateFrame } from "@perdure/protocol";
import { sessionKey } from "@perdure/protocol";
import { parseServerFrame } from "@perdure/protocol/frames";
import { type AcceptedFrame, Mirror } from "../../../packages/client/src/mirror.ts";
import type { Recorder } from "./recorder.ts";
import { TENANT } from "./tokens.ts";
import type { SocketTap } from "./web-socket.ts";

interface Asked {
  readonly session: string;
  readonly cursor: Cursor | undefined;
}

/** What one reader has of one session. */
interface Followed {
  readonly mirror: Mirror;
  /** Present while the connection follows it. */
  handle: number | undefined;
  member: string | undefined;
}

/**
 * Listens in on a client's connection and judges by itself what the edge sends: that what follows an answer fits it
 * without gap or overlap, and what a client that takes it all would show.
 */
export class Reader implements SocketTap {
  readonly #name: string;
  readonly #level: "all" | "staff";
  readonly #recorder: Recorder;
  readonly #asked = new Map<number, Asked>();
  /** By session: the attach that was asked last. What answers an older one is not taken by the client. */
  readonly #latest = new Map<string, number>();
  readonly #followed = new Map<string, Followed>();
  readonly #byHandle = new Map<number, string>();
  #isWelcome = false;

  constructor(name: string, level: "all" | "staff", recorder: Recorder) {
    this.#name = name;
    this.#level = level;
    this.#recorder = recorder;
  }

  opened(): void {
    this.#isWelcome = false;
    this.#asked.clear();
    this.#byHandle.clear();
    for (const followed of this.#followed.values()) {
      followed.handle = undefined;
      followed.member = undefined;
    }
  }

  sent(text: string): void {
    const frame: unknown = JSON.parse(text);
    if (isDetach(frame)) return this.#left(frame.h);
    if (!isAttach(frame)) return;
    this.#asked.set(frame.id, { session: frame.session, cursor: frame.cursor });
    this.#latest.set(frame.session, frame.id);
  }

  received(text: string): void {
    const frame = parseServerFrame(text);
    if (frame === undefined) return this.#fault(`an unreadable frame: ${text.slice(0, 80)}`);
    if (!("t" in frame)) return this.#accepted(frame[1], frame);
    if (frame.t === "e") return this.#accepted(frame.h, frame);
    if (frame.t === "attached") return this.#attached(frame);
    if (frame.t === "update") return this.#updated(frame);
    if (frame.t === "detached") this.#detached(frame.h);
    if (frame.t === "welcome") this.#isWelcome = true;
    if (frame.t === "error" && frame.id === undefined) this.#ended(frame.code);
  }

  /** The members that this reader's connection is, by session. */
  *members(): Iterable<readonly [sessionKey: string, member: string]> {
    for (const [key, { member, handle }] of this.#followed) {
      if (handle !== undefined && member !== undefined) yield [key, member];
    }
  }

  /** Where the reader stands in each session that it follows now. */
  *states(): Iterable<readonly [sessionKey: string, state: FollowedState]> {
    for (const [key, { mirror, handle }] of this.#followed) if (handle !== undefined) yield [key, mirror.state];
  }

  /** Writes down what the reader shows now, to be compared. */
  look(key: string, state: FollowedState, how: string): void {
    if (state.epoch === undefined) return;
    this.#recorder.seen.push({
      reader: this.#name,
      sessionKey: key,
      epoch: state.epoch,
      seq: state.seq,
      level: this.#level,
      how,
      head: project(state, this.#level),
    });
  }

  #attached(frame: AttachedFrame): void {
    const asked = this.#asked.get(frame.id);
    if (asked === undefined) return this.#fault(`an answer to attach ${frame.id}, which was not asked`);
    if (this.#latest.get(asked.session) !== frame.id) return undefined;
    const key = sessionKey(TENANT, asked.session);
    const followed = this.#followed.get(key) ?? { mirror: new Mirror(), handle: undefined, member: undefined };
    this.#followed.set(key, followed);
    followed.handle = frame.h;
    followed.member = frame.member;
    this.#byHandle.set(frame.h, key);
    this.#judgeAnswer(key, followed, frame, asked.cursor);
  }

  #judgeAnswer(key: string, { mirror }: Followed, frame: AttachedFrame, cursor: Cursor | undefined): void {
    const { how, seq } = frame;
    const at = `${key} attached (${how}) at ${seq} from ${cursor?.seq ?? "nothing"}`;
    const has = mirror.cursor;
    const same = has?.seq === cursor?.seq && has?.epoch === cursor?.epoch;
    if ((how === "resumed" || how === "patched") && (!same || cursor === undefined)) {
      // The client meant another state than the one that was watched: only a fresh answer can be judged.
      return this.#fault(`${at}: the watched state is at ${has?.seq ?? "nothing"}`);
    }
    // Who comes without a cursor is shown what its node has, whatever it saw elsewhere.
    if (cursor !== undefined && has !== undefined && has.epoch === frame.epoch && seq < has.seq) {
      this.#fault(`${at}: the client was at ${has.seq} already`);
    }
    if (how === "resumed") this.#judgeResumed(at, frame, cursor?.seq ?? 0);
    for (const record of how === "resumed" ? (frame.records ?? []) : []) this.#note(key, frame.epoch, record);
    if (!mirror.attached(frame)) return this.#fault(`${at}: the answer does not fit what the client has`);
    if (how !== "new") this.look(key, mirror.state, how);
  }

  /** What a slow client gets instead of every record. */
  #updated(frame: UpdateFrame): void {
    const key = this.#byHandle.get(frame.h);
    const followed = key === undefined ? undefined : this.#followed.get(key);
    if (key === undefined || followed?.handle !== frame.h) return;
    const { mirror } = followed;
    const at = `${key} updated (${frame.how}) at ${frame.seq}`;
    if (frame.how === "resumed") this.#judgeResumed(at, frame, mirror.state.seq);
    for (const record of frame.how === "resumed" ? (frame.records ?? []) : []) this.#note(key, frame.epoch, record);
    if (!mirror.attached(frame)) return this.#fault(`${at}: the update does not fit what the client has`);
    this.look(key, mirror.state, `update ${frame.how}`);
  }

  #judgeResumed(at: string, { records = [], seq }: Pick<AttachedFrame, "records" | "seq">, from: number): void {
    let next = from + 1;
    for (const record of records) {
      if (seqOf(record) !== next) this.#fault(`${at}: seq ${seqOf(record)} where ${next} is due`);
      next = seqOf(record) + countOf(record);
    }
    if (next !== seq + 1) this.#fault(`${at}: it ends at ${next - 1}`);
  }

  #accepted(handle: number, frame: AcceptedFrame): void {
    const key = this.#byHandle.get(handle);
    const followed = key === undefined ? undefined : this.#followed.get(key);
    // What was on its way when the client left is nobody's.
    if (key === undefined || followed?.handle !== handle) return;
    const { mirror } = followed;
    const due = mirror.state.seq + 1;
    if (seqOf(frame) !== due) this.#fault(`${key}: seq ${seqOf(frame)} came live where ${due} was due`);
    mirror.take(frame);
    this.#note(key, mirror.cursor?.epoch, frame);
  }

  #note(key: string, epoch: string | undefined, frame: AcceptedFrame): void {
    const reader = this.#name;
    this.#recorder.heard.push({ reader, sessionKey: key, epoch: Number(epoch ?? -1), level: this.#level, frame });
  }

  /** The client has let go of it, and of what it knew. */
  #left(handle: number): void {
    const key = this.#byHandle.get(handle);
    this.#byHandle.delete(handle);
    if (key !== undefined) this.#followed.delete(key);
  }

  /** The token that it was welcomed with is good until it ends, whatever becomes of the issuer's keys. */
  #ended(code: string): void {
    if (this.#isWelcome && code === "unavailable")
      this.#recorder.fault(`greeted: ${this.#name} was welcomed, and is told ${code}`);
  }

  #detached(handle: number): void {
    const key = this.#byHandle.get(handle);
    const followed = key === undefined ? undefined : this.#followed.get(key);
    this.#byHandle.delete(handle);
    if (followed?.handle !== handle) return;
    followed.handle = undefined;
    followed.member = undefined;
  }

  #fault(text: string): void {
    this.#recorder.fault(`resume: ${this.#name}: ${text}`);
  }
}

export const seqOf = (frame: AcceptedFrame): number => ("t" in frame ? frame.s : frame[2]);

export function countOf(frame: AcceptedFrame): number {
  if ("t" in frame) return frame.ev.length;
  return frame[0] === "s" ? frame[3] : 1;
}

interface SentAttach extends Asked {
  readonly t: "attach";
  readonly id: number;
}

const isDetach = (frame: unknown): frame is { readonly h: number } =>
  typeof frame === "object" && frame !== null && "t" in frame && frame.t === "detach";

const isAttach = (frame: unknown): frame is SentAttach =>
  typeof frame === "object" && frame !== null && "t" in frame && frame.t === "attach";
