/** What one edge node takes on at most, and how long it waits. */
export interface EdgeLimits {
  /** Longest frame taken, in bytes; up to four times as much is answered with `frame_too_large`, more is cut off. */
  readonly maxFrameBytes: number;
  /** What may wait for one client before it counts as too slow, in bytes. */
  readonly maxBufferedBytes: number;
  readonly connections: number;
  readonly sessionsPerConnection: number;
  /** Records of one connection that have no verdict yet. */
  readonly unackedSends: number;
  readonly unackedBytes: number;
  /** Connections taken per second before newcomers are told when to come back. */
  readonly connectionsPerSecond: number;
  /** Attaches that wait for a session to be loaded, over all connections. */
  readonly pendingAttaches: number;
  /** Time for the first frame, in milliseconds. */
  readonly helloMs: number;
  /** After this silence the edge pings, in milliseconds. */
  readonly pingAfterMs: number;
  /** After this silence a connection is dead, in milliseconds. */
  readonly silenceMs: number;
  /** After this silence clients are asked to ping, in milliseconds. */
  readonly beatMs: number;
  /** A member whose connection broke has left after this, unless it is back, in milliseconds. */
  readonly settleMs: number;
  /** How long a slow client may take to drain before it is cut off, in milliseconds. */
  readonly drainSlowMs: number;
  /** How long an attach waits for the log where its cursor is ahead of this node, in milliseconds. */
  readonly cursorWaitMs: number;
  /** Longest time that a refused newcomer is told to wait, in milliseconds. */
  readonly maxRetryAfterMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_EDGE_LIMITS: EdgeLimits = {
  maxFrameBytes: MIB,
  maxBufferedBytes: 2 * MIB,
  connections: 50_000,
  sessionsPerConnection: 64,
  unackedSends: 256,
  unackedBytes: 4 * MIB,
  connectionsPerSecond: 2_000,
  pendingAttaches: 10_000,
  helloMs: 5_000,
  pingAfterMs: 5_000,
  silenceMs: 15_000,
  beatMs: 10_000,
  settleMs: 2_000,
  drainSlowMs: 15_000,
  cursorWaitMs: 1_000,
  maxRetryAfterMs: 30_000,
};
