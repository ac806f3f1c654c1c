/**
 * What travels between an edge and its clients over a WebSocket: JSON text frames. Appends and hidden events, the many,
 * travel as arrays; all else as objects whose `t` names the kind. docs/protocol.md describes the exchanges.
 */
import type { ActorJson, AudienceJson } from "../gen/perdure/v1/common_pb.js";
import type { HeadJson, PageJson } from "../gen/perdure/v1/head_pb.js";
import type { EventJson } from "../gen/perdure/v1/record_pb.js";

/** Version of this protocol, said in `hello`. */
export const PROTOCOL_VERSION = 1;

/** Where a client is in a session: the life of the name, and the last seq it has. */
export interface Cursor {
  /** Epoch, decimal. */
  readonly epoch: string;
  readonly seq: number;
}

/** First frame of a connection, within 5 s. */
export interface HelloFrame {
  readonly t: "hello";
  readonly v: number;
  readonly token: string;
  /** SDK and version, for diagnostics. */
  readonly client?: string;
  /** Device for people, e.g. "Firefox on Linux". */
  readonly device?: string;
}

/** A new token for a live connection; answered by another `welcome`, once it can be judged. */
export interface AuthFrame {
  readonly t: "auth";
  readonly token: string;
}

/** Follow a session; answered by `attached` or `error` with the same `id`. */
export interface AttachFrame {
  readonly t: "attach";
  readonly id: number;
  readonly session: string;
  readonly cursor?: Cursor;
  /** The member that this client was before its connection broke, so that the edge can go on with it. */
  readonly member?: string;
}

export interface DetachFrame {
  readonly t: "detach";
  readonly h: number;
}

/** Write a record; answered by `ack`. The edge fills in the actor. */
export interface SendFrame {
  readonly t: "send";
  readonly h: number;
  /** Producer id and number. */
  readonly p: string;
  readonly n: number;
  /** Seq the producer had seen when it was made. */
  readonly born: number;
  /** Epoch the writer means, decimal. */
  readonly epoch?: string;
  readonly au?: AudienceJson;
  readonly ev: readonly EventJson[];
}

/** Ask for an older page; answered by `page`. */
export interface HistoryFrame {
  readonly t: "history";
  readonly id: number;
  readonly h: number;
  /** Only pages below this number; absent: the newest page. */
  readonly before?: number;
}

export interface PingFrame {
  readonly t: "ping";
}

export type ClientFrame = HelloFrame | AuthFrame | AttachFrame | DetachFrame | SendFrame | HistoryFrame | PingFrame;

/** The connection is open. */
export interface WelcomeFrame {
  readonly t: "welcome";
  readonly v: number;
  readonly node: string;
  readonly tenant: string;
  readonly participant: string;
  readonly role: string;
  /** The token may begin sessions. */
  readonly mayCreate: boolean;
  /** The token ends after this long, in milliseconds; renew before. No time of day, since devices' clocks are wrong. */
  readonly expiresInMs: number;
  /** Send a ping when nothing was heard for this long, in milliseconds. */
  readonly beatMs: number;
  /** Longest frame that is taken, in bytes. */
  readonly maxFrameBytes: number;
}

/** How an attach brings the client up to date. */
export type AttachHow = "resumed" | "patched" | "snapshot" | "new";

export interface AttachedFrame {
  readonly t: "attached";
  readonly id: number;
  /** Names the session on this node's connections. */
  readonly h: number;
  readonly how: AttachHow;
  readonly epoch?: string;
  /** The session's seq; what follows starts at seq + 1. */
  readonly seq: number;
  /** This connection, as presence names it where it is listed. */
  readonly member?: string;
  /** Why the cursor was of no use and this is a snapshot: `session_replaced`, `cursor_future`. */
  readonly code?: string;
  /** With `snapshot` and `patched`: the state, or the items that changed after the cursor. */
  readonly head?: HeadJson;
  /** With `resumed`: the records after the cursor. */
  readonly records?: readonly (RecordFrame | AppendTuple | HiddenTuple)[];
}

/** A record that was accepted. */
export interface RecordFrame {
  readonly t: "e";
  readonly h: number;
  /** Seq of the first event. */
  readonly s: number;
  /** Log time, Unix milliseconds. */
  readonly at: number;
  readonly p: string;
  readonly n: number;
  readonly by: ActorJson;
  /** Of the record that created the session: the epoch of the life that began, decimal. */
  readonly epoch?: string;
  /** Attempt; absent: 0. */
  readonly run?: number;
  readonly au?: AudienceJson;
  readonly ev: readonly EventJson[];
}

/** Text for an open part: handle, seq, the part (seq of its `part.opened`), length before in UTF-16 units, text. */
export type AppendTuple = readonly ["a", h: number, seq: number, part: number, at: number, text: string];

/** Events that this reader's level does not cover: handle, seq of the first, how many. */
export type HiddenTuple = readonly ["s", h: number, seq: number, count: number];

/** Something in passing: no seq, not kept. */
export interface TransientFrame {
  readonly t: "x";
  readonly h: number;
  readonly by: ActorJson;
  readonly ev: readonly EventJson[];
}

/** What became of a `send`. */
export interface AckFrame {
  readonly t: "ack";
  readonly h: number;
  readonly p: string;
  readonly n: number;
  /** Accepted: seq of the record's last event; else the session's seq. */
  readonly s: number;
  /** Absent: accepted (or a duplicate of what was). */
  readonly code?: string;
  readonly message?: string;
  readonly expected?: number;
  readonly winner?: string;
  readonly retryAfterMs?: number;
}

/** What the client lacks of a session that it was not sent for a while; like the answer to an attach with its cursor. */
export interface UpdateFrame extends Pick<AttachedFrame, "h" | "epoch" | "seq" | "head" | "records"> {
  readonly t: "update";
  readonly how: "resumed" | "patched" | "snapshot";
}

/** Too much waits for this client: it is not sent what happens in the session, until it has taken that. */
export interface LaggingFrame {
  readonly t: "lagging";
  readonly h: number;
}

/** The client has everything again, and follows the session from here on. */
export interface CaughtUpFrame {
  readonly t: "caught_up";
  readonly h: number;
}

/** The session is no longer followed. */
export interface DetachedFrame {
  readonly t: "detached";
  readonly h: number;
  readonly code: string;
  readonly message?: string;
  /** With `rules_too_new`: connect again, to another node, not before. */
  readonly retryAfterMs?: number;
}

/** A frame was refused. */
export interface ErrorFrame {
  readonly t: "error";
  /** The request it answers, where that had an id. */
  readonly id?: number;
  readonly h?: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** Go to another node: reconnect within this window. */
export interface MoveFrame {
  readonly t: "move";
  readonly withinMs: number;
}

export interface PageFrame {
  readonly t: "page";
  readonly id: number;
  readonly h: number;
  /** Absent: there is nothing older. */
  readonly page?: PageJson;
  /** To ask for the one before; absent: there is none. */
  readonly before?: number;
}

export interface PongFrame {
  readonly t: "pong";
}

export type ServerFrame =
  | WelcomeFrame
  | AttachedFrame
  | RecordFrame
  | AppendTuple
  | HiddenTuple
  | TransientFrame
  | AckFrame
  | UpdateFrame
  | LaggingFrame
  | CaughtUpFrame
  | DetachedFrame
  | ErrorFrame
  | MoveFrame
  | PageFrame
  | PongFrame;
